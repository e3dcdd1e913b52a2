// Package newrelic measures by queries in NRQL, which New Relic's GraphQL service
// answers.
//
// The Secret that spec.profile names, in the namespace of the controller, has the
// keys account-id and personal-api-key, and region: us, which is the default, or
// eu; base-url-nerdgraph names another address.
//
// The value for the conditions of the metric is the row of the answer, an object
// whose fields are called as in the query: result.successRate of one that selects
// something AS 'successRate', result['average.duration'] of average(duration).
// Several rows are a list of objects, none is an empty list.
package newrelic

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/metric"
)

const (
	// Kind is the field of MetricProvider that this provider serves.
	Kind = "newRelic"
	// ResolvedQuery is the key of the query, with its arguments put in, in the
	// metadata of a metric's result.
	ResolvedQuery = "ResolvedNewRelicQuery"

	defaultProfile = "newrelic"
	defaultTimeout = 5 * time.Second
	graph          = "query($account: Int!, $nrql: Nrql!, $timeout: Seconds) { actor { account(id: $account) { nrql(query: $nrql, timeout: $timeout) { results } } } }"
)

var regions = map[string]string{"": "https://api.newrelic.com/graphql", "us": "https://api.newrelic.com/graphql", "eu": "https://api.eu.newrelic.com/graphql"}

// Provider asks New Relic.
type Provider struct{ deps metric.Deps }

// New makes a provider.
func New(deps metric.Deps) *Provider { return &Provider{deps} }

// answer is what the service says.
type answer struct {
	Data struct {
		Actor struct {
			Account struct {
				NRQL struct {
					Results []map[string]any `json:"results"`
				} `json:"nrql"`
			} `json:"account"`
		} `json:"actor"`
	} `json:"data"`
	Errors []struct {
		Message string `json:"message"`
	} `json:"errors"`
}

// Describe keeps the query with its arguments put in.
func (p *Provider) Describe(q metric.Query) map[string]string {
	return map[string]string{ResolvedQuery: q.Metric.Provider.NewRelic.Query}
}

// Measure asks the query and judges its rows.
func (p *Provider) Measure(ctx context.Context, q metric.Query, now time.Time) (v1alpha1.Measurement, error) {
	spec := q.Metric.Provider.NewRelic
	timeout, err := metric.Timeout(spec.Timeout, defaultTimeout)
	if err != nil {
		return v1alpha1.Measurement{}, err
	}
	keys, err := p.deps.Credentials(ctx, "", cmp.Or(spec.Profile, defaultProfile), "account-id", "personal-api-key")
	if err != nil {
		return v1alpha1.Measurement{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	rows, err := p.ask(ctx, keys, spec.Query, timeout)
	if err != nil {
		return v1alpha1.Measurement{}, err
	}
	var value any = rows
	if len(rows) == 1 {
		value = rows[0]
	}
	text, err := json.Marshal(value)
	if err != nil {
		return v1alpha1.Measurement{}, fmt.Errorf("showing the answer: %w", err)
	}
	return q.Judged(value, string(text), now), nil
}

// ask sends one query and returns its rows.
func (p *Provider) ask(ctx context.Context, keys map[string]string, query string, timeout time.Duration) ([]any, error) {
	account, err := strconv.Atoi(keys["account-id"])
	if err != nil {
		return nil, errors.New("account-id of the profile's Secret is not a number")
	}
	address, known := regions[strings.ToLower(keys["region"])]
	if other := keys["base-url-nerdgraph"]; other != "" {
		address, known = other, true
	}
	if !known {
		return nil, fmt.Errorf("region %q of the profile's Secret is neither us nor eu", keys["region"])
	}
	body, err := json.Marshal(map[string]any{
		"query": graph, "variables": map[string]any{"account": account, "nrql": query, "timeout": max(1, int(timeout/time.Second))},
	})
	if err != nil {
		return nil, err
	}
	data, err := p.deps.Ask(ctx, address, map[string]string{"API-Key": keys["personal-api-key"]}, body)
	if err != nil {
		return nil, err
	}
	var a answer
	if err := json.Unmarshal(data, &a); err != nil {
		return nil, fmt.Errorf("the answer is not one of New Relic: %w", err)
	}
	if len(a.Errors) > 0 {
		return nil, metric.Misread("query", query, fmt.Errorf("the query is refused: %s", a.Errors[0].Message))
	}
	rows := []any{}
	for _, r := range a.Data.Actor.Account.NRQL.Results {
		rows = append(rows, r)
	}
	return rows, nil
}

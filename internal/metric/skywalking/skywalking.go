// Package skywalking measures by GraphQL queries to Apache SkyWalking.
//
// The query gets a variable $duration, the interval up to now in steps of a
// minute. The data of the answer is the value for the conditions of the metric,
// which name it as the query does:
//
//	all(result.service_apdex.values.values, {asFloat(.value) >= 9900})
package skywalking

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/metric"
)

const (
	// Kind is the field of MetricProvider that this provider serves.
	Kind = "skywalking"
	// ResolvedQuery is the key of the query, with its arguments put in, in the
	// metadata of a metric's result.
	ResolvedQuery = "ResolvedSkyWalkingQuery"

	defaultInterval = 5 * time.Minute
	defaultTimeout  = 30 * time.Second
	// minutes is how SkyWalking writes the times of steps of a minute.
	minutes = "2006-01-02 1504"
	maxBody = 10 << 20
)

// Provider asks SkyWalking.
type Provider struct{ deps metric.Deps }

// New makes a provider.
func New(deps metric.Deps) *Provider { return &Provider{deps} }

// question is the body of a GraphQL request.
type question struct {
	Query     string               `json:"query"`
	Variables map[string]*duration `json:"variables"`
}

// duration is SkyWalking's type of that name. Its times are in UTC: the zone of
// the server unless it was told another.
type duration struct {
	Start string `json:"start"`
	End   string `json:"end"`
	Step  string `json:"step"`
}

// answer is the body of a GraphQL response.
type answer struct {
	Data   map[string]any `json:"data"`
	Errors []struct {
		Message string `json:"message"`
	} `json:"errors"`
}

// Describe keeps the query with its arguments put in.
func (p *Provider) Describe(q metric.Query) map[string]string {
	return map[string]string{ResolvedQuery: q.Metric.Provider.SkyWalking.Query}
}

// Measure runs the query over the interval up to now.
func (p *Provider) Measure(ctx context.Context, q metric.Query, now time.Time) (v1alpha1.Measurement, error) {
	spec := q.Metric.Provider.SkyWalking
	window, err := windowOf(spec, now)
	if err != nil {
		return v1alpha1.Measurement{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, defaultTimeout)
	defer cancel()
	data, err := p.ask(ctx, spec, window)
	if err != nil {
		return v1alpha1.Measurement{}, err
	}
	text, err := json.Marshal(data)
	if err != nil {
		return v1alpha1.Measurement{}, fmt.Errorf("showing the answer: %w", err)
	}
	return q.Judged(data, string(text), now), nil
}

func windowOf(spec *v1alpha1.SkyWalkingMetric, now time.Time) (*duration, error) {
	interval := defaultInterval
	if spec.Interval != "" {
		var err error
		if interval, err = spec.Interval.Duration(); err != nil {
			return nil, fmt.Errorf("interval: %w", err)
		}
	}
	end := now.UTC()
	return &duration{Start: end.Add(-interval).Format(minutes), End: end.Format(minutes), Step: "MINUTE"}, nil
}

func (p *Provider) ask(ctx context.Context, spec *v1alpha1.SkyWalkingMetric, window *duration) (map[string]any, error) {
	if u, err := url.Parse(spec.Address); err != nil || u.Host == "" {
		return nil, fmt.Errorf("address %q is not a URL with a scheme and a host, as http://skywalking-oap.istio-system:12800", spec.Address)
	}
	body, err := json.Marshal(question{Query: spec.Query, Variables: map[string]*duration{"duration": window}})
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(spec.Address, "/")+"/graphql", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("Accept", "application/json; charset=utf-8")
	rt, err := p.deps.Transports.For(false, "")
	if err != nil {
		return nil, err
	}
	resp, err := (&http.Client{Transport: rt}).Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	return read(resp, spec.Query)
}

// read takes the data out of the response to a query.
func read(resp *http.Response, query string) (map[string]any, error) {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil, fmt.Errorf("received non 2xx response code: %d", resp.StatusCode)
	}
	var a answer
	if err := json.Unmarshal(body, &a); err != nil {
		return nil, fmt.Errorf("the answer is not one of GraphQL: %w", err)
	}
	if len(a.Errors) > 0 {
		var all []string
		for _, e := range a.Errors {
			all = append(all, e.Message)
		}
		return nil, metric.Misread("query", query, errors.New("graphql: "+strings.Join(all, "; ")))
	}
	if a.Data == nil {
		return nil, errors.New("the answer has no data")
	}
	return a.Data, nil
}

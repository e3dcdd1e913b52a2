// Package datadog measures by queries to Datadog's metrics.
//
// The Secret that secretRef names, or datadog, has the keys api-key and app-key,
// and address if it is not https://api.datadoghq.com. It is in the namespace of the
// controller, or with secretRef.namespaced in that of the run.
//
// The value for the conditions of the metric is one number: of the v1 API the
// newest one of the first series, of the v2 API the aggregate of the query, or what
// the formula makes of the queries. It is nil where there is no data, so that
//
//	default(result, 0) < 5
//
// bears that.
package datadog

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/metric"
)

const (
	// Kind is the field of MetricProvider that this provider serves.
	Kind = "datadog"

	defaultSecret     = "datadog"
	defaultAddress    = "https://api.datadoghq.com"
	defaultInterval   = 5 * time.Minute
	defaultTimeout    = 10 * time.Second
	defaultAggregator = "last"
)

// Provider asks Datadog.
type Provider struct{ deps metric.Deps }

// New makes a provider.
func New(deps metric.Deps) *Provider { return &Provider{deps} }

// span is what a query looks back on.
type span struct{ from, to time.Time }

// Measure asks for a number and judges it.
func (p *Provider) Measure(ctx context.Context, q metric.Query, now time.Time) (v1alpha1.Measurement, error) {
	spec := q.Metric.Provider.Datadog
	if err := check(spec); err != nil {
		return v1alpha1.Measurement{}, err
	}
	interval, err := lasting("interval", spec.Interval, defaultInterval)
	if err != nil {
		return v1alpha1.Measurement{}, err
	}
	timeout, err := lasting("requestTimeout", spec.RequestTimeout, defaultTimeout)
	if err != nil {
		return v1alpha1.Measurement{}, err
	}
	namespace := ""
	if spec.SecretRef.Namespaced {
		namespace = q.Run.Namespace
	}
	keys, err := p.deps.Credentials(ctx, namespace, cmp.Or(spec.SecretRef.Name, defaultSecret), "api-key", "app-key")
	if err != nil {
		return v1alpha1.Measurement{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	ask := p.series
	if spec.APIVersion == "v2" {
		ask = p.scalar
	}
	value, err := ask(ctx, keys, spec, span{now.Add(-interval), now})
	if err != nil {
		return v1alpha1.Measurement{}, err
	}
	if value == nil {
		return q.Judged(nil, "[]", now), nil
	}
	return q.Judged(*value, strconv.FormatFloat(*value, 'f', -1, 64), now), nil
}

// check refuses what Datadog could not answer.
func check(spec *v1alpha1.DatadogMetric) error {
	several := len(spec.Queries) > 0
	switch {
	case spec.Query == "" && !several:
		return errors.New("datadog: must have either a query or queries")
	case spec.Query != "" && several:
		return errors.New("datadog: cannot have both a query and queries")
	case spec.APIVersion != "v2" && (several || spec.Formula != "" || spec.Aggregator != ""):
		return errors.New("datadog: queries, formula and aggregator need apiVersion v2")
	case len(spec.Queries) > 1 && spec.Formula == "":
		return errors.New("datadog: several queries need a formula, as a / b")
	case spec.Formula != "" && !several:
		return errors.New("datadog: a formula needs queries, by the names that it uses")
	}
	return nil
}

// lasting reads a duration, which must be more than nothing.
func lasting(field string, d v1alpha1.DurationString, fallback time.Duration) (time.Duration, error) {
	if d == "" {
		return fallback, nil
	}
	v, err := d.Duration()
	if err == nil && v <= 0 {
		err = fmt.Errorf("%s is not more than nothing", d)
	}
	if err != nil {
		return 0, fmt.Errorf("datadog.%s: %w", field, err)
	}
	return v, nil
}

// series asks the v1 API, which answers with points over time.
func (p *Provider) series(ctx context.Context, keys map[string]string, spec *v1alpha1.DatadogMetric, s span) (*float64, error) {
	asked := url.Values{"query": {spec.Query}, "from": {strconv.FormatInt(s.from.Unix(), 10)}, "to": {strconv.FormatInt(s.to.Unix(), 10)}}
	data, err := p.ask(ctx, keys, "/api/v1/query?"+asked.Encode(), nil)
	if err != nil {
		return nil, err
	}
	var a struct {
		Series []struct {
			Points [][2]*float64 `json:"pointlist"`
		} `json:"series"`
		Error string `json:"error"`
	}
	if err := json.Unmarshal(data, &a); err != nil {
		return nil, fmt.Errorf("the answer is not one of Datadog's v1 API: %w", err)
	}
	if a.Error != "" {
		return nil, metric.Misread("query", spec.Query, fmt.Errorf("the query is refused: %s", a.Error))
	}
	if len(a.Series) == 0 || len(a.Series[0].Points) == 0 {
		return nil, nil
	}
	points := a.Series[0].Points
	return points[len(points)-1][1], nil
}

// scalar asks the v2 API, which answers with one number.
func (p *Provider) scalar(ctx context.Context, keys map[string]string, spec *v1alpha1.DatadogMetric, s span) (*float64, error) {
	body, err := json.Marshal(map[string]any{"data": map[string]any{"type": "scalar_request", "attributes": attributes(spec, s)}})
	if err != nil {
		return nil, err
	}
	data, err := p.ask(ctx, keys, "/api/v2/query/scalar", body)
	if err != nil {
		return nil, err
	}
	var a struct {
		Data struct {
			Attributes struct {
				Columns []struct {
					Values []*float64 `json:"values"`
				} `json:"columns"`
			} `json:"attributes"`
		} `json:"data"`
		Errors string `json:"errors"`
	}
	if err := json.Unmarshal(data, &a); err != nil {
		return nil, fmt.Errorf("the answer is not one of Datadog's v2 API: %w", err)
	}
	if a.Errors != "" {
		return nil, metric.Misread("a query or the formula", string(body), fmt.Errorf("the query is refused: %s", a.Errors))
	}
	columns := a.Data.Attributes.Columns
	if len(columns) == 0 || len(columns[0].Values) == 0 {
		return nil, nil
	}
	return columns[0].Values[0], nil
}

// attributes is what the v2 API is asked: queries by name, and one formula.
func attributes(spec *v1alpha1.DatadogMetric, s span) map[string]any {
	queries, formula := spec.Queries, spec.Formula
	if spec.Query != "" {
		queries, formula = map[string]string{"query": spec.Query}, "query"
	}
	names := slices.Sorted(maps.Keys(queries))
	if formula == "" {
		formula = names[0]
	}
	aggregator := cmp.Or(spec.Aggregator, defaultAggregator)
	var list []map[string]string
	for _, name := range names {
		list = append(list, map[string]string{"name": name, "query": queries[name], "data_source": "metrics", "aggregator": aggregator})
	}
	return map[string]any{
		"from": s.from.UnixMilli(), "to": s.to.UnixMilli(),
		"queries": list, "formulas": []map[string]string{{"formula": formula}},
	}
}

// ask sends one request with the keys of the account.
func (p *Provider) ask(ctx context.Context, keys map[string]string, path string, body []byte) ([]byte, error) {
	address := cmp.Or(strings.TrimSuffix(keys["address"], "/"), defaultAddress)
	return p.deps.Ask(ctx, address+path, map[string]string{"DD-API-KEY": keys["api-key"], "DD-APPLICATION-KEY": keys["app-key"]}, body)
}

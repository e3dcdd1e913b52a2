// Package influxdb measures by queries in Flux.
//
// The Secret that spec.profile names, in the namespace of the controller, has the
// keys address, authToken and org.
//
// The value for the conditions of the metric is a list with the _value of each
// record of the answer, so that result[0] is the first one and len(result) == 0
// says that there is no data.
package influxdb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"
	influxhttp "github.com/influxdata/influxdb-client-go/v2/api/http"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/metric"
)

const (
	// Kind is the field of MetricProvider that this provider serves.
	Kind = "influxdb"
	// ResolvedQuery is the key of the query, with its arguments put in, in the
	// metadata of a metric's result.
	ResolvedQuery = "ResolvedInfluxdbQuery"

	defaultProfile = "influxdb"
	timeout        = 30 * time.Second
	maxRecords     = 10_000
)

// Provider asks InfluxDB.
type Provider struct{ deps metric.Deps }

// New makes a provider.
func New(deps metric.Deps) *Provider { return &Provider{deps} }

// Describe keeps the query with its arguments put in.
func (p *Provider) Describe(q metric.Query) map[string]string {
	return map[string]string{ResolvedQuery: q.Metric.Provider.Influxdb.Query}
}

// Measure asks the query and judges the values of its records.
func (p *Provider) Measure(ctx context.Context, q metric.Query, now time.Time) (v1alpha1.Measurement, error) {
	spec := q.Metric.Provider.Influxdb
	keys, err := p.deps.Credentials(ctx, "", cmp.Or(spec.Profile, defaultProfile), "address", "authToken", "org")
	if err != nil {
		return v1alpha1.Measurement{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	values, err := p.ask(ctx, keys, spec.Query)
	if err != nil {
		return v1alpha1.Measurement{}, err
	}
	return q.Judged(values, metric.ListText("%v", values), now), nil
}

// ask lists the values of the records that a query answers with.
func (p *Provider) ask(ctx context.Context, keys map[string]string, query string) ([]any, error) {
	rt, err := p.deps.Transports.For(false, "")
	if err != nil {
		return nil, err
	}
	options := influxdb2.DefaultOptions().SetHTTPClient(&http.Client{Transport: rt}).SetLogLevel(0)
	client := influxdb2.NewClientWithOptions(keys["address"], keys["authToken"], options)
	defer client.Close()
	records, err := client.QueryAPI(keys["org"]).Query(ctx, query)
	if refused := (*influxhttp.Error)(nil); errors.As(err, &refused) && refused.StatusCode == http.StatusBadRequest {
		return nil, metric.Misread("query", query, err)
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = records.Close() }()
	values := []any{}
	for records.Next() {
		if len(values) == maxRecords {
			return nil, fmt.Errorf("the answer has more than %d records: aggregate in the query", maxRecords)
		}
		values = append(values, records.Record().Value())
	}
	if err := records.Err(); err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	return values, nil
}

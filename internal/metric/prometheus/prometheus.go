// Package prometheus measures by PromQL.
//
// It asks through the official client. An instant query has the time of the
// measurement; a range query has the start and end that its expressions yield.
// A scalar is a number for the conditions of the metric, a vector or a matrix a
// list of numbers: result against result[0]. No data is NaN in a scalar and an
// empty list in a vector.
package prometheus

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/api"
	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/analysis"
	"github.com/aviary-rollouts/aviary/internal/equal"
	"github.com/aviary-rollouts/aviary/internal/metric"
)

const (
	// Kind is the field of MetricProvider that this provider serves.
	Kind = "prometheus"
	// ResolvedQuery is the key of the query, with its arguments put in, in the
	// metadata of a metric's result.
	ResolvedQuery = "ResolvedPrometheusQuery"
	// defaultTimeout of a query.
	defaultTimeout = 30 * time.Second
)

var errHistogram = errors.New("the query yields histograms: take a number out of them, as with histogram_quantile(0.95, ...)")

// Provider asks Prometheus.
type Provider struct {
	deps metric.Deps
	// clients are those of servers that are asked without credentials and headers.
	clients metric.Memo[endpoint, promv1.API]
}

// endpoint is what a client of a server without credentials and headers follows from.
type endpoint struct {
	address  string
	insecure bool
	caCert   string
}

// New makes a provider.
func New(deps metric.Deps) *Provider { return &Provider{deps: deps} }

// Describe keeps the query with its arguments put in.
func (p *Provider) Describe(q metric.Query) map[string]string {
	if q.Metric.Provider.Prometheus.Query == "" {
		return nil
	}
	return map[string]string{ResolvedQuery: q.Metric.Provider.Prometheus.Query}
}

// Measure runs the query as of now.
func (p *Provider) Measure(ctx context.Context, q metric.Query, now time.Time) (v1alpha1.Measurement, error) {
	spec := q.Metric.Provider.Prometheus
	timeout, err := metric.Timeout(spec.Timeout, defaultTimeout)
	if err != nil {
		return v1alpha1.Measurement{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	server, err := p.server(ctx, spec)
	if err != nil {
		return v1alpha1.Measurement{}, err
	}
	answer, err := ask(ctx, server, spec, now)
	if refused := (*promv1.Error)(nil); errors.As(err, &refused) && refused.Type == promv1.ErrBadData {
		err = metric.Misread("query", spec.Query, err)
	}
	if err != nil {
		return v1alpha1.Measurement{}, err
	}
	value, text, err := read(answer)
	if err != nil {
		return v1alpha1.Measurement{}, err
	}
	return q.Judged(value, text, now), nil
}

// server is the client of the server that a metric names.
func (p *Provider) server(ctx context.Context, spec *v1alpha1.PrometheusMetric) (promv1.API, error) {
	address := spec.Address
	if address == "" {
		address = p.deps.Settings.PrometheusAddress
	}
	if address == "" {
		return nil, errors.New("no address: set provider.prometheus.address, or ARGO_ROLLOUTS_PROMETHEUS_ADDRESS for the controller")
	}
	if len(spec.Headers) == 0 && equal.Objects(&spec.Authentication, &v1alpha1.Authentication{}) {
		return p.clients.Of(endpoint{address, spec.Insecure, spec.CACert}, func() (promv1.API, error) { return p.connect(ctx, spec, address) })
	}
	return p.connect(ctx, spec, address)
}

func (p *Provider) connect(ctx context.Context, spec *v1alpha1.PrometheusMetric, address string) (promv1.API, error) {
	if u, err := url.Parse(address); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("address %q is not a URL: it needs a scheme and a host, as http://prometheus.monitoring:9090", address)
	}
	rt, err := p.transport(ctx, spec)
	if err != nil {
		return nil, err
	}
	client, err := api.NewClient(api.Config{Address: address, Client: &http.Client{Transport: rt}})
	if err != nil {
		return nil, fmt.Errorf("address %q: %w", address, err)
	}
	return promv1.NewAPI(client), nil
}

func (p *Provider) transport(ctx context.Context, spec *v1alpha1.PrometheusMetric) (http.RoundTripper, error) {
	rt, err := p.deps.Transports.For(spec.Insecure, spec.CACert)
	if err != nil {
		return nil, err
	}
	if rt, err = metric.Authorize(ctx, rt, spec.Authentication); err != nil {
		return nil, err
	}
	return metric.WithHeaders(rt, spec.Headers), nil
}

func ask(ctx context.Context, server promv1.API, spec *v1alpha1.PrometheusMetric, now time.Time) (model.Value, error) {
	if spec.RangeQuery == nil {
		answer, _, err := server.Query(ctx, spec.Query, now)
		return answer, err
	}
	r, err := rangeOf(spec.RangeQuery, now)
	if err != nil {
		return nil, metric.Misread("rangeQuery", fmt.Sprintln(spec.RangeQuery.Start, spec.RangeQuery.End, spec.RangeQuery.Step), fmt.Errorf("rangeQuery.%w", err))
	}
	answer, _, err := server.QueryRange(ctx, spec.Query, r)
	return answer, err
}

// rangeOf evaluates the times of a range query.
func rangeOf(args *v1alpha1.PrometheusRangeQueryArgs, now time.Time) (promv1.Range, error) {
	start, err := analysis.Moment(args.Start, now)
	if err != nil {
		return promv1.Range{}, fmt.Errorf("start %q: %w", args.Start, err)
	}
	end, err := analysis.Moment(args.End, now)
	if err != nil {
		return promv1.Range{}, fmt.Errorf("end %q: %w", args.End, err)
	}
	step, err := args.Step.Duration()
	if err != nil {
		return promv1.Range{}, fmt.Errorf("step: %w", err)
	}
	if step <= 0 {
		return promv1.Range{}, fmt.Errorf("step must be > 0, got %s", args.Step)
	}
	return promv1.Range{Start: start, End: end, Step: step}, nil
}

// read turns an answer into a value for the conditions and a text for people: 0.97
// of a scalar, [0.97,0.98] of a vector of two, [] of one without data. A matrix is
// the list of all its samples.
func read(answer model.Value) (any, string, error) {
	switch answer := answer.(type) {
	case *model.Scalar:
		return float64(answer.Value), answer.Value.String(), nil
	case model.Vector:
		samples := make([]model.SampleValue, 0, len(answer))
		for _, s := range answer {
			if s.Histogram != nil {
				return nil, "", errHistogram
			}
			samples = append(samples, s.Value)
		}
		return list(samples)
	case model.Matrix:
		var samples []model.SampleValue
		for _, series := range answer {
			if len(series.Histograms) > 0 {
				return nil, "", errHistogram
			}
			for _, s := range series.Values {
				samples = append(samples, s.Value)
			}
		}
		return list(samples)
	case nil:
		return nil, "", errors.New("the server sent no result")
	}
	return nil, "", fmt.Errorf("the query yields a %s: only scalars, vectors and ranges can be judged", answer.Type())
}

func list(samples []model.SampleValue) (any, string, error) {
	values := make([]float64, 0, len(samples))
	for _, s := range samples {
		values = append(values, float64(s))
	}
	return values, metric.ListText("%v", samples), nil
}

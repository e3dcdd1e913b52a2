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

// InProcess is a transport that leads to servers in this very process, as that of a
// simulation does. It answers most instant queries itself, as their servers would, and
// reports false for what it wants to be asked by HTTP. Queries with credentials or
// headers are, for they are about the request.
type InProcess interface {
	Instant(ctx context.Context, host, query string, at time.Time) (answer model.Value, ok bool)
}

// Provider asks Prometheus.
type Provider struct {
	deps metric.Deps
	// servers are those that are asked without credentials and headers.
	servers metric.Memo[endpoint, server]
}

// server is one that can be asked.
type server struct {
	promv1.API
	host string
	near InProcess // nil if it is not in this process
}

// endpoint is what a server without credentials and headers follows from.
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
	asked, err := p.server(ctx, spec)
	if err != nil {
		return v1alpha1.Measurement{}, err
	}
	answer, err := asked.ask(ctx, spec, now, timeout)
	if err != nil {
		return v1alpha1.Measurement{}, err
	}
	value, text, err := read(answer)
	if err != nil {
		return v1alpha1.Measurement{}, err
	}
	return q.Judged(value, text, now), nil
}

// server finds the one that a metric names.
func (p *Provider) server(ctx context.Context, spec *v1alpha1.PrometheusMetric) (server, error) {
	address := spec.Address
	if address == "" {
		address = p.deps.Settings.PrometheusAddress
	}
	if address == "" {
		return server{}, errors.New("no address: set provider.prometheus.address, or ARGO_ROLLOUTS_PROMETHEUS_ADDRESS for the controller")
	}
	if len(spec.Headers) == 0 && equal.Objects(&spec.Authentication, &v1alpha1.Authentication{}) {
		return p.servers.Of(endpoint{address, spec.Insecure, spec.CACert}, func() (server, error) { return p.connect(ctx, spec, address) })
	}
	return p.connect(ctx, spec, address)
}

func (p *Provider) connect(ctx context.Context, spec *v1alpha1.PrometheusMetric, address string) (server, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return server{}, fmt.Errorf("address %q is not a URL: it needs a scheme and a host, as http://prometheus.monitoring:9090", address)
	}
	rt, err := p.transport(ctx, spec)
	if err != nil {
		return server{}, err
	}
	client, err := api.NewClient(api.Config{Address: address, Client: &http.Client{Transport: rt}})
	if err != nil {
		return server{}, fmt.Errorf("address %q: %w", address, err)
	}
	near, _ := rt.(InProcess)
	return server{promv1.NewAPI(client), u.Hostname(), near}, nil
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

// ask asks what a metric wants to know.
func (s server) ask(ctx context.Context, spec *v1alpha1.PrometheusMetric, now time.Time, timeout time.Duration) (answer model.Value, err error) {
	if s.near != nil && spec.RangeQuery == nil {
		if answer, ok := s.near.Instant(ctx, s.host, spec.Query, now); ok {
			return answer, nil
		}
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if spec.RangeQuery == nil {
		answer, _, err = s.Query(ctx, spec.Query, now)
		return answer, err
	}
	r, err := rangeOf(spec.RangeQuery, now)
	if err != nil {
		return nil, fmt.Errorf("rangeQuery.%w", err)
	}
	answer, _, err = s.QueryRange(ctx, spec.Query, r)
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

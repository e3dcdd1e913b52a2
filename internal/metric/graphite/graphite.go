// Package graphite measures by the render API of Graphite.
//
// The query is what stands behind the question mark of that API: one target, and
// from and until if the last five minutes are not what is meant. The value for the
// conditions of the metric is a list with the newest number of each series that the
// server answers with; series without any number are left out, so that
//
//	len(result) == 0 || result[0] <= 5
//
// bears that there is no data.
package graphite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/metric"
)

const (
	// Kind is the field of MetricProvider that this provider serves.
	Kind = "graphite"
	// defaultFrom is what a query looks back that does not say it.
	defaultFrom = "-5min"
	timeout     = 30 * time.Second
	maxBody     = 10 << 20
)

// Provider asks Graphite.
type Provider struct{ deps metric.Deps }

// New makes a provider.
func New(deps metric.Deps) *Provider { return &Provider{deps} }

// series is one of those that the render API answers with. A point is a number,
// null where there is none, and its time.
type series struct {
	Points [][2]*float64 `json:"datapoints"`
}

// Measure asks for the target and judges the newest number of each series.
func (p *Provider) Measure(ctx context.Context, q metric.Query, now time.Time) (v1alpha1.Measurement, error) {
	address, err := render(*q.Metric.Provider.Graphite)
	if err != nil {
		return v1alpha1.Measurement{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	answer, err := p.ask(ctx, address)
	if err != nil {
		return v1alpha1.Measurement{}, err
	}
	values := newest(answer)
	return q.Judged(values, metric.ListText("%.6f", values), now), nil
}

// render is the address of a question. Values stand in the query as a person writes
// them: a target over several lines, with signs that an address must escape.
func render(spec v1alpha1.GraphiteMetric) (string, error) {
	base, err := url.Parse(spec.Address)
	if err != nil || base.Host == "" {
		return "", fmt.Errorf("address %q is not a URL with a scheme and a host, as http://graphite:8080", spec.Address)
	}
	asked := url.Values{}
	for _, part := range strings.Split(spec.Query, "&") {
		if name, value, ok := strings.Cut(strings.TrimSpace(part), "="); ok {
			asked.Add(name, value)
		}
	}
	if asked.Get("target") == "" {
		return "", fmt.Errorf("query %q has no target: write target=NAME, as in target=summarize(web.errors, '5min', 'sum')", spec.Query)
	}
	if asked.Get("from") == "" {
		asked.Set("from", defaultFrom)
	}
	asked.Set("format", "json")
	base = base.JoinPath("render")
	base.RawQuery = asked.Encode()
	return base.String(), nil
}

// ask sends a question and reads the answer.
func (p *Provider) ask(ctx context.Context, address string) ([]series, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	rt, err := p.deps.Transports.For(false, "")
	if err != nil {
		return nil, err
	}
	body, err := metric.Fetch(rt, req, maxBody)
	if errors.Is(err, metric.ErrTooLong) {
		return nil, errors.New("the answer is too long: ask for fewer series or less time")
	}
	if err != nil {
		return nil, err
	}
	var answer []series
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("the answer is not one of Graphite's render API: %w", err)
	}
	return answer, nil
}

// newest lists the newest number of each series that has one.
func newest(answer []series) []float64 {
	values := []float64{}
	for _, s := range answer {
		for i := len(s.Points) - 1; i >= 0; i-- {
			if v := s.Points[i][0]; v != nil {
				values = append(values, *v)
				break
			}
		}
	}
	return values
}

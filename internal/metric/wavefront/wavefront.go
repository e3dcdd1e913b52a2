// Package wavefront measures by queries in Wavefront's language.
//
// The Secret wavefront-api-tokens, in the namespace of the controller, has a token
// for each address, under the address as key.
//
// The value for the conditions of the metric is the newest number of the series
// that the server answers with; a list of them if there are several series. A
// query without any series is an error.
package wavefront

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/metric"
)

const (
	// Kind is the field of MetricProvider that this provider serves.
	Kind = "wavefront"

	tokens  = "wavefront-api-tokens"
	timeout = 30 * time.Second
	// back is how far the newest number may lie back.
	back = 5 * time.Minute
)

// Provider asks Wavefront.
type Provider struct{ deps metric.Deps }

// New makes a provider.
func New(deps metric.Deps) *Provider { return &Provider{deps} }

// answer is what the chart API says. A point is a time in seconds and a number.
type answer struct {
	Series []struct {
		Data [][2]float64 `json:"data"`
	} `json:"timeseries"`
	Error string `json:"errorMessage"`
}

// Measure asks the query and judges the newest number of each series.
func (p *Provider) Measure(ctx context.Context, q metric.Query, now time.Time) (v1alpha1.Measurement, error) {
	spec := q.Metric.Provider.Wavefront
	keys, err := p.deps.Credentials(ctx, "", tokens, spec.Address)
	if err != nil {
		return v1alpha1.Measurement{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	address := url.URL{Scheme: "https", Host: spec.Address, Path: "/api/v2/chart/api"}
	address.RawQuery = url.Values{
		"q": {spec.Query}, "s": {millis(now.Add(-back))}, "e": {millis(now)}, "g": {"s"}, "strict": {"true"},
	}.Encode()
	data, err := p.deps.Ask(ctx, address.String(), map[string]string{"Authorization": "Bearer " + keys[spec.Address]}, nil)
	if err != nil {
		return v1alpha1.Measurement{}, err
	}
	values, err := read(data, spec.Query)
	if err != nil {
		return v1alpha1.Measurement{}, err
	}
	if len(values) == 1 {
		return q.Judged(values[0], fmt.Sprintf("%.2f", values[0]), now), nil
	}
	return q.Judged(values, metric.ListText("%.2f", values), now), nil
}

func millis(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }

// read lists the newest number of each series that a query is answered with.
func read(data []byte, query string) ([]float64, error) {
	var a answer
	if err := json.Unmarshal(data, &a); err != nil {
		return nil, fmt.Errorf("the answer is not one of Wavefront's chart API: %w", err)
	}
	if a.Error != "" {
		return nil, metric.Misread("query", query, fmt.Errorf("the query is refused: %s", a.Error))
	}
	var values []float64
	for _, s := range a.Series {
		if n := len(s.Data); n > 0 {
			newest := s.Data[0]
			for _, point := range s.Data {
				if point[0] >= newest[0] {
					newest = point
				}
			}
			values = append(values, newest[1])
		}
	}
	if len(values) == 0 {
		return nil, errors.New("no TimeSeries found in response from Wavefront")
	}
	return values, nil
}

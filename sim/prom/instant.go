package prom

import (
	"context"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
)

// Instant answers what a client that asks /api/v1/query reads from the answer, for
// those in the same process, who can do without HTTP, forms and JSON. The host is of no
// account. It reports false, and says nothing, for results that are neither a scalar
// nor a vector of plain numbers, and for errors: those are asked for in full.
func (s *Server) Instant(ctx context.Context, _, query string, at time.Time) (answer model.Value, ok bool) {
	s.sync()
	q := question{text: query, start: ofSeconds(float64(at.Unix()) + float64(at.Nanosecond())/1e9)}
	err := s.db.ask(ctx, q, func(result *promql.Result) {
		if result.Err != nil {
			return
		}
		switch v := result.Value.(type) {
		case promql.Scalar:
			answer, ok = &model.Scalar{Value: model.SampleValue(v.V), Timestamp: model.Time(v.T)}, true
		case promql.Vector:
			answer, ok = vectorOf(v)
		}
	})
	return answer, ok && err == nil
}

// vectorOf is a vector as clients know it; false if it has a histogram.
func vectorOf(v promql.Vector) (model.Vector, bool) {
	samples, all := make([]model.Sample, len(v)), make(model.Vector, len(v))
	for i, s := range v {
		if s.H != nil {
			return nil, false
		}
		samples[i] = model.Sample{Metric: make(model.Metric, s.Metric.Len()), Value: model.SampleValue(s.F), Timestamp: model.Time(s.T)}
		s.Metric.Range(func(l labels.Label) { samples[i].Metric[model.LabelName(l.Name)] = model.LabelValue(l.Value) })
		all[i] = &samples[i]
	}
	return all, true
}

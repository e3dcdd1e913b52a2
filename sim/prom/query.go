package prom

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/prometheus/promql"
)

// Value is one number of an answer.
type Value struct {
	// Labels are those of the series, as PromQL writes them; a scalar has none.
	Labels string
	// Value may be NaN or infinite.
	Value float64
}

// Query evaluates a query at a time, for those who want to look at the data
// without HTTP. A scalar is one value, a vector one for each series in the
// order of the engine; other kinds of answer are an error, as is what the
// engine refuses.
func (db *DB) Query(query string, at time.Time) (values []Value, err error) {
	refused := db.ask(context.Background(), question{text: query, start: at}, func(r *promql.Result) {
		switch v := r.Value.(type) {
		case promql.Scalar:
			values = []Value{{"", v.V}}
		case promql.Vector:
			for _, s := range v {
				values = append(values, Value{s.Metric.String(), s.F})
			}
		default:
			err = r.Err
			if err == nil {
				err = fmt.Errorf("the answer is a %s, not a scalar or a vector", r.Value.Type())
			}
		}
	})
	if refused != nil {
		err = refused
	}
	if err != nil {
		return nil, fmt.Errorf("evaluate %q: %w", query, err)
	}
	return values, nil
}

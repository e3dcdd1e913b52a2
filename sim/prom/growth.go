package prom

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

// Growth is by how much the counters grew that a part of a query looks at, by the
// values of a label; series without the label are under "".
type Growth map[string]float64

// Growth tells whose counters a query adds up: one answer for each of its selectors
// with a range, as of the range that ends at a time. Matchers of the labels that instead
// names are put aside for those values, or for any value where it is empty, to ask for
// another report of the same. There is no answer if the query keeps series apart: by a
// grouping, or without adding anything up. The error is that of the parser, or of the
// engine.
func (db *DB) Growth(query string, at time.Time, label string, instead map[string]string) (all []Growth, err error) {
	expr, err := newLender().Parser.ParseExpr(query)
	if err != nil {
		return nil, fmt.Errorf("read the query: %w", err)
	}
	apart := false
	var selectors []*parser.MatrixSelector
	parser.Inspect(expr, func(node parser.Node, path []parser.Node) error {
		if s, ok := node.(*parser.MatrixSelector); ok {
			selectors = append(selectors, s)
			apart = apart || !slices.ContainsFunc(path, addsUp)
		}
		return nil
	})
	if apart {
		return nil, nil
	}
	for _, s := range selectors {
		grown, err := db.growth(s, at, label, instead)
		if err != nil {
			return nil, err
		}
		all = append(all, grown)
	}
	return all, nil
}

// addsUp is true for an aggregation that leaves one number of all series.
func addsUp(node parser.Node) bool {
	a, ok := node.(*parser.AggregateExpr)
	return ok && len(a.Grouping) == 0 && !a.Without
}

func (db *DB) growth(s *parser.MatrixSelector, at time.Time, label string, instead map[string]string) (Growth, error) {
	vector := s.VectorSelector.(*parser.VectorSelector)
	matchers := slices.DeleteFunc(slices.Clone(vector.LabelMatchers), func(m *labels.Matcher) bool {
		_, replaced := instead[m.Name]
		return replaced
	})
	for name, value := range instead {
		if value == "" {
			continue
		}
		matchers = append(matchers, labels.MustNewMatcher(labels.MatchEqual, name, value))
	}
	selector := (&parser.VectorSelector{Name: vector.Name, LabelMatchers: matchers}).String()
	q := question{text: fmt.Sprintf("sum by (%s) (increase(%s[%dms]))", label, selector, s.Range.Milliseconds()), start: at}
	grown := Growth{}
	var failed error
	err := db.ask(context.Background(), q, func(r *promql.Result) {
		v, err := r.Vector()
		for _, sample := range v {
			grown[sample.Metric.Get(label)] += sample.F
		}
		failed = err
	})
	if err = cmp.Or(err, failed); err != nil {
		return nil, fmt.Errorf("evaluate %q: %w", q.text, err)
	}
	return grown, nil
}

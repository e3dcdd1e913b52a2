package prom

import (
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// LongestWindow returns how far a query looks back at most: the longest of its
// ranges, those of subqueries around them added, and the offset that all of it has: the
// least of its selectors. One that compares the present with the past has none. It is
// 0 if the query looks at one moment. The error is that of the parser.
//
//	sum(rate(requests[1m])) / sum(rate(requests[5m]))                        5m
//	max_over_time(rate(requests[1m])[10m:])                                  11m
//	sum(rate(errors[1m] offset 2m)) / sum(rate(requests[1m] offset 2m))      3m
//	sum(rate(requests[1m])) / sum(rate(requests[1m] offset 1d))              1m
func LongestWindow(query string) (time.Duration, error) {
	expr, err := newLender().Parser.ParseExpr(query)
	if err != nil {
		return 0, fmt.Errorf("read the query: %w", err)
	}
	var longest, offset time.Duration
	first := true
	parser.Inspect(expr, func(node parser.Node, path []parser.Node) error {
		window, selected := windowOf(node)
		back := offsetOf(node)
		for _, outer := range path {
			more, _ := windowOf(outer)
			window += more
			back += offsetOf(outer)
		}
		longest = max(longest, window)
		if selected && (first || back < offset) {
			offset, first = back, false
		}
		return nil
	})
	return max(longest+offset, 0), nil
}

// windowOf is the range of a part of a query; selected is true for a selector.
func windowOf(node parser.Node) (window time.Duration, selected bool) {
	switch n := node.(type) {
	case *parser.VectorSelector:
		return 0, true
	case *parser.MatrixSelector:
		return n.Range, false
	case *parser.SubqueryExpr:
		return n.Range, false
	}
	return 0, false
}

func offsetOf(node parser.Node) time.Duration {
	switch n := node.(type) {
	case *parser.VectorSelector:
		return n.OriginalOffset
	case *parser.SubqueryExpr:
		return n.OriginalOffset
	}
	return 0
}

// Gap is a part of a query that no series ever matched.
type Gap struct {
	// Selector is that part, as PromQL writes it.
	Selector string
	// Label is a label that leaves nothing: __name__ if no series has the name,
	// else one that no series of the name satisfies, else one without which
	// there would be some; empty if there is no such label.
	Label string
	// Values are those that the label has otherwise, sorted.
	Values []string
}

// Gaps lists the selectors of a query that match no series of the database,
// whatever the time, each once. The error is that of the parser.
func (db *DB) Gaps(query string) (gaps []Gap, err error) {
	expr, err := newLender().Parser.ParseExpr(query)
	if err != nil {
		return nil, fmt.Errorf("read the query: %w", err)
	}
	db.wakeFor(nil) // what there is instead is told too
	for _, s := range selectorsOf(expr) {
		text := (&parser.VectorSelector{Name: s.Name, LabelMatchers: s.LabelMatchers}).String()
		known := slices.ContainsFunc(gaps, func(g Gap) bool { return g.Selector == text })
		if known || len(db.matching(s.LabelMatchers, nil)) > 0 {
			continue
		}
		gap := Gap{Selector: text}
		gap.Label, gap.Values = db.culprit(s.LabelMatchers)
		gaps = append(gaps, gap)
	}
	return gaps, nil
}

// culprit finds the matcher that leaves nothing: that of the name, else one that
// no series of the name satisfies, else one without which series would match.
func (db *DB) culprit(matchers []*labels.Matcher) (label string, values []string) {
	var name []*labels.Matcher
	for _, m := range matchers {
		if m.Name == model.MetricNameLabel {
			name = append(name, m)
		}
	}
	named := db.matching(name, nil)
	if len(named) == 0 {
		return model.MetricNameLabel, valuesOf(db.matching(nil, nil), model.MetricNameLabel)
	}
	for _, m := range matchers {
		if len(db.matching(append(slices.Clone(name), m), nil)) == 0 {
			return m.Name, valuesOf(named, m.Name)
		}
	}
	for _, m := range matchers {
		if rest := db.matching(matchers, m); m.Name != model.MetricNameLabel && len(rest) > 0 {
			return m.Name, valuesOf(rest, m.Name)
		}
	}
	return "", nil
}

// matching returns the series that satisfy all matchers but one.
func (db *DB) matching(matchers []*labels.Matcher, but *labels.Matcher) (found []*Series) {
	for _, s := range db.series {
		if len(s.points) > 0 && !slices.ContainsFunc(matchers, func(m *labels.Matcher) bool { return m != but && !m.Matches(s.labels.Get(m.Name)) }) {
			found = append(found, s)
		}
	}
	return found
}

func valuesOf(series []*Series, label string) (values []string) {
	for _, s := range series {
		if v := s.labels.Get(label); v != "" {
			values = append(values, v)
		}
	}
	slices.Sort(values)
	return slices.Compact(values)
}

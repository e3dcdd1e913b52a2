package prom

import (
	"context"
	"slices"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/util/annotations"
)

var _ storage.Queryable = (*DB)(nil)

// Querier returns a reader of the samples from mint to maxt, both included, in
// milliseconds.
func (db *DB) Querier(mint, maxt int64) (storage.Querier, error) {
	return querier{db, mint, maxt}, nil
}

type querier struct {
	db         *DB
	mint, maxt int64
}

// Close does nothing.
func (q querier) Close() error { return nil }

// Select returns the series that match and have a sample in the range of the
// hints, or without hints in that of the querier.
func (q querier) Select(_ context.Context, sorted bool, hints *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	mint, maxt := q.mint, q.maxt
	if hints != nil {
		mint, maxt = hints.Start, hints.End
	}
	set := &seriesSet{mint: mint, maxt: maxt, next: -1}
	for _, s := range q.db.candidates(matchers) {
		if matches(s.labels, matchers) && s.hasBetween(mint, maxt) {
			set.series = append(set.series, s)
		}
	}
	switch {
	case sorted:
		slices.SortFunc(set.series, func(a, b *Series) int { return labels.Compare(a.labels, b.labels) })
	case !slices.IsSortedFunc(set.series, (*Series).compare):
		slices.SortFunc(set.series, (*Series).compare)
	}
	return set
}

// candidates returns a superset of the series that match: those of the rarest
// label that a matcher asks for by name and value, or else all.
func (db *DB) candidates(matchers []*labels.Matcher) []*Series {
	db.wakeFor(matchers)
	best := db.series
	for _, m := range matchers {
		if m.Type != labels.MatchEqual || m.Value == "" {
			continue
		}
		if with := db.with(Label{m.Name, m.Value}); len(with) < len(best) {
			best = with
		}
	}
	return best
}

func matches(ls labels.Labels, matchers []*labels.Matcher) bool {
	for _, m := range matchers {
		if !m.Matches(ls.Get(m.Name)) {
			return false
		}
	}
	return true
}

// hasBetween reports whether there is a sample from mint to maxt.
func (s *Series) hasBetween(mint, maxt int64) bool {
	i := s.points.from(mint)
	return i < len(s.points) && s.points[i].t <= maxt
}

// LabelValues returns the values of a label, sorted.
func (q querier) LabelValues(_ context.Context, name string, _ *storage.LabelHints, matchers ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	values := q.collect(matchers, func(ls labels.Labels, add func(string)) {
		if v := ls.Get(name); v != "" {
			add(v)
		}
	})
	return values, nil, nil
}

// LabelNames returns the names of labels, sorted.
func (q querier) LabelNames(_ context.Context, _ *storage.LabelHints, matchers ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	names := q.collect(matchers, func(ls labels.Labels, add func(string)) {
		ls.Range(func(l labels.Label) { add(l.Name) })
	})
	return names, nil, nil
}

// collect returns what pick adds for the series that match, sorted and without
// repetitions.
func (q querier) collect(matchers []*labels.Matcher, pick func(labels.Labels, func(string))) []string {
	var all []string
	for _, s := range q.db.candidates(matchers) {
		if matches(s.labels, matchers) && s.hasBetween(q.mint, q.maxt) {
			pick(s.labels, func(text string) { all = append(all, text) })
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// seriesSet iterates over selected series.
type seriesSet struct {
	series     []*Series
	mint, maxt int64
	next       int
}

func (s *seriesSet) Next() bool {
	s.next++
	return s.next < len(s.series)
}

func (s *seriesSet) At() storage.Series {
	return selected{s.series[s.next], s.mint, s.maxt}
}

func (s *seriesSet) Err() error                        { return nil }
func (s *seriesSet) Warnings() annotations.Annotations { return nil }

// selected is a series cut to a range of time.
type selected struct {
	series     *Series
	mint, maxt int64
}

func (s selected) Labels() labels.Labels { return s.series.labels }

// Iterator returns the library's iterator over samples in memory.
func (s selected) Iterator(reuse chunkenc.Iterator) chunkenc.Iterator {
	points := s.series.points
	points = points[points.from(s.mint):points.from(s.maxt+1)]
	if it, ok := reuse.(interface{ Reset(storage.Samples) }); ok {
		it.Reset(points)
		return reuse
	}
	return storage.NewListSeriesIterator(points)
}

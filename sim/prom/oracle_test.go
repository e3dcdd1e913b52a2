package prom

import (
	"context"
	"slices"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
)

// naive is the plainest thing the engine can read: every sample of every
// series, looked through from the start. Tests hold the database against it.
type naive []storage.Series

func (n naive) Querier(int64, int64) (storage.Querier, error) {
	return &storage.MockQuerier{SelectMockFunction: func(_ bool, _ *storage.SelectHints, ms ...*labels.Matcher) storage.SeriesSet {
		found := slices.Clone(n)
		found = slices.DeleteFunc(found, func(s storage.Series) bool {
			for _, m := range ms {
				if !m.Matches(s.Labels().Get(m.Name)) {
					return true
				}
			}
			return false
		})
		return &naiveSet{found: found}
	}}, nil
}

type naiveSet struct {
	found naive
	at    storage.Series
}

func (s *naiveSet) Next() bool {
	if len(s.found) == 0 {
		return false
	}
	s.at, s.found = s.found[0], s.found[1:]
	return true
}

func (s *naiveSet) At() storage.Series                { return s.at }
func (s *naiveSet) Err() error                        { return nil }
func (s *naiveSet) Warnings() annotations.Annotations { return nil }

// naiveOf copies a database.
func naiveOf(db *DB) (n naive) {
	for _, s := range db.series {
		var samples []chunks.Sample
		for _, p := range s.points {
			samples = append(samples, &p)
		}
		n = append(n, storage.NewListSeries(s.labels, samples))
	}
	return n
}

// plainEngine is an engine that parses every query anew.
var plainEngine = promql.NewEngine(promql.EngineOpts{
	Parser: parser.NewParser(parser.Options{}), MaxSamples: 1e6, Timeout: 1e12,
	EnableAtModifier: true, EnableNegativeOffset: true,
	NoStepSubqueryIntervalFn: func(int64) int64 { return 60000 },
})

// askNaive answers a question without any part of this package.
func askNaive(n naive, q question) string {
	var (
		query promql.Query
		err   error
	)
	if q.step == 0 {
		query, err = plainEngine.NewInstantQuery(context.Background(), n, nil, q.text, q.start)
	} else {
		query, err = plainEngine.NewRangeQuery(context.Background(), n, nil, q.text, q.start, q.end, q.step)
	}
	if err != nil {
		return "refused: " + err.Error()
	}
	defer query.Close()
	return render(query.Exec(context.Background()))
}

// askDB answers it with the database.
func askDB(db *DB, q question) (text string) {
	err := db.ask(context.Background(), q, func(r *promql.Result) { text = render(r) })
	if err != nil {
		return "refused: " + err.Error()
	}
	return text
}

// render writes a result; the series of a vector are sorted, as they have no
// order of their own.
func render(r *promql.Result) string {
	if r.Err != nil {
		return "error: " + r.Err.Error()
	}
	if v, ok := r.Value.(promql.Vector); ok {
		slices.SortFunc(v, func(a, b promql.Sample) int { return labels.Compare(a.Metric, b.Metric) })
	}
	return r.Value.String()
}

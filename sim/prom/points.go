package prom

import (
	"sort"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
)

// point is a sample. The time is in milliseconds since 1970, as everywhere in
// Prometheus.
type point struct {
	t int64
	v float64
}

// points are samples in the order of time; the library's iterator walks over
// them.
type points []point

// from returns the index of the first sample at or after t.
func (p points) from(t int64) int {
	if n := len(p); n == 0 || p[n-1].t < t {
		return n
	}
	return sort.Search(len(p), func(i int) bool { return p[i].t >= t })
}

// Len and Get make a list of samples for the library.
func (p points) Len() int                { return len(p) }
func (p points) Get(i int) chunks.Sample { return &p[i] }

// The rest makes a point one of the library's samples: a number, no histogram.
func (p *point) T() int64                      { return p.t }
func (p *point) ST() int64                     { return 0 }
func (p *point) F() float64                    { return p.v }
func (p *point) H() *histogram.Histogram       { return nil }
func (p *point) FH() *histogram.FloatHistogram { return nil }
func (p *point) Type() chunkenc.ValueType      { return chunkenc.ValFloat }
func (p *point) Copy() chunks.Sample           { c := *p; return &c }

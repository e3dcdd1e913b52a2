package prom

import (
	"cmp"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
)

// DefaultRetention is for how long samples are kept unless told otherwise. It is
// that of a Prometheus server.
const DefaultRetention = 15 * 24 * time.Hour

// Options describe a database. The zero value keeps samples for
// DefaultRetention.
type Options struct {
	// Retention is for how long samples are kept: those that are older than
	// the newest one by more than this may be forgotten, and with its last
	// sample a series. It bounds the memory of long simulations.
	Retention time.Duration
}

// DB holds time series. It is driven from one goroutine.
type DB struct {
	retention int64 // in ms
	newest    int64 // in ms, of all samples
	series    []*Series
	byHash    map[uint64][]*Series
	postings  map[Label][]*Series // in the order of creation
	indexed   []string            // the labels that have postings: those that were asked for
	sweepAt   int                 // number of series at which old ones are looked for
	deferred  []*Deferred         // those that nobody has asked for, in the order of their making
	asked     map[string]bool     // of the names of deferred series, which have been asked for
	next      place               // of the next series that is made
}

// firstSweep is the number of series from which on forgotten ones are removed.
const firstSweep = 1024

// NewDB returns an empty database.
func NewDB(o Options) *DB {
	db := &DB{retention: cmp.Or(o.Retention, DefaultRetention).Milliseconds(), sweepAt: firstSweep, asked: map[string]bool{}}
	db.reset()
	return db
}

func (db *DB) reset() {
	db.series = nil
	db.byHash = map[uint64][]*Series{}
	db.postings = map[Label][]*Series{}
}

// Label is a name and a value that a series carries.
type Label struct{ Name, Value string }

// Series is one time series.
type Series struct {
	db     *DB
	labels labels.Labels
	points points
	place  place
	gone   bool // forgotten by the database, for want of samples
}

// Labels is a set of labels from which series are made.
type Labels struct{ set labels.Labels }

// NewLabels returns a set. Labels with an empty value do not count; of two labels
// with one name the later counts.
func NewLabels(ls ...Label) Labels { return Labels{}.With(ls...) }

// With returns the set with more labels.
func (l Labels) With(ls ...Label) Labels {
	if len(ls) == 0 {
		return l
	}
	return Labels{l.builder(ls).Labels()}
}

func (l Labels) builder(ls []Label) *labels.Builder {
	b := labels.NewBuilder(l.set)
	for _, x := range ls {
		b.Set(x.Name, x.Value)
	}
	return b
}

// named returns the labels of the series of a name with these labels and more.
func (l Labels) named(name string, ls []Label) labels.Labels {
	return l.builder(ls).Set(model.MetricNameLabel, name).Labels()
}

// Series returns the series of a name and labels, which begins to exist with
// its first sample.
func (db *DB) Series(name string, ls ...Label) *Series {
	db.wake(func(n string) bool { return n == name })
	return db.seriesOf(Labels{}.named(name, ls))
}

func (db *DB) seriesOf(ls labels.Labels) *Series {
	if s := db.find(ls); s != nil {
		return s
	}
	s := &Series{db: db, labels: ls, place: db.next}
	db.next.second++
	db.add(s)
	return s
}

// find returns the series with these labels, or nil.
func (db *DB) find(ls labels.Labels) *Series {
	for _, s := range db.byHash[ls.Hash()] {
		if labels.Equal(s.labels, ls) {
			return s
		}
	}
	return nil
}

func (db *DB) add(s *Series) {
	if len(db.series) >= db.sweepAt {
		db.sweep()
	}
	s.gone = false
	db.series = append(db.series, s)
	hash := s.labels.Hash()
	db.byHash[hash] = append(db.byHash[hash], s)
	for _, name := range db.indexed {
		db.post(s, name)
	}
}

// post enters a series into the index of a label.
func (db *DB) post(s *Series, name string) {
	if key := (Label{name, s.labels.Get(name)}); key.Value != "" {
		db.postings[key] = append(db.postings[key], s)
	}
}

// with returns the series that have a label, in the order of creation. The first
// question about a label makes its index, since few labels are ever asked for.
func (db *DB) with(l Label) []*Series {
	if !slices.Contains(db.indexed, l.Name) {
		db.indexed = append(db.indexed, l.Name)
		for _, s := range db.series {
			db.post(s, l.Name)
		}
	}
	return db.postings[l]
}

// sweep forgets the series whose samples are all too old, and looks again when
// twice as many are left.
func (db *DB) sweep() {
	kept := slices.DeleteFunc(db.series, func(s *Series) bool {
		s.gone = len(s.points) > 0 && s.points[len(s.points)-1].t < db.newest-db.retention
		return s.gone
	})
	db.reset()
	db.sweepAt = max(firstSweep, 2*len(kept)+1)
	for _, s := range kept {
		db.add(s)
	}
}

// Append adds a sample. One that is not newer than the last one is dropped, as
// a server drops it, and the answer is false.
func (s *Series) Append(at time.Time, value float64) bool {
	return s.append(point{at.UnixMilli(), value})
}

func (s *Series) append(p point) bool {
	if n := len(s.points); n > 0 && p.t <= s.points[n-1].t {
		return false
	}
	if s.gone {
		if heir := s.db.find(s.labels); heir != nil {
			return heir.append(p)
		}
		s.points = nil
		s.db.add(s)
	}
	s.db.newest = max(s.db.newest, p.t)
	if n := len(s.points); n == cap(s.points) {
		s.trim()
	}
	s.points = append(s.points, p)
	return true
}

// trim makes room by dropping samples that are too old, if they are a quarter
// or more; to copy the others for less would cost too much.
func (s *Series) trim() {
	old := s.points.from(s.db.newest - s.db.retention)
	if old > 0 && old >= len(s.points)/4 {
		s.points = s.points[:copy(s.points, s.points[old:])]
	}
}

// String returns the labels as PromQL writes them.
func (s *Series) String() string { return s.labels.String() }

// Len returns the number of series, without those of [Target.Defer] that nobody
// has asked for.
func (db *DB) Len() int { return len(db.series) }

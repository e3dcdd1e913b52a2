package prom

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/value"
)

// DefaultScrapeInterval is that of the Prometheus which Istio brings along.
const DefaultScrapeInterval = 15 * time.Second

// Scraper copies the counters of its targets into a database, each target once
// in every interval. It has no clock: whoever drives it calls Run.
type Scraper struct {
	db       *DB
	interval time.Duration
	phase    func(target string) time.Duration
	targets  []*Target // sorted by the next scrape, then by name
}

// NewScraper returns a scraper. An interval of 0 means DefaultScrapeInterval.
// Each target has its own phase in the interval, as with a real server; phase
// says which.
func NewScraper(db *DB, interval time.Duration, phase func(target string) time.Duration) *Scraper {
	return &Scraper{db: db, interval: cmp.Or(interval, DefaultScrapeInterval), phase: phase}
}

// Target is one endpoint that is scraped.
type Target struct {
	// Name is unique: "default/mock-server-6579c6cc98-cp2cl".
	Name string

	scraper *Scraper
	labels  Labels
	collect func(*Target)
	series  []*Series
	up      *Deferred
	next    time.Time
	at      time.Time // of the scrape that is being made
	ended   time.Time // of the scrape that found the target gone
	gone    bool
}

// Add begins to scrape a target at its first phase at or after a time: collect is
// called at each scrape, and calls [Target.Set] for what the target shows. All
// its series carry labels. The target also has the series "up", which is 1.
func (s *Scraper) Add(name string, from time.Time, labels Labels, collect func(*Target)) *Target {
	t := &Target{Name: name, scraper: s, labels: labels, collect: collect, next: s.first(name, from)}
	t.up = t.Defer(func() func([]int64) {
		up := t.Series("up", t.Labels())
		return func([]int64) { t.Set(up, 1) }
	}, "up")
	s.insert(t)
	return t
}

// first returns the first time at or after from that has the phase of a target: a
// multiple of the interval, and the phase.
func (s *Scraper) first(name string, from time.Time) time.Time {
	phase := s.phase(name) % s.interval
	at := from.Add(-phase).Truncate(s.interval).Add(phase)
	if at.Before(from) {
		at = at.Add(s.interval)
	}
	return at
}

// insert puts a target where its next scrape says.
func (s *Scraper) insert(t *Target) {
	i, _ := slices.BinarySearchFunc(s.targets, t, func(a, b *Target) int {
		return cmp.Or(a.next.Compare(b.next), cmp.Compare(a.Name, b.Name))
	})
	s.targets = slices.Insert(s.targets, i, t)
}

// Labels returns the labels of the target with more of them.
func (t *Target) Labels(ls ...Label) Labels { return t.labels.With(ls...) }

// Series returns a series with labels from [Target.Labels] and more, to be used
// with Set.
func (t *Target) Series(name string, base Labels, ls ...Label) *Series {
	series := t.scraper.db.seriesOf(base.named(name, ls))
	t.series = append(t.series, series)
	return series
}

// Set is the value of a series at the present scrape.
func (t *Target) Set(s *Series, v float64) { s.Append(t.at, v) }

// Remove ends a target: at the time of its next scrape its series become stale,
// so that queries from then on do not see them.
func (t *Target) Remove() { t.gone = true }

// Next returns the time of the next scrape; ok is false if there is no target.
func (s *Scraper) Next() (at time.Time, ok bool) {
	if len(s.targets) == 0 {
		return time.Time{}, false
	}
	return s.targets[0].next, true
}

// Run makes all scrapes up to and including t, in the order of their times.
func (s *Scraper) Run(t time.Time) {
	for len(s.targets) > 0 && !s.targets[0].next.After(t) {
		target := s.targets[0]
		s.targets = slices.Delete(s.targets, 0, 1)
		target.scrape()
		target.next = target.next.Add(s.interval)
		if !target.gone {
			s.insert(target)
		}
	}
}

func (t *Target) scrape() {
	t.at = t.next
	if !t.gone {
		t.up.Record(nil)
		t.collect(t)
		return
	}
	t.ended = t.at
	t.end(t.series)
}

// end marks series as ended at the present scrape.
func (t *Target) end(series []*Series) {
	for _, s := range series {
		if len(s.points) > 0 {
			t.Set(s, math.Float64frombits(value.StaleNaN))
		}
	}
}

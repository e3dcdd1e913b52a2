package prom

import (
	"cmp"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
)

// Deferred is some series of a target that follow from a few numbers, as the
// buckets of a histogram do. Until somebody asks for one of their names only the
// numbers are kept, because most of what proxies report is never looked at. Nobody
// can tell the difference: the first question makes the series, with all samples
// that they would have had.
type Deferred struct {
	target *Target
	place  int
	names  []string
	begin  func() (set func(numbers []int64))
	set    func(numbers []int64) // nil until somebody asks
	past   []record
	memory []int64 // of the numbers of the records to come
}

// place is where a series stands among all others: queries see series in the
// order in which they would have been made if none had been deferred, since the
// order in which a sum adds up may show in its last digit.
type place struct{ first, second int }

func (a *Series) compare(b *Series) int {
	return cmp.Or(cmp.Compare(a.place.first, b.place.first), cmp.Compare(a.place.second, b.place.second))
}

// record is what was scraped at a time.
type record struct {
	at      time.Time
	numbers []int64
}

// Defer declares series with these names. When they are needed, begin makes them
// with [Target.Series] and returns what sets them from the numbers of a scrape.
func (t *Target) Defer(begin func() (set func(numbers []int64)), names ...string) *Deferred {
	db := t.scraper.db
	d := &Deferred{target: t, place: db.next.first + 1, names: names, begin: begin}
	db.next = place{d.place + 1, 0}
	if d.asked(db) {
		d.make()
		return d
	}
	for _, name := range names {
		db.asked[name] = false
	}
	if len(db.deferred) == cap(db.deferred) {
		db.deferred = slices.DeleteFunc(db.deferred, func(d *Deferred) bool { return d.forgotten(db) })
	}
	db.deferred = append(db.deferred, d)
	return d
}

func (d *Deferred) asked(db *DB) bool {
	return slices.ContainsFunc(d.names, func(name string) bool { return db.asked[name] })
}

// Record is what the present scrape found.
func (d *Deferred) Record(numbers []int64) {
	if d.set != nil {
		d.set(numbers)
		return
	}
	if len(d.past) == cap(d.past) {
		d.trim()
	}
	d.past = append(d.past, record{d.target.at, d.keep(numbers)})
}

// keep copies numbers, of which there are few and often: a piece of memory serves
// several copies.
func (d *Deferred) keep(numbers []int64) []int64 {
	n := len(numbers)
	if cap(d.memory)-len(d.memory) < n {
		d.memory = make([]int64, 0, 16*n)
	}
	d.memory = append(d.memory, numbers...)
	return d.memory[len(d.memory)-n:]
}

// trim drops records beyond the retention, as samples are.
func (d *Deferred) trim() {
	oldest := d.target.at.Add(-time.Duration(d.target.scraper.db.retention) * time.Millisecond)
	old, _ := slices.BinarySearchFunc(d.past, oldest, func(r record, t time.Time) int { return r.at.Compare(t) })
	if old > 0 && old >= len(d.past)/4 {
		d.past = slices.Delete(d.past, 0, old)
	}
}

// forgotten reports whether all samples would be too old by now.
func (d *Deferred) forgotten(db *DB) bool {
	return !d.target.ended.IsZero() && d.target.ended.UnixMilli() < db.newest-db.retention
}

// make turns what was kept into series, as of the scrapes that found it.
func (d *Deferred) make() {
	t, db := d.target, d.target.scraper.db
	first, present, next := len(t.series), t.at, db.next
	db.next = place{d.place, 0}
	d.set = d.begin()
	db.next = next
	for _, r := range d.past {
		t.at = r.at
		d.set(r.numbers)
	}
	d.past = nil
	if !t.ended.IsZero() {
		t.at = t.ended
		t.end(t.series[first:])
	}
	t.at = present
}

// wake makes the deferred series whose name somebody asks for, in the order in
// which they would have been made, and from now on those to come.
func (db *DB) wake(asks func(name string) bool) {
	news := false
	for name, asked := range db.asked {
		if !asked && asks(name) {
			db.asked[name], news = true, true
		}
	}
	if !news {
		return
	}
	var found []*Deferred
	db.deferred = slices.DeleteFunc(db.deferred, func(d *Deferred) bool {
		wanted := d.asked(db)
		if wanted {
			found = append(found, d)
		}
		return wanted
	})
	for _, d := range found {
		d.make()
	}
}

// wakeFor makes the series that matchers may select.
func (db *DB) wakeFor(matchers []*labels.Matcher) {
	db.wake(func(name string) bool {
		for _, m := range matchers {
			if m.Name == model.MetricNameLabel && !m.Matches(name) {
				return false
			}
		}
		return true
	})
}

package prom

import (
	"cmp"
	"iter"
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
	past   history
}

// place is where a series stands among all others: queries see series in the
// order in which they would have been made if none had been deferred, since the
// order in which a sum adds up may show in its last digit.
type place struct{ first, second int }

func (a *Series) compare(b *Series) int {
	return cmp.Or(cmp.Compare(a.place.first, b.place.first), cmp.Compare(a.place.second, b.place.second))
}

// history is what was scraped, the oldest first. Of each scrape it holds the time in
// nanoseconds of the epoch, how many numbers there were, and the numbers: a piece of
// memory of its own for each of them would be several times as large.
type history []int64

func (h history) add(at time.Time, numbers []int64) history {
	return append(append(h, at.UnixNano(), int64(len(numbers))), numbers...)
}

// all returns the numbers of each scrape by its time.
func (h history) all() iter.Seq2[time.Time, []int64] {
	return func(yield func(time.Time, []int64) bool) {
		for len(h) > 0 && yield(time.Unix(0, h[0]).UTC(), h[2:2+h[1]]) {
			h = h[2+h[1]:]
		}
	}
}

// before returns the length of what was scraped before a time.
func (h history) before(t time.Time) int {
	n := 0
	for n < len(h) && h[n] < t.UnixNano() {
		n += 2 + int(h[n+1])
	}
	return n
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
	if len(d.past)+2+len(numbers) > cap(d.past) {
		d.trim()
	}
	d.past = d.past.add(d.target.at, numbers)
}

// trim drops records beyond the retention, as samples are.
func (d *Deferred) trim() {
	oldest := d.target.at.Add(-time.Duration(d.target.scraper.db.retention) * time.Millisecond)
	old := d.past.before(oldest)
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
	for at, numbers := range d.past.all() {
		t.at = at
		d.set(numbers)
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

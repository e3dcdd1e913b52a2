package prom

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestScrape(t *testing.T) {
	db := NewDB(Options{})
	phases := map[string]time.Duration{"a": 0, "b": 7 * time.Second}
	s := NewScraper(db, 0, func(name string) time.Duration { return phases[name] })
	var log []string
	counter := 0.0
	add := func(name string) *Target {
		var series *Series
		return s.Add(name, at(time.Second), NewLabels(Label{"pod", name}), func(target *Target) {
			if series == nil {
				series = target.Series("requests_total", target.Labels(), Label{"code", "200"})
			}
			target.Set(series, counter)
			log = append(log, fmt.Sprint(name, " ", target.next.Sub(start)))
		})
	}
	add("a")
	b := add("b")
	if next, ok := s.Next(); !ok || next != at(7*time.Second) {
		t.Errorf("next scrape %v", next)
	}
	for i := range 60 {
		counter += 2
		s.Run(at(time.Duration(i) * time.Second))
		if i == 30 {
			b.Remove()
		}
	}
	want := []string{"b 7s", "a 15s", "b 22s", "a 30s", "a 45s"}
	if d := cmp.Diff(want, log); d != "" {
		t.Error(d)
	}
	for _, tc := range []struct {
		query string
		at    time.Duration
		want  float64
	}{
		{`count(up)`, 36 * time.Second, 2},
		{`count(up)`, 37 * time.Second, 1}, // b is gone since its next scrape
		{`requests_total{pod="a",code="200"}`, 45 * time.Second, 92},
		{`sum(increase(requests_total{pod="a"}[31s]))`, 45 * time.Second, 62},
	} {
		if got := one(t, db, tc.query, at(tc.at)); math.Abs(got-tc.want) > 1e-9 {
			t.Errorf("%s at %v: %v, want %v", tc.query, tc.at, got, tc.want)
		}
	}
	if values, err := db.Query(`requests_total{pod="b"}`, at(37*time.Second)); err != nil || len(values) != 0 {
		t.Errorf("a target that is gone: %v, %v", values, err)
	}
}

// A target that ends before its first scrape leaves nothing behind.
func TestShortLivedTarget(t *testing.T) {
	db := NewDB(Options{})
	s := NewScraper(db, time.Minute, func(string) time.Duration { return 30 * time.Second })
	s.Add("pod", start, Labels{}, func(*Target) { t.Error("scraped") }).Remove()
	s.Run(at(time.Hour))
	if _, ok := s.Next(); ok {
		t.Error("it still has a target")
	}
	if values, err := db.Query("up", at(30*time.Second)); err != nil || len(values) != 0 {
		t.Errorf("up: %v, %v", values, err)
	}
}

package prom

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestGrowth(t *testing.T) {
	db := NewDB(Options{})
	start := time.Unix(0, 0)
	for series, values := range map[string]string{
		`a{hash="old",reporter="destination"}`: "0+4x10",
		`a{hash="new",reporter="destination"}`: "0+1x10",
		`a{reporter="source"}`:                 "0+5x10",
	} {
		if err := db.Pin(start, time.Minute, series, values); err != nil {
			t.Fatal(err)
		}
	}
	both := Growth{"old": 8, "new": 2}
	for query, want := range map[string][]Growth{
		`sum(rate(a[2m]))`: {both},
		`scalar(sum(rate(a{reporter="source"}[2m])) / sum(rate(a{hash="new"}[2m])))`: {both, {"new": 2}},
		`sum by (hash) (rate(a[2m]))`:      nil,
		`sum without (hash) (rate(a[2m]))`: nil,
		`rate(a[2m])`:                      nil,
		`sum(a)`:                           nil,
		`sum(rate(b[2m]))`:                 {{}},
		`max_over_time(sum(rate(a{hash=~"o.*"}[2m]))[10m:1m])`: {{"old": 8}},
	} {
		got, err := db.Growth(query, start.Add(10*time.Minute), "hash", map[string]string{"reporter": "destination"})
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s (-want +got, %v):\n%s", query, err, diff)
		}
	}
	if got, err := db.Growth("sum(rate(a[2m]))", start.Add(10*time.Minute), "hash", map[string]string{"reporter": "source"}); err != nil || !cmp.Equal(got, []Growth{{"": 10}}) {
		t.Errorf("without the label: %v, %v", got, err)
	}
	if got, err := db.Growth(`sum(rate(a{hash="old"}[2m]))`, start.Add(10*time.Minute), "reporter", map[string]string{"hash": ""}); err != nil || !cmp.Equal(got, []Growth{{"destination": 10, "source": 10}}) {
		t.Errorf("any hash: %v, %v", got, err)
	}
	if _, err := db.Growth("sum(a", start, "hash", nil); err == nil {
		t.Error("a query that does not parse grows")
	}
}

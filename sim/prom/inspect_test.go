package prom

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestLongestWindow(t *testing.T) {
	for query, want := range map[string]time.Duration{
		"up":                                             0,
		"sum(rate(a[1m])) / sum(rate(a[5m]))":            5 * time.Minute,
		"max_over_time(rate(a[1m])[10m:])":               11 * time.Minute,
		"rate(a[90s] offset 1h)":                         time.Hour + 90*time.Second,
		"a offset 5m":                                    5 * time.Minute,
		"rate(a[1m] offset -5m)":                         0,
		"rate(a[1m]) / rate(a[1m] offset 1d)":            time.Minute,
		"rate(a[1m] offset 2m) / rate(b[2m] offset 1m)":  3 * time.Minute,
		"max_over_time(rate(a[1m])[10m:] offset 1m) > 1": 12 * time.Minute,
		"scalar(increase(a{b=\"[1d]\"}[2m]))":            2 * time.Minute,
	} {
		got, err := LongestWindow(query)
		if err != nil || got != want {
			t.Errorf("%s looks back %v (%v), want %v", query, got, err, want)
		}
	}
	if _, err := LongestWindow("sum(rate(a[1m])"); err == nil {
		t.Error("a query that does not parse has a window")
	}
}

func TestGaps(t *testing.T) {
	db := NewDB(Options{})
	start := time.Unix(0, 0)
	for _, series := range []string{`a{x="1",y="1"}`, `a{x="2",y="2"}`, `b{x="3"}`} {
		if err := db.Pin(start, time.Minute, series, "1 2"); err != nil {
			t.Fatal(err)
		}
	}
	db.Series("empty") // no sample yet: as if it were not there
	for query, want := range map[string][]Gap{
		`a{x="1"} / b`:                  nil,
		`rate(c[1m])`:                   {{"c", "__name__", []string{"a", "b"}}},
		`empty`:                         {{"empty", "__name__", []string{"a", "b"}}},
		`a{x="3",y=~"1|2"} or a{x="1"}`: {{`a{x="3",y=~"1|2"}`, "x", []string{"1", "2"}}},
		`a{x="1",y="2"}`:                {{`a{x="1",y="2"}`, "x", []string{"2"}}},
		`a{x="8",y="9"}`:                {{`a{x="8",y="9"}`, "x", []string{"1", "2"}}},
		`c + c`:                         {{"c", "__name__", []string{"a", "b"}}},
		`a{z="1"}`:                      {{`a{z="1"}`, "z", nil}},
		`{x="7"}`:                       {{`{x="7"}`, "x", []string{"1", "2", "3"}}},
	} {
		got, err := db.Gaps(query)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s (-want +got, %v):\n%s", query, err, diff)
		}
	}
	if _, err := db.Gaps("a{"); err == nil {
		t.Error("a query that does not parse has gaps")
	}
}

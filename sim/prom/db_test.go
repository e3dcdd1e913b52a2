package prom

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var start = time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)

func at(d time.Duration) time.Time { return start.Add(d) }

// pinned returns a database with series in promtool's notation, 15 s apart:
// "requests{code=\"200\"} 0+10x20".
func pinned(t testing.TB, lines ...string) *DB {
	t.Helper()
	db := NewDB(Options{})
	for _, line := range lines {
		i := strings.LastIndex(line, "}") + 1
		if i == 0 {
			i = strings.Index(line, " ")
		}
		if err := db.Pin(start, 15*time.Second, line[:i], line[i:]); err != nil {
			t.Fatal(err)
		}
	}
	return db
}

func one(t testing.TB, db *DB, query string, at time.Time) float64 {
	t.Helper()
	values, err := db.Query(query, at)
	if err != nil {
		t.Fatal(err)
	}
	if len(values) != 1 {
		t.Fatalf("%s: %v, want one value", query, values)
	}
	return values[0].Value
}

func TestAppend(t *testing.T) {
	db := NewDB(Options{})
	s := db.Series("x", Label{"a", "1"}, Label{"b", ""}, Label{"a", "2"})
	if s.String() != `{__name__="x", a="2"}` {
		t.Errorf("labels: %s", s)
	}
	if db.Series("x", Label{"a", "2"}) != s || db.Len() != 1 {
		t.Error("the same labels gave another series")
	}
	for _, step := range []struct {
		at   time.Duration
		want bool
	}{{0, true}, {0, false}, {-1, false}, {time.Second, true}} {
		if got := s.Append(at(step.at), 1); got != step.want {
			t.Errorf("append at %v: %v", step.at, got)
		}
	}
	if got := one(t, db, "count_over_time(x[1m])", at(time.Second)); got != 2 {
		t.Errorf("%v samples, want 2", got)
	}
}

// Old samples make room for new ones, and old series too.
func TestRetentionBoundsMemory(t *testing.T) {
	db := NewDB(Options{Retention: time.Hour})
	long := db.Series("long")
	for i := range 100_000 {
		now := at(time.Duration(i) * 15 * time.Second)
		long.Append(now, float64(i))
		if i%10 == 0 { // a pod that lives for one scrape
			db.Series("up", Label{"pod", fmt.Sprint(i)}).Append(now, 1)
		}
	}
	if n := cap(long.points); n > 1024 {
		t.Errorf("room for %d samples, an hour has 240", n)
	}
	if n := db.Len(); n > 2*firstSweep {
		t.Errorf("%d series", n)
	}
	end := at(99_999 * 15 * time.Second)
	if got := one(t, db, "count_over_time(long[55m])", end); got != 220 {
		t.Errorf("%v samples in 55 minutes, want 220", got)
	}
	if got := one(t, db, "count(count_over_time(up[50m]))", end); got != 20 {
		t.Errorf("%v pods in 50 minutes, want 20", got)
	}
}

// A handle of a forgotten series goes on as the series with its labels.
func TestForgottenSeriesComesBack(t *testing.T) {
	for _, again := range []bool{false, true} {
		db := NewDB(Options{Retention: time.Minute})
		old := db.Series("x")
		old.Append(start, 1)
		db.Series("clock").Append(at(time.Hour), 1)
		db.sweep()
		if db.Len() != 1 {
			t.Fatalf("%d series, want only the clock", db.Len())
		}
		if again {
			db.Series("x").Append(at(time.Hour), 2)
		}
		old.Append(at(time.Hour+time.Second), 3)
		if got := one(t, db, "x", at(time.Hour+2*time.Second)); got != 3 || db.Len() != 2 {
			t.Errorf("x is %v, %d series", got, db.Len())
		}
	}
}

func TestPin(t *testing.T) {
	db := NewDB(Options{})
	if err := db.Pin(start, time.Minute, `x{a="b"}`, "1 _ 3 stale 5"); err != nil {
		t.Fatal(err)
	}
	for minute, want := range map[int]string{0: "1", 1: "1", 2: "3", 3: "", 4: "5"} {
		values, err := db.Query("x", at(time.Duration(minute)*time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		var got string
		if len(values) == 1 {
			got = fmt.Sprint(values[0].Value)
		}
		if got != want {
			t.Errorf("minute %d: %q, want %q", minute, got, want)
		}
	}
	for _, bad := range []struct{ series, values, want string }{
		{`x{a="b"}`, "7", `pin series {__name__="x", a="b"}: it has a sample at 2026-01-05T09:00:00Z or later already`},
		{`x{a="b}`, "7", "unterminated quoted string"},
		{`y`, "1+", "unexpected"},
		{`{}`, "1", "no name and no label"},
		{`y`, "1x999999999", "x999999999 is too often: a series has at most 1000000 steps"},
		{`y`, "0+1x900000 1x900000", "x900000 is too often"},
		{`y`, "1x99999999999999999999", "x99999999999999999999 is too often"},
		{`y`, "{{schema:0 count:1}}", "native histograms are not supported"},
	} {
		err := db.Pin(start, time.Minute, bad.series, bad.values)
		if err == nil || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("%s %s: %v, want %q", bad.series, bad.values, err, bad.want)
		}
	}
	if err := db.Pin(start, 0, "y", "1"); err == nil {
		t.Error("a step of 0 was taken")
	}
}

// What the database selects is what looking at everything finds, for any
// series, matchers and times, and however often a query is asked.
func TestSelectProperty(t *testing.T) {
	queries := rapid.SampledFrom([]string{
		`m`, `{__name__=~"m|n"}`, `m{a="1"}`, `m{a!="1"}`, `m{a=""}`, `m{a=~"1|2",b=~".+"}`, `m{a=~"1|",b!~"x.*"}`, `{b="x"}`,
		`rate(m[1m])`, `sum by (a) (rate(m[2m]))`, `irate(m{b="x"}[5m])`, `m offset 1m`, `m @ 1767603660`, `m + on (a, b) group_left n`,
		`max_over_time(m[1m:15s])`, `count_values by (b) ("v", m)`, `sum(m) > 1 + 1`, `sum(m) / scalar(sum(n))`, `m and n`, `absent(m{a="9"})`,
		`histogram_quantile(0.9, rate(m[5m]))`, `timestamp(m)`, `label_replace(m, "c", "$1", "a", "(.)")`, `topk(2, m)`, `time() - start()`,
		`avg without (a) (m) - avg without (a) (n)`, `sum(rate(m[1m])) / sum(rate(n[1m]))`, `-m`, `"text"`, `scalar(m)`, `m[1m]`,
	})
	rapid.Check(t, func(t *rapid.T) {
		db := NewDB(Options{})
		for range rapid.IntRange(0, 8).Draw(t, "series") {
			s := db.Series(rapid.SampledFrom([]string{"m", "n"}).Draw(t, "name"),
				Label{"a", rapid.SampledFrom([]string{"", "1", "2"}).Draw(t, "a")},
				Label{"b", rapid.SampledFrom([]string{"", "x", "xy"}).Draw(t, "b")})
			when := time.Duration(0)
			for range rapid.IntRange(0, 20).Draw(t, "samples") {
				when += time.Duration(rapid.IntRange(0, 40).Draw(t, "gap")) * time.Second
				s.Append(at(when), float64(rapid.IntRange(0, 9).Draw(t, "value")))
			}
		}
		reference := naiveOf(db)
		for range 3 {
			q := question{text: queries.Draw(t, "query"), start: at(time.Duration(rapid.IntRange(0, 600).Draw(t, "at")) * time.Second)}
			if rapid.Bool().Draw(t, "range") {
				q.step, q.end = 17*time.Second, q.start.Add(2*time.Minute)
			}
			for range 2 {
				if d := cmp.Diff(askNaive(reference, q), askDB(db, q)); d != "" {
					t.Fatalf("%s at %v: %s", q.text, q.start.Sub(start), d)
				}
			}
		}
	})
}

func TestQueryErrors(t *testing.T) {
	db := pinned(t, "x 1")
	for query, want := range map[string]string{
		`x{`:     `evaluate "x{": 1:3: parse error: unexpected end of input inside braces`,
		`x[1m]`:  `evaluate "x[1m]": the answer is a matrix, not a scalar or a vector`,
		`"text"`: `evaluate "\"text\"": the answer is a string, not a scalar or a vector`,
		`x + on (y) {__name__=~"x|z"} + ignoring(q) group_left label_replace(x, "1", "", "", "(")`: `evaluate`,
	} {
		if _, err := db.Query(query, start); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v", query, err)
		}
	}
	if values, err := db.Query("scalar(nothing)", start); err != nil || !math.IsNaN(values[0].Value) {
		t.Errorf("scalar of nothing: %v, %v", values, err)
	}
}

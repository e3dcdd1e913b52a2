package prom

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Whoever asks, and when, sees the same: series in the same order, with the same
// samples, ended at the same time.
func TestDefer(t *testing.T) {
	play := func(questions map[int]string) string {
		db := NewDB(Options{})
		s := NewScraper(db, time.Second, func(string) time.Duration { return 0 })
		n := int64(0)
		add := func(name string) *Target {
			var d *Deferred
			return s.Add(name, at(time.Duration(n)*time.Second), NewLabels(Label{"target", name}), func(tg *Target) {
				if d == nil {
					d = tg.Defer(func() func([]int64) {
						total, double := tg.Series("total", tg.Labels()), tg.Series("double", tg.Labels())
						return func(numbers []int64) {
							tg.Set(total, float64(numbers[0]))
							tg.Set(double, float64(2*numbers[0]))
						}
					}, "total", "double")
				}
				d.Record([]int64{n})
			})
		}
		ask := func(query string) string {
			values, err := db.Query(query, at(time.Duration(n)*time.Second))
			if err != nil {
				t.Fatal(err)
			}
			var text strings.Builder
			for _, v := range values {
				fmt.Fprintln(&text, v.Labels, v.Value)
			}
			return text.String()
		}
		first := add("first")
		for ; n < 10; n++ {
			switch n {
			case 3:
				add("second")
			case 6:
				first.Remove()
			}
			s.Run(at(time.Duration(n) * time.Second))
			if q := questions[int(n)]; q != "" {
				ask(q)
			}
		}
		n--
		return ask(`{target=~".+"}`) + ask(`count_over_time(total[1m])`) + ask(`sum_over_time(double[1m])`) + ask(`sum_over_time(up[1m])`)
	}
	want := play(nil)
	if got := strings.Count(want, "second"); got != 6 || !strings.Contains(want, "18") {
		t.Fatalf("%d of the series of the second target:\n%s", got, want)
	}
	for _, questions := range []map[int]string{
		{0: "total"}, {2: "up", 4: "double"}, {5: `{target="first"}`}, {8: "total"}, {9: "double", 1: `nothing`}, {7: `{__name__=~"t.*"}`},
	} {
		if d := cmp.Diff(want, play(questions)); d != "" {
			t.Errorf("asking %v changes the answer (-never asked +asked):\n%s", questions, d)
		}
	}
}

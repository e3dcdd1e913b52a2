package kernel

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// log returns a function that makes events which write their name.
func log(k *Kernel, out *[]string) func(name string) func() {
	return func(name string) func() {
		return func() { *out = append(*out, fmt.Sprintf("%s@%v", name, k.Now().Sub(epoch))) }
	}
}

func TestOrder(t *testing.T) {
	k := New(1, epoch)
	var got []string
	ev := log(k, &got)
	k.After(2*time.Second, ClassWorld, "late", ev("late"))
	k.After(time.Second, ClassUser, "user", ev("user"))
	k.After(time.Second, ClassReconcile, "reconcile", func() {
		ev("reconcile")()
		k.Post(ClassReconcile, "again", ev("again"))
		k.Post(ClassWatch, "watch2", ev("watch2"))
	})
	k.After(time.Second, ClassWatch, "watch", ev("watch"))
	k.After(time.Second, ClassWorld, "a", ev("a"))
	k.After(time.Second, ClassWorld, "b", ev("b"))
	k.At(epoch.Add(-time.Hour), ClassUser, "past", ev("past"))
	if err := k.RunUntil(epoch.Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	want := []string{"past@0s", "a@1s", "b@1s", "watch@1s", "reconcile@1s", "watch2@1s", "again@1s", "user@1s", "late@2s"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if !k.Now().Equal(epoch.Add(5 * time.Second)) {
		t.Errorf("time is %v after RunUntil", k.Now())
	}
}

func TestSettleLeavesTimersAlone(t *testing.T) {
	k := New(1, epoch)
	var got []string
	ev := log(k, &got)
	k.Post(ClassUser, "now", ev("now"))
	k.After(time.Nanosecond, ClassWorld, "soon", ev("soon"))
	if err := k.Settle(); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"now@0s"}, got); d != "" {
		t.Error(d)
	}
	if next, ok := k.Next(); !ok || next != epoch.Add(1) || k.Pending() != 1 {
		t.Errorf("next is %v %v, %d pending", next, ok, k.Pending())
	}
}

func TestRunUntilThePast(t *testing.T) {
	k := New(1, epoch)
	if err := k.RunUntil(epoch.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if err := k.RunUntil(epoch); err != nil {
		t.Fatal(err)
	}
	if !k.Now().Equal(epoch.Add(time.Minute)) {
		t.Errorf("time went back to %v", k.Now())
	}
}

func TestCancel(t *testing.T) {
	k := New(1, epoch)
	var got []string
	ev := log(k, &got)
	cancelA := k.After(time.Second, ClassWorld, "a", ev("a"))
	cancelB := k.After(time.Second, ClassWorld, "b", ev("b"))
	k.After(time.Second, ClassWorld, "c", func() { ev("c")(); cancelB() })
	cancelA()
	cancelA()
	if k.Pending() != 2 {
		t.Errorf("%d events pending, want 2: cancelled events must leave the queue", k.Pending())
	}
	if err := k.RunUntil(epoch.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	cancelB()
	if d := cmp.Diff([]string{"b@1s", "c@1s"}, got); d != "" {
		t.Error(d)
	}
}

// An event that is over may be another one by the time that somebody cancels it.
func TestCancelLate(t *testing.T) {
	k := New(1, epoch)
	var got []string
	ev := log(k, &got)
	cancelA := k.After(time.Second, ClassWorld, "a", ev("a"))
	cancelB := k.After(time.Hour, ClassWorld, "b", ev("b"))
	if err := k.RunUntil(epoch.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	cancelB()
	for _, name := range []string{"c", "d", "e"} {
		k.After(time.Second, ClassWorld, name, ev(name))
	}
	cancelA()
	cancelB()
	if err := k.RunUntil(epoch.Add(2 * time.Hour)); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"a@1s", "c@2s", "d@2s", "e@2s"}, got); d != "" {
		t.Error(d)
	}
}

func TestOnInstant(t *testing.T) {
	k := New(1, epoch)
	var got []string
	ev := log(k, &got)
	k.OnInstant(func() error {
		ev("check")()
		if len(got) == 2 {
			k.Post(ClassWorld, "more", ev("more"))
		}
		return nil
	})
	k.After(time.Second, ClassWorld, "a", ev("a"))
	k.After(3*time.Second, ClassWorld, "b", ev("b"))
	if err := k.RunUntil(epoch.Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	want := []string{"a@1s", "check@1s", "more@1s", "check@1s", "b@3s", "check@3s"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestFailureOfACheck(t *testing.T) {
	broken := errors.New("traffic lost")
	k := New(42, epoch)
	k.OnInstant(func() error {
		if k.Now().Sub(epoch) >= 2*time.Second {
			return broken
		}
		return nil
	})
	ran := 0
	for i := range 5 {
		k.After(time.Duration(i)*time.Second, ClassWorld, fmt.Sprint("tick ", i), func() { ran++ })
	}
	k.Because("rollout ", "default/web: ", "setWeight 20")
	err := k.RunUntil(epoch.Add(time.Minute))
	var f *Failure
	if !errors.As(err, &f) || !errors.Is(err, broken) {
		t.Fatalf("got %v", err)
	}
	if ran != 3 || f.Seed != 42 || !f.At.Equal(epoch.Add(2*time.Second)) {
		t.Errorf("ran %d events, failure %+v", ran, f)
	}
	for _, part := range []string{"seed 42", "2026-01-01T00:00:02Z", "traffic lost", "setWeight 20", "+2s world: tick 2"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the failure does not say %q:\n%v", part, err)
		}
	}
	if again := k.Settle(); again != err {
		t.Errorf("a failed kernel went on: %v", again)
	}
}

func TestLimits(t *testing.T) {
	for _, tc := range []struct {
		name   string
		limits Limits
		start  func(*Kernel)
		want   LimitError
	}{
		{"events per instant", Limits{EventsPerInstant: 100}, func(k *Kernel) {
			var loop func()
			loop = func() { k.Post(ClassReconcile, "loop", loop) }
			loop()
		}, LimitError{"events at one instant", 101, 100}},
		{"runs of one object", Limits{CountPerInstant: 5}, func(k *Kernel) {
			var loop func()
			web, other := Counter{Name: "rollout", Of: "default/web"}, map[int]*Counter{}
			loop = func() {
				n := len(other)
				other[n] = &Counter{Name: "rollout", Of: fmt.Sprint("other ", n)}
				k.Count(&web)
				k.Count(other[n])
				k.Post(ClassReconcile, "loop", loop)
			}
			k.Post(ClassReconcile, "loop", loop)
		}, LimitError{"runs of rollout for default/web at one instant", 6, 5}},
		{"events per run", Limits{Events: 50}, func(k *Kernel) {
			var tick func()
			tick = func() { k.After(time.Millisecond, ClassWorld, "tick", tick) }
			tick()
		}, LimitError{"events in one run", 51, 50}},
		{"queue length", Limits{QueueLength: 30}, func(k *Kernel) {
			var fork func()
			fork = func() {
				k.After(time.Second, ClassWorld, "fork", fork)
				k.After(time.Second, ClassWorld, "fork", fork)
			}
			fork()
		}, LimitError{"events waiting in the queue", 31, 30}},
		{"length of the trace", Limits{TraceLines: 20}, func(k *Kernel) {
			var tick func()
			tick = func() {
				k.Trace().Add("tick")
				k.After(time.Millisecond, ClassWorld, "tick", tick)
			}
			tick()
		}, LimitError{"lines of the trace", 21, 20}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			k := New(7, epoch)
			k.SetLimits(tc.limits)
			tc.start(k)
			err := k.RunUntil(epoch.Add(time.Hour))
			var limit *LimitError
			if !errors.As(err, &limit) {
				t.Fatalf("got %v", err)
			}
			if d := cmp.Diff(tc.want, *limit); d != "" {
				t.Error(d)
			}
		})
	}
}

// A counter starts anew at every instant: an object may be looked at a hundred
// times, but not at once.
func TestCountIsPerInstant(t *testing.T) {
	k := New(1, epoch)
	k.SetLimits(Limits{CountPerInstant: 2})
	web := Counter{Name: "rollout", Of: "default/web"}
	for i := range 100 {
		k.After(time.Duration(i)*time.Second, ClassReconcile, "run", func() { k.Count(&web) })
	}
	if err := k.RunUntil(epoch.Add(time.Hour)); err != nil {
		t.Error(err)
	}
}

func TestFailureNamesTheLastTen(t *testing.T) {
	k := New(1, epoch)
	for i := range 25 {
		k.Post(ClassReconcile, fmt.Sprint("event ", i), func() { k.Because(fmt.Sprint("reason ", i)) })
	}
	k.Post(ClassUser, "end", func() { k.Fail(errors.New("enough")) })
	var f *Failure
	if !errors.As(k.Settle(), &f) {
		t.Fatal("no failure")
	}
	var reasons []string
	for i := 15; i < 25; i++ {
		reasons = append(reasons, fmt.Sprint("reason ", i))
	}
	if d := cmp.Diff(reasons, f.Reasons); d != "" {
		t.Error(d)
	}
	if len(f.Events) != 10 || f.Events[9] != "+0s user: end" || f.Events[0] != "+0s reconcile: event 16" {
		t.Errorf("events: %q", f.Events)
	}
}

func TestNested(t *testing.T) {
	k := New(1, epoch)
	var inner, innerRun error
	k.Post(ClassUser, "nested", func() { inner, innerRun = k.Settle(), k.RunUntil(epoch.Add(time.Hour)) })
	if err := k.Settle(); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(inner, ErrNested) || !errors.Is(innerRun, ErrNested) {
		t.Errorf("an event ran the kernel: %v, %v", inner, innerRun)
	}
}

func TestStreams(t *testing.T) {
	draw := func(k *Kernel, name string, n int) (out []uint64) {
		for range n {
			out = append(out, k.Rand(name).Uint64())
		}
		return out
	}
	alone := New(1, epoch)
	want := append(draw(alone, "pods", 3), draw(alone, "pods", 3)...)

	mixed := New(1, epoch)
	var got []uint64
	for range 6 {
		got = append(got, draw(mixed, "pods", 1)...)
		draw(mixed, "faults", 5)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("drawing from another stream changed this one: %s", d)
	}
	if slices.Equal(want, draw(New(2, epoch), "pods", 6)) {
		t.Error("two seeds gave the same numbers")
	}
	if slices.Equal(want, draw(New(1, epoch), "pod", 6)) {
		t.Error("two names gave the same numbers")
	}
}

func TestTrace(t *testing.T) {
	k := New(1, epoch)
	k.Trace().Add("one line")
	k.After(1500*time.Millisecond, ClassWorld, "e", func() { k.Trace().AddWords("gc", "", "delete", "Pod") })
	if err := k.RunUntil(epoch.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	before := k.Trace().Hash()
	k.Trace().SetEnabled(false)
	k.Trace().Add("unseen")
	k.Trace().AddWords("un", "seen")
	var got []string
	for _, l := range k.Trace().Lines() {
		got = append(got, l.String())
	}
	if d := cmp.Diff([]string{"00:00:00.000 one line", "00:00:01.500 gc delete Pod"}, got); d != "" {
		t.Error(d)
	}
	if k.Trace().Hash() != before {
		t.Error("a trace that is off changed its hash")
	}
	k.Trace().SetEnabled(true)
	k.Trace().Add("seen")
	if k.Trace().Hash() == before {
		t.Error("a new line did not change the hash")
	}
}

// The queue agrees with sorting, whatever is cancelled on the way.
func TestQueueSorts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := New(1, epoch)
		type planned struct {
			at    time.Duration
			class Class
			id    int
		}
		var want []planned
		var got []int
		n := rapid.IntRange(0, 60).Draw(t, "n")
		for id := range n {
			p := planned{
				time.Duration(rapid.IntRange(0, 5).Draw(t, "at")) * time.Second,
				Class(rapid.IntRange(0, 3).Draw(t, "class")), id,
			}
			cancel := k.After(p.at, p.class, "e", func() { got = append(got, id) })
			if rapid.IntRange(0, 3).Draw(t, "cancel") == 0 {
				cancel()
			} else {
				want = append(want, p)
			}
		}
		slices.SortStableFunc(want, func(a, b planned) int {
			if a.at != b.at {
				return int(a.at - b.at)
			}
			return int(a.class) - int(b.class)
		})
		if err := k.RunUntil(epoch.Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		var ids []int
		for _, p := range want {
			ids = append(ids, p.id)
		}
		if !slices.Equal(ids, got) {
			t.Fatalf("ran %v, want %v", got, ids)
		}
	})
}

func BenchmarkEvents(b *testing.B) {
	for _, waiting := range []int{10, 10000} {
		b.Run(fmt.Sprint(waiting), func(b *testing.B) {
			k := New(1, epoch)
			k.SetLimits(Limits{Events: 1 << 60})
			for i := range waiting {
				k.After(time.Duration(i)*time.Hour, ClassWorld, "far", func() {})
			}
			b.ReportAllocs()
			for b.Loop() {
				k.Post(ClassReconcile, "e", func() {})
				if err := k.Settle(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkTraceOff is what a caller pays for a trace that nobody reads.
func BenchmarkTraceOff(b *testing.B) {
	k := New(1, epoch)
	k.Trace().SetEnabled(false)
	b.ReportAllocs()
	for b.Loop() {
		k.Trace().AddWords("rollout", "update", "ReplicaSet", "default/web")
	}
}

// TestInterrupt ends a run from outside: between two instants, and within one that goes on
// and on.
func TestInterrupt(t *testing.T) {
	stop := errors.New("enough")
	for name, gap := range map[string]time.Duration{"instants": time.Second, "one instant": 0} {
		k, ran := New(1, epoch), 0
		k.OnInterrupt(func() error {
			if ran >= 1000 {
				return stop
			}
			return nil
		})
		var again func()
		again = func() {
			ran++
			k.After(gap, ClassWorld, "again", again)
		}
		again()
		err := k.RunUntil(epoch.Add(24 * time.Hour))
		if !errors.Is(err, stop) || ran < 1000 || ran > 1300 {
			t.Errorf("%s: %v after %d events, want an end soon after 1000", name, err, ran)
		}
	}
}

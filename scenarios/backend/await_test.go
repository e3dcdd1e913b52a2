package backend

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aviary-rollouts/aviary/internal/clock"
)

// What never comes is waited for with patience once. After that the scenario has
// failed, and the rest of it is looked at for a short time each.
func TestPatienceEndsWithTheFirstFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &Live{cluster: &Cluster{Clock: clock.Real{}, Wait: clock.Wait}, names: &namespaces{}, record: newRecord("-zq1x")}
		waited := func(read func(context.Context) bool) time.Duration {
			began := b.cluster.Clock.Now()
			if err := b.Await(t.Context(), read); err != nil {
				t.Fatal(err)
			}
			return b.cluster.Clock.Now().Sub(began)
		}
		never := func(context.Context) bool { return false }
		always := func(context.Context) bool { return true }
		for i, c := range []struct {
			read        func(context.Context) bool
			least, most time.Duration
		}{
			{always, 0, 2 * quiet},
			{never, 30 * time.Second, 30*time.Second + 2*lookAgain},
			{never, hasty, hasty + 2*lookAgain},
			{always, 0, 2 * quiet},
			{never, hasty, hasty + 2*lookAgain},
		} {
			if got := waited(c.read); got < c.least || got > c.most {
				t.Errorf("%d: waited for %s, want %s to %s", i, got, c.least, c.most)
			}
		}
	})
}

// An answer has to stay as expected, but not where the next change is near, or may be since
// pods were sooner than in the simulator; and not twice at one point of time.
func TestStay(t *testing.T) {
	for name, c := range map[string]struct {
		calm, early time.Duration
		settled     bool
		want        time.Duration
	}{
		"for long":             {time.Hour, 0, false, quiet},
		"for seconds":          {brief - 1, 0, false, 0},
		"for a little more":    {brief, 0, false, brief / 2},
		"less, where sooner":   {brief, time.Second, false, 0},
		"looked at once":       {time.Hour, 0, true, 0},
		"for long, and sooner": {time.Hour, 3 * time.Second, false, quiet},
	} {
		b := &Live{next: Pace{Calm: c.calm}, early: c.early, settled: c.settled}
		if got := b.stay(); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

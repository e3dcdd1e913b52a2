package fault

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/aviary-rollouts/aviary/sim/kernel"
	"github.com/aviary-rollouts/aviary/sim/store"
)

// crash kills the controller right after a write: what it wrote is there, what
// it was about to write is not, and what it had in memory is lost.
type crash struct {
	window
	after   int     // die after this write, counted over all lives; 0: never
	p       float64 // or after any write with this probability
	restart time.Duration
	writes  int
}

// CrashAfterWrite kills the controller once, after its nth write of the run,
// and starts it again after restart.
func CrashAfterWrite(n int, restart time.Duration) Fault {
	return &crash{after: n, restart: restart}
}

// Crashes kills the controller after each write with probability p.
func Crashes(p float64, restart time.Duration) Fault { return &crash{p: p, restart: restart} }

func parseCrash(f *form) Fault {
	return &crash{after: f.int("after", 0), p: f.probability("p", 0), restart: f.duration("restart", time.Second), window: f.window()}
}

func drawCrash(rng *rand.Rand, w window) Fault {
	restart := time.Duration(rng.IntN(8)) * time.Second
	if rng.IntN(2) == 0 {
		return &crash{window: w, after: 1 + rng.IntN(40), restart: restart}
	}
	return &crash{window: w, p: drawn(rng, 0.01, 0.2), restart: restart}
}

func (c *crash) String() string {
	if c.after > 0 {
		return fmt.Sprintf("crash:after=%d,restart=%s%s", c.after, c.restart, c.suffix())
	}
	return fmt.Sprintf("crash:p=%s,restart=%s%s", number(c.p), c.restart, c.suffix())
}

func (c *crash) Attach(k *kernel.Kernel, _ *store.Store) { c.attach(k, "crash") }

func (c *crash) Before(store.Op) error { return nil }

func (c *crash) After(op store.Op) error {
	if !op.Write() {
		return nil
	}
	c.writes++
	if (c.open() && c.writes == c.after) || (c.p > 0 && c.chance(c.p)) {
		return &Crash{Restart: c.restart}
	}
	return nil
}

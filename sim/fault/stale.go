package fault

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/aviary-rollouts/aviary/sim/kernel"
	"github.com/aviary-rollouts/aviary/sim/store"
)

// stale makes the controller's cache lag: it reads an older revision, and the
// events that would wake it arrive when its cache has them. Its writes meet
// the present.
type stale struct {
	window
	lag Lag
}

// Stale makes reads lag by up to that many revisions and up to that long,
// whichever is less; revisions 0 leaves it to the time alone.
func Stale(revisions store.Revision, age time.Duration) Fault {
	return &stale{lag: Lag{Revisions: revisions, Age: age}}
}

func parseStale(f *form) Fault {
	s := &stale{lag: Lag{Revisions: store.Revision(f.int("revisions", 0)), Age: f.duration("age", 2*time.Second)}, window: f.window()}
	if s.lag.Age == 0 {
		f.fail("age", "0s", "the longest time that the cache may lag")
	}
	return s
}

func drawStale(rng *rand.Rand, w window) Fault {
	s := &stale{window: w, lag: Lag{Age: time.Duration(100+rng.IntN(3000)) * time.Millisecond}}
	if rng.IntN(2) == 0 {
		s.lag.Revisions = store.Revision(1 + rng.IntN(40))
	}
	return s
}

func (s *stale) String() string {
	text := "stale:"
	if s.lag.Revisions > 0 {
		text += fmt.Sprintf("revisions=%d,", s.lag.Revisions)
	}
	return text + "age=" + s.lag.Age.String() + s.suffix()
}

func (s *stale) Attach(k *kernel.Kernel) { s.attach(k, "stale") }

func (s *stale) Before(store.Op) error { return nil }

func (s *stale) After(store.Op) error { return nil }

// Lag returns the lag while the window is open.
func (s *stale) Lag() Lag {
	if s.open() {
		return s.lag
	}
	return Lag{}
}

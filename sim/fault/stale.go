package fault

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"
	"unicode"

	"github.com/aviary-rollouts/aviary/sim/kernel"
	"github.com/aviary-rollouts/aviary/sim/store"
)

// stale makes the controller's cache lag: it reads an older revision, and the
// events that would wake it arrive when its cache has them. Its writes meet
// the present. A real cache is one informer for each kind, and they do not lag
// alike: a kind may have an age of its own.
type stale struct {
	window
	lag   Lag
	kinds map[string]time.Duration // by kind; 0 is the present
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
	s.kinds = map[string]time.Duration{}
	for _, key := range slices.Sorted(maps.Keys(f.values)) {
		if key != "" && unicode.IsUpper(rune(key[0])) {
			s.kinds[key] = f.duration(key, 0)
		}
	}
	return s
}

// staleKinds are those that a drawn fault may give an age of their own.
var staleKinds = []string{
	"AnalysisRun", "DestinationRule", "Experiment", "Job", "Pod", "ReplicaSet", "Rollout", "Service", "VirtualService",
}

func drawStale(rng *rand.Rand, w window) Fault {
	s := &stale{window: w, lag: Lag{Age: time.Duration(100+rng.IntN(3000)) * time.Millisecond}}
	if rng.IntN(2) == 0 {
		s.lag.Revisions = store.Revision(1 + rng.IntN(40))
	}
	return s
}

// Uneven lets the cache of each kind lag by an age of its own, from nothing to that
// of the fault, if it is one of those by which a cache lags; other faults are
// returned as they are.
func Uneven(f Fault, rng *rand.Rand) Fault {
	s, ok := f.(*stale)
	if !ok {
		return f
	}
	uneven := &stale{window: s.window, lag: s.lag, kinds: map[string]time.Duration{}}
	for _, kind := range staleKinds {
		switch rng.IntN(3) {
		case 0:
			uneven.kinds[kind] = 0
		case 1:
			uneven.kinds[kind] = time.Duration(rng.Int64N(int64(s.lag.Age/time.Millisecond))) * time.Millisecond
		}
	}
	return uneven
}

func (s *stale) String() string {
	text := "stale:"
	if s.lag.Revisions > 0 {
		text += fmt.Sprintf("revisions=%d,", s.lag.Revisions)
	}
	text += "age=" + s.lag.Age.String()
	for _, kind := range slices.Sorted(maps.Keys(s.kinds)) {
		text += fmt.Sprintf(",%s=%s", kind, s.kinds[kind])
	}
	return text + s.suffix()
}

func (s *stale) Attach(k *kernel.Kernel, _ *store.Store) { s.attach(k, "stale") }

func (s *stale) Before(store.Op) error { return nil }

func (s *stale) After(store.Op) error { return nil }

// Lag returns the lag of a kind while the window is open; that of the kind that
// lags most if none is named.
func (s *stale) Lag(kind string) Lag {
	if !s.open() {
		return Lag{}
	}
	if kind == "" {
		most := s.lag
		for _, age := range s.kinds {
			most.Age = max(most.Age, age)
		}
		return most
	}
	age, own := s.kinds[kind]
	switch {
	case !own:
		return s.lag
	case age == 0:
		return Lag{}
	}
	return Lag{Revisions: s.lag.Revisions, Age: age}
}

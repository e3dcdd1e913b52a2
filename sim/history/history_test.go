package history

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/aviary-rollouts/aviary/sim"
)

// seeds is how many histories each test plays: AVIARY_SEEDS, or 150.
func seeds(t *testing.T) uint64 {
	text := os.Getenv("AVIARY_SEEDS")
	if text == "" {
		return 150
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("AVIARY_SEEDS=%q: write a number", text)
	}
	return n
}

// first is the first seed: AVIARY_SEED replays one that failed.
func first(t *testing.T) uint64 {
	text := os.Getenv("AVIARY_SEED")
	if text == "" {
		return 1
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("AVIARY_SEED=%q: write a number", text)
	}
	return n
}

func TestHistories(t *testing.T) {
	t.Parallel()
	playAll(t, false)
}

func TestHistoriesWithFaults(t *testing.T) {
	t.Parallel()
	playAll(t, true)
}

// playAll plays each history twice: it must satisfy all checks, and its trace
// must be the same.
func playAll(t *testing.T, withFaults bool) {
	from := first(t)
	failures := 0
	for seed := from; seed < from+seeds(t) && failures < 3; seed++ {
		h := Draw(seed, withFaults)
		r, err := Run(h, sim.Options{})
		if err != nil {
			failures++
			t.Error(report(h, err))
			continue
		}
		if again, err := Run(h, sim.Options{}); err != nil || again.Hash != r.Hash {
			failures++
			t.Errorf("played twice, two traces (%v):\n%s%s", err, h, difference(r, again))
		}
	}
}

// report prints the history first, then what is left of it after shrinking.
func report(h History, err error) string {
	small := Shrink(h, func(c History) bool {
		_, err := Run(c, sim.Options{})
		return err != nil
	}, 200)
	sr, smallErr := Run(small, sim.Options{})
	text := fmt.Sprintf("%s%v\n\nshrunk to %s%v\n", h, reason(err), small, smallErr)
	if sr.Sim != nil && testing.Verbose() {
		for _, line := range sr.Sim.Trace().Lines() {
			text += line.String() + "\n"
		}
	}
	return text
}

// reason is the first line of an error.
func reason(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// difference shows where two traces part.
func difference(a, b Result) string {
	la, lb := a.Sim.Trace().Lines(), b.Sim.Trace().Lines()
	for i := range min(len(la), len(lb)) {
		if la[i] != lb[i] {
			return fmt.Sprintf("line %d:\n  %s\n  %s", i, la[i], lb[i])
		}
	}
	return fmt.Sprintf("%d lines and %d lines", len(la), len(lb))
}

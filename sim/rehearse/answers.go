package rehearse

import (
	"fmt"
	"slices"
	"time"

	"github.com/aviary-rollouts/aviary/sim/mesh"
)

// slowest is the share of answers whose time is reported: what the other hundredth
// waits for is not.
const slowest = 0.99

// measureAnswers fills in how long answers took, if somebody said how long an image
// takes: as the images answer in the middle of each window, times the requests that each
// version got.
func (r *rehearsal) measureAnswers(t *Traffic) error {
	if !slices.ContainsFunc(r.Behaviours, func(b Behaviour) bool { return b.ErrorRate == nil }) {
		return nil
	}
	for i := range t.Windows {
		w := &t.Windows[i]
		middle := r.observer.began.Add(time.Duration(w.At) + window/2)
		var all []mesh.Answers
		for j := range w.Versions {
			latency, err := r.sim.Mesh().LatencyOf(t.Versions[j].Image, middle, t.URL)
			if err != nil {
				return inputf("--load: %w", err)
			}
			one := mesh.Answers{Latency: latency, Number: w.Versions[j].Requests}
			w.Versions[j].P99 = readable(mesh.Within(slowest, []mesh.Answers{one}))
			all = append(all, one)
		}
		w.P99 = readable(mesh.Within(slowest, all))
	}
	return nil
}

// readable rounds a time to three digits.
func readable(d time.Duration) Duration {
	unit := time.Duration(1)
	for d/unit >= 1000 {
		unit *= 10
	}
	return Duration(d.Round(unit))
}

// slowestOf returns the window with the slowest answers, nil if nobody said how long an
// image takes, and how long those of the old and of the new version took at the worst.
func (t *Traffic) slowestOf() (worst *TrafficWindow, old, fresh Duration) {
	for i := range t.Windows {
		w := &t.Windows[i]
		if w.P99 > 0 && (worst == nil || w.P99 > worst.P99) {
			worst = w
		}
		for j, v := range w.Versions {
			if t.Versions[j].New {
				fresh = max(fresh, v.P99)
			} else {
				old = max(old, v.P99)
			}
		}
	}
	return worst, old, fresh
}

// answersText says how long users waited; empty if nobody said how long an image takes.
func (t *Traffic) answersText() string {
	worst, old, fresh := t.slowestOf()
	if worst == nil {
		return ""
	}
	text := fmt.Sprintf("99%% of all within %s at the worst", worst.P99)
	if worst.At > 0 {
		text += fmt.Sprintf(", from %s on", worst.At)
	}
	if old > 0 && fresh > 0 {
		text += fmt.Sprintf("; those of the old version within %s, of the new one within %s", old, fresh)
	}
	return text
}

// slow says that a version got through whose answers take more than twice as long as
// those of the one before.
func (r *Report) slow(e *evidence) {
	_, old, fresh := r.Traffic.slowestOf()
	if r.Outcome.Verdict != Promoted || old == 0 || fresh <= 2*old {
		return
	}
	r.warn("unnoticed", 0, "the new version was promoted though 99%% of its answers take up to %s, and those of the old one %s: %s", fresh, old, e.unstopped())
}

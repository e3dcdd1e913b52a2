package experiment

import (
	"time"

	"github.com/aviary-rollouts/aviary/internal/analysis"
)

// Settled reports whether a plan that asks for nothing but a status leaves nothing to
// do, so that there is no need to look at the Experiment again before wake, as long as
// nothing else happens.
func Settled(o Observed, plan Plan, now time.Time) (wake time.Time, settled bool) {
	if len(plan.Actions) > 0 {
		return time.Time{}, false
	}
	e := *o.Experiment
	e.Status = plan.Status
	o.Experiment = &e
	next := Decide(o, now)
	for _, note := range next.Why {
		if note.Event {
			return time.Time{}, false
		}
	}
	return next.Wake, len(next.Actions) == 0 && analysis.SameStatus(&next.Status, &plan.Status)
}

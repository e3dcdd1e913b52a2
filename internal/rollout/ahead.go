package rollout

import (
	"time"

	"k8s.io/utils/ptr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/analysis"
)

// aheadAtMost bounds how many decisions are taken together. Two or three are the
// rule; more would be two decisions that undo each other.
const aheadAtMost = 8

// Ahead is a plan together with what is known to come after it.
type Ahead struct {
	Plan
	// Next is what is to be done to the cluster as soon as the status of the plan is
	// written, and not before; nil if nothing is, or if that cannot be told yet.
	Next *Plan
	// Settled is true if the next decision would leave everything as it is: as long as
	// nothing else happens, there is no need to look at the Rollout again before the
	// plan's Wake.
	Settled bool
}

// DecideAhead decides until something has to be done to the cluster. A decision
// that asks for nothing but a status is followed by one that has this status, as
// the next look at the Rollout would be if nothing else happened: a pause that is
// over and the analysis of the step after it are one write, and not two.
func DecideAhead(o Observed, now time.Time) Ahead {
	plan := Decide(o, now)
	for range aheadAtMost {
		if len(plan.Actions) > 0 {
			return Ahead{Plan: plan}
		}
		if SameStatus(&o.Rollout.Status, &plan.Status) {
			return Ahead{Plan: plan, Settled: true}
		}
		o.Rollout = WithStatus(o.Rollout, plan.Status)
		next := Decide(o, now)
		if len(next.Actions) > 0 {
			return Ahead{Plan: plan, Next: &next}
		}
		next.Why = append(plan.Why, next.Why...)
		plan = next
	}
	return Ahead{Plan: plan}
}

// WithStatus returns the Rollout with another status, and shares all else with it.
func WithStatus(ro *v1alpha1.Rollout, status v1alpha1.RolloutStatus) *v1alpha1.Rollout {
	with := *ro
	with.Status = status
	return &with
}

// SameStatus is [analysis.SameStatus] for those of Rollouts, which most often differ at
// a glance.
func SameStatus(a, b *v1alpha1.RolloutStatus) bool {
	return !differAtAGlance(a, b) && analysis.SameStatus(a, b)
}

// differAtAGlance is true for statuses that differ in what differs most often,
// which spares most of those that have changed the comparison of the rest.
func differAtAGlance(a, b *v1alpha1.RolloutStatus) bool {
	return a.Replicas != b.Replicas || a.UpdatedReplicas != b.UpdatedReplicas || a.ReadyReplicas != b.ReadyReplicas ||
		a.AvailableReplicas != b.AvailableReplicas || a.Phase != b.Phase || a.Message != b.Message ||
		a.CurrentPodHash != b.CurrentPodHash || a.StableRS != b.StableRS || a.ObservedGeneration != b.ObservedGeneration ||
		!ptr.Equal(a.CurrentStepIndex, b.CurrentStepIndex) ||
		!ptr.Equal(a.Canary.CurrentStepAnalysisRunStatus, b.Canary.CurrentStepAnalysisRunStatus) ||
		ptr.Deref(a.Canary.Weights, v1alpha1.TrafficWeights{}).Canary != ptr.Deref(b.Canary.Weights, v1alpha1.TrafficWeights{}).Canary
}

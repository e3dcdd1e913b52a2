package view

import (
	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/rollout"
)

// step is where the Rollout stands in its steps.
func step(ro *v1alpha1.Rollout) Step {
	s := Step{Count: int32(len(ro.Spec.Strategy.Canary.Steps))}
	if i := ro.Status.CurrentStepIndex; i != nil {
		s.Index = min(*i, s.Count)
	}
	return s
}

// promoted is true when the newest template is the stable one.
func promoted(ro *v1alpha1.Rollout) bool {
	return ro.Status.StableRS != "" && ro.Status.StableRS == ro.Status.CurrentPodHash
}

// setWeight is the weight that the steps ask for: everything when the update is
// over, nothing after an abort, else what is in force at the current step.
func setWeight(ro *v1alpha1.Rollout) int32 {
	at := step(ro)
	switch {
	case promoted(ro), at.Index == at.Count && !ro.Status.Abort:
		return maxWeight(ro)
	case ro.Status.Abort:
		return 0
	}
	return rollout.WeightAt(ro.Spec.Strategy.Canary.Steps, at.Index)
}

// maxWeight is the weight that means all traffic: 100 unless the router counts
// differently.
func maxWeight(ro *v1alpha1.Rollout) int32 {
	if r := ro.Spec.Strategy.Canary.TrafficRouting; r != nil && r.MaxTrafficWeight != nil {
		return *r.MaxTrafficWeight
	}
	return 100
}

// actualWeight is the share of traffic that the new version gets. A router
// reports it; without one requests spread over the available pods, so that one
// canary among six pods is 16.
func actualWeight(ro *v1alpha1.Rollout, set int32, revisions []Revision) int32 {
	canary := ro.Spec.Strategy.Canary
	switch {
	case canary == nil:
		return 0
	case promoted(ro):
		return set
	case canary.TrafficRouting != nil:
		if w := ro.Status.Canary.Weights; w != nil {
			return w.Canary.Weight
		}
		return 0
	}
	var updated, all int32
	for _, r := range revisions {
		for _, rs := range r.ReplicaSets {
			all += rs.Available
			if rs.hash == ro.Status.CurrentPodHash {
				updated += rs.Available
			}
		}
	}
	switch at := step(ro); {
	case all > 0:
		return updated * 100 / all
	case at.Count > 0 && at.Index == at.Count:
		return set // nothing runs and nothing is left to do
	}
	return 0
}

package rollout

import (
	"k8s.io/utils/ptr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// maxWeight is the whole of the traffic.
const maxWeight int32 = 100

// steps is the list of canary steps; nil for blue/green.
func (d *decision) steps() []v1alpha1.CanaryStep {
	if d.spec.Strategy.Canary == nil {
		return nil
	}
	return d.spec.Strategy.Canary.Steps
}

func (d *decision) stepCount() int32 { return int32(len(d.steps())) }

// stepIndex is the current step, counted from 0; stepCount when all are done.
func (d *decision) stepIndex() int32 {
	return max(0, min(ptr.Deref(d.status.CurrentStepIndex, 0), d.stepCount()))
}

// weight is the share of traffic that the canary is meant to have, 0 to 100.
func (d *decision) weight() int32 {
	switch {
	case d.status.StableRS == "" || d.fullyPromoted():
		return d.whole()
	case d.status.Abort:
		return 0
	case d.status.PromoteFull || d.stepIndex() >= d.stepCount():
		return d.whole()
	}
	return WeightAt(d.steps(), d.stepIndex())
}

// WeightAt is the weight in force at a step: that of the nearest setWeight at or
// before it; 0 before the first setWeight, 100 behind the last step and without
// any steps.
//
//	20, pause, 40, pause: at index 1 it is 20, at index 4 it is 100
//	pause, 20:            at index 0 it is 0
func WeightAt(steps []v1alpha1.CanaryStep, index int32) int32 {
	if int(index) >= len(steps) {
		return maxWeight
	}
	for i := index; i >= 0; i-- {
		if w := steps[i].SetWeight; w != nil {
			return *w
		}
	}
	return 0
}

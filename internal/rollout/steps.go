package rollout

import (
	"fmt"
	"slices"

	"k8s.io/utils/ptr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// advanceSteps completes the current step if it is done, and those behind it
// that are done already. It is asked only in a pass that resized nothing.
func (d *decision) advanceSteps() {
	for d.mayAdvance() {
		if step := d.steps()[d.stepIndex()]; !d.advance(step) {
			return
		}
	}
}

// leavePause completes the current step if it is a pause that is over. No size has a
// say in that, so that those of the next step are decided in the same pass: what a
// controller did that died before its status was written is not undone by the next one.
func (d *decision) leavePause() {
	if !d.mayAdvance() || d.held() {
		return
	}
	if step := d.steps()[d.stepIndex()]; step.Pause != nil && d.status.ControllerPause {
		d.advance(step)
	}
}

// mayAdvance is true while there is a step that can be completed.
func (d *decision) mayAdvance() bool {
	if d.newRS == nil || d.fullyPromoted() || d.status.Abort || d.status.PromoteFull {
		return false
	}
	return d.stepIndex() < d.stepCount() && !d.inconclusive()
}

// advance goes on to the next step if the current one is done.
func (d *decision) advance(step v1alpha1.CanaryStep) bool {
	if step.Pause == nil {
		d.endPause() // left over from a step that was skipped by hand
	}
	if !d.stepDone(step) {
		return false
	}
	index := d.stepIndex() + 1
	d.event("RolloutStepCompleted", "Rollout step %d/%d completed (%s)", index, d.stepCount(), StepText(step))
	d.status.CurrentStepIndex = ptr.To(index)
	d.status.Canary.CurrentStepAnalysisRunStatus, d.status.Canary.CurrentExperiment = nil, ""
	d.wakeAfter(0)
	return true
}

func (d *decision) stepDone(step v1alpha1.CanaryStep) bool {
	switch {
	case step.SetWeight != nil:
		return d.weightReached(*step.SetWeight)
	case step.Pause != nil:
		return d.pauseOver(step.Pause)
	case step.Analysis != nil:
		return d.analysed(d.status.Canary.CurrentStepAnalysisRunStatus)
	case step.Experiment != nil:
		return d.experimented()
	case step.SetCanaryScale != nil:
		return d.scaleReached()
	case step.SetHeaderRoute != nil:
		return d.managedRouteReached(step.SetHeaderRoute.Name, len(step.SetHeaderRoute.Match) == 0)
	case step.SetMirrorRoute != nil:
		return d.managedRouteReached(step.SetMirrorRoute.Name, len(step.SetMirrorRoute.Match) == 0)
	}
	d.waiting("step %d (%s) cannot run: this build has no engine for it", d.stepIndex()+1, StepText(step))
	return false
}

// weightReached is true when the pods are as the weight wants them: the canary
// as many as wanted and available, the stable ReplicaSet as many as wanted and
// created, and no pod of another revision still serving.
func (d *decision) weightReached(weight int32) bool {
	if d.routed() {
		return d.scaleReached() && d.routeReached(weight)
	}
	want := d.wantedPair()
	canary := d.newRS
	if specReplicas(canary) != want.Canary || !d.enoughAvailable(want.Canary) {
		d.waiting("setWeight %d: %d of %d canary pods are available", weight, available(canary), want.Canary)
		return false
	}
	if d.stableRS != nil && (specReplicas(d.stableRS) != want.Stable || d.stableRS.Status.Replicas != want.Stable) {
		d.waiting("setWeight %d: the stable ReplicaSet has %d of %d pods", weight, d.stableRS.Status.Replicas, want.Stable)
		return false
	}
	for _, rs := range d.older {
		if rs.Status.AvailableReplicas > 0 {
			d.waiting("setWeight %d: ReplicaSet %s of revision %d still has %d pods", weight, rs.Name, revision(rs), rs.Status.AvailableReplicas)
			return false
		}
	}
	return true
}

// scaleReached is true when a routed canary has the pods that the steps ask for,
// and the stable ReplicaSet those of its own.
func (d *decision) scaleReached() bool {
	if !d.canaryReached() {
		d.waiting("step %d: %d of %d canary pods are available", d.stepIndex()+1, available(d.newRS), d.routedCanary())
		return false
	}
	return d.dynamic() || (specReplicas(d.stableRS) == d.n && d.stableRS.Status.Replicas == d.n)
}

// managedRouteReached is true when a header or mirror route exists, or is gone. Where no
// canary pods are asked for nobody waits for one: it is made with the first of them.
func (d *decision) managedRouteReached(name string, removed bool) bool {
	if d.Routing == nil || slices.Contains(d.Routing.Managed, name) != removed {
		return true
	}
	if !removed && d.routedCanary() == 0 {
		return true
	}
	d.waiting("step %d: route %s is not yet as wanted", d.stepIndex()+1, name)
	return false
}

// enoughAvailable is true when as many of want canary pods serve as the
// replicaProgressThreshold asks for; all of them without one.
func (d *decision) enoughAvailable(want int32) bool {
	if d.newRS.Status.ObservedGeneration < d.newRS.Generation {
		return false
	}
	return available(d.newRS) >= Threshold(want, d.spec.Strategy.Canary.ReplicaProgressThreshold)
}

// Threshold is how many of want pods must serve for an update to go on: all of
// them without a threshold, a number of pods, or a percentage rounded up.
//
//	80 % of 7 pods: 6; 3 pods of 7: 3; 9 pods of 7: 7
func Threshold(want int32, t *v1alpha1.ReplicaProgressThreshold) int32 {
	if t == nil {
		return want
	}
	if t.Type == v1alpha1.ProgressTypePercentage {
		return int32(min(int64(want), (int64(want)*int64(t.Value)+99)/100))
	}
	return min(want, t.Value)
}

// StepText names a step with its main parameter: "setWeight: 20".
func StepText(step v1alpha1.CanaryStep) string {
	switch {
	case step.SetWeight != nil:
		return fmt.Sprintf("setWeight: %d", *step.SetWeight)
	case step.Pause != nil && step.Pause.Duration != nil:
		return "pause: " + step.Pause.Duration.String()
	case step.Pause != nil:
		return "pause"
	case step.SetCanaryScale != nil:
		return "setCanaryScale"
	case step.Analysis != nil:
		return "analysis"
	case step.Experiment != nil:
		return "experiment"
	case step.SetHeaderRoute != nil:
		return "setHeaderRoute: " + step.SetHeaderRoute.Name
	case step.SetMirrorRoute != nil:
		return "setMirrorRoute: " + step.SetMirrorRoute.Name
	case step.Plugin != nil:
		return "plugin: " + step.Plugin.Name
	}
	return "empty step"
}

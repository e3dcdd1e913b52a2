package view

import (
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// What a client says while the controller has not caught up with a write.
const (
	specNotObserved     = "waiting for rollout spec update to be observed"
	workloadNotObserved = "waiting for rollout spec update to be observed for the reference workload"
	unpauseNotObserved  = "waiting for rollout to unpause"
)

// status is the phase and message that a client shows: the controller's own,
// unless the controller has not yet looked at the latest write of a person. A
// promote, for example, clears the pause conditions and leaves controllerPause
// set; until the controller removes that, the phase in the object is history.
func status(ro *v1alpha1.Rollout, workload metav1.Object) (v1alpha1.RolloutPhase, string) {
	s := &ro.Status
	switch {
	case !observed(s.ObservedGeneration, ro.Generation):
		return v1alpha1.RolloutPhaseProgressing, specNotObserved
	case s.ControllerPause && len(s.PauseConditions) == 0:
		return v1alpha1.RolloutPhaseProgressing, unpauseNotObserved
	case workload != nil && !observed(s.WorkloadObservedGeneration, workload.GetGeneration()):
		return v1alpha1.RolloutPhaseProgressing, workloadNotObserved
	case s.Phase == "":
		return v1alpha1.RolloutPhaseProgressing, specNotObserved
	}
	return s.Phase, s.Message
}

// observed reports whether the generation that a status names is the current
// one. A status written before generations were used holds a hash: it counts
// as current.
func observed(status string, generation int64) bool {
	n, err := strconv.ParseInt(status, 10, 64)
	if err != nil {
		return status != ""
	}
	return n == generation
}

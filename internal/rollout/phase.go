package rollout

import (
	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// phase sums the status up for people: the first question that applies.
func phase(d *decision) (v1alpha1.RolloutPhase, string) {
	s := d.status
	if c := d.condition(v1alpha1.InvalidSpec); c != nil {
		return v1alpha1.RolloutPhaseDegraded, string(v1alpha1.InvalidSpec) + ": " + c.Message
	}
	for _, c := range s.Conditions {
		if c.Reason == v1alpha1.RolloutAbortedReason || c.Reason == v1alpha1.TimedOutReason {
			return v1alpha1.RolloutPhaseDegraded, c.Reason + ": " + c.Message
		}
	}
	if d.spec.Paused {
		return v1alpha1.RolloutPhasePaused, "manually paused"
	}
	if len(s.PauseConditions) > 0 {
		return v1alpha1.RolloutPhasePaused, string(s.PauseConditions[0].Reason)
	}
	if why := d.unfinished(); why != "" {
		return v1alpha1.RolloutPhaseProgressing, why
	}
	return v1alpha1.RolloutPhaseHealthy, ""
}

// unfinished says what an update still waits for; empty when it is over.
func (d *decision) unfinished() string {
	s := d.status
	bg := d.spec.Strategy.BlueGreen
	switch {
	case d.spec.RestartAt != nil && !s.RestartedAt.Equal(d.spec.RestartAt):
		return "rollout is restarting"
	case s.UpdatedReplicas < d.n:
		return "more replicas need to be updated"
	case s.AvailableReplicas < s.UpdatedReplicas:
		return "updated replicas are still becoming available"
	case bg != nil && s.BlueGreen.ActiveSelector != s.CurrentPodHash:
		return "active service cutover pending"
	case bg != nil && s.StableRS != s.CurrentPodHash && bg.PostPromotionAnalysis != nil:
		return "waiting for analysis to complete"
	case bg != nil && s.StableRS != s.CurrentPodHash:
		return "waiting for post-promotion verification to complete"
	case bg != nil:
		return ""
	case !d.routed() && s.Replicas > s.UpdatedReplicas:
		return "old replicas are pending termination"
	case s.StableRS != s.CurrentPodHash || d.trafficLeftBehind():
		return "waiting for all steps to complete"
	}
	return ""
}

// trafficLeftBehind is true while a promoted version is still reached as a canary.
func (d *decision) trafficLeftBehind() bool {
	return d.routed() && d.Routing != nil && d.Routing.Weights.Canary > 0
}

// PausesForEver is true for a pause step that only a promotion ends.
func PausesForEver(step v1alpha1.CanaryStep) bool {
	return step.Pause != nil && step.Pause.Duration == nil
}

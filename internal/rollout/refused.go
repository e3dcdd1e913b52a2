package rollout

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// NotCreated is the status of a Rollout whose new ReplicaSet the API server refuses, as
// message says: the update has not begun, so that all but the phase and the condition
// Progressing stays as it was. After the progress deadline the Rollout is Degraded; the
// ReplicaSet is asked for all the same.
func NotCreated(o Observed, message string, now time.Time) v1alpha1.RolloutStatus {
	d := newDecision(o, now)
	d.dropCondition(v1alpha1.InvalidSpec)
	c := d.condition(v1alpha1.RolloutProgressing)
	deadline := time.Duration(ptr.Deref(d.spec.ProgressDeadlineSeconds, defaultProgressDeadline)) * time.Second
	switch {
	case c != nil && c.Reason == v1alpha1.TimedOutReason && d.was.ObservedGeneration == fmt.Sprint(o.Rollout.Generation):
	case c != nil && c.Reason == v1alpha1.FailedRSCreateReason && !now.Before(c.LastUpdateTime.Add(deadline)):
		d.touchCondition(v1alpha1.RolloutProgressing, corev1.ConditionFalse, v1alpha1.TimedOutReason, message)
	case c != nil && c.Reason == v1alpha1.FailedRSCreateReason:
		c.Message = message // the time since which it is so stays
	default:
		d.touchCondition(v1alpha1.RolloutProgressing, corev1.ConditionFalse, v1alpha1.FailedRSCreateReason, message)
	}
	d.status.ObservedGeneration = fmt.Sprint(o.Rollout.Generation)
	if o.Workload != nil {
		d.status.WorkloadObservedGeneration = fmt.Sprint(o.Workload.Generation)
	}
	d.status.Phase, d.status.Message = v1alpha1.RolloutPhaseProgressing, v1alpha1.FailedRSCreateReason+": "+message
	if c := d.condition(v1alpha1.RolloutProgressing); c.Reason == v1alpha1.TimedOutReason {
		d.status.Phase, d.status.Message = v1alpha1.RolloutPhaseDegraded, c.Reason+": "+c.Message
	}
	return d.plan.Status
}

package rollout

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// defaultProgressDeadline is spec.progressDeadlineSeconds where it is not set.
const defaultProgressDeadline int32 = 600

// setProgressing writes the condition that tells whether the update moves on.
func (d *decision) setProgressing() {
	current := d.condition(v1alpha1.RolloutProgressing)
	reason := ""
	if current != nil {
		reason = current.Reason
	}
	set := func(status corev1.ConditionStatus, reason, message string) {
		d.setCondition(v1alpha1.RolloutProgressing, status, reason, message)
	}
	name := d.newName()
	switch {
	case d.abortedUpdate():
		if reason != v1alpha1.RolloutAbortedReason {
			set(corev1.ConditionFalse, v1alpha1.RolloutAbortedReason, d.abortMessage(""))
			d.plan.Why = append(d.plan.Why, Note{Reason: v1alpha1.RolloutAbortedReason, Message: d.abortMessage(""), Event: true, Warning: true})
		}
	case d.paused():
		set(corev1.ConditionUnknown, v1alpha1.RolloutPausedReason, "Rollout is paused")
	case d.began == v1alpha1.RolloutRetryReason:
		set(corev1.ConditionUnknown, d.began, d.beganMessage)
	case d.began != "":
		set(corev1.ConditionTrue, d.began, d.beganMessage)
	case d.complete():
		set(corev1.ConditionTrue, v1alpha1.NewRSAvailableReason, `ReplicaSet "`+name+`" has successfully progressed.`)
	case reason == v1alpha1.RolloutPausedReason:
		set(corev1.ConditionUnknown, v1alpha1.RolloutResumedReason, "Rollout is resumed")
	case reason == v1alpha1.NewRSAvailableReason && d.fullyPromoted():
		set(corev1.ConditionTrue, v1alpha1.ReplicaSetNotAvailableReason, "Rollout does not have minimum availability")
	case d.progressed() || current == nil || reason == v1alpha1.RolloutAbortedReason || d.wasRefused(reason):
		d.touchCondition(v1alpha1.RolloutProgressing, corev1.ConditionTrue, v1alpha1.ReplicaSetUpdatedReason, `ReplicaSet "`+name+`" is progressing.`)
	default:
		d.checkDeadline(current)
	}
}

// wasRefused is true for a reason that tells of a refusal which is over: otherwise no
// status would be written that says anything else.
func (d *decision) wasRefused(reason string) bool {
	switch reason {
	case v1alpha1.FailedRSCreateReason, v1alpha1.FailedRunCreateReason, v1alpha1.FailedExperimentCreateReason:
		return true
	}
	return reason == v1alpha1.TimedOutReason && d.startsMeasuring()
}

// checkDeadline reports, or gives up, when nothing has moved for too long.
func (d *decision) checkDeadline(current *v1alpha1.RolloutCondition) {
	if current.Reason == v1alpha1.TimedOutReason || d.deadlineSuspended() {
		return
	}
	deadline := current.LastUpdateTime.Add(d.progressDeadline())
	if d.now.Before(deadline) {
		d.wakeAt(deadline)
		return
	}
	message := `ReplicaSet "` + d.newName() + `" has timed out progressing.`
	if d.spec.ProgressDeadlineAbort && !d.fullyPromoted() {
		d.giveUp(message)
		return
	}
	d.setCondition(v1alpha1.RolloutProgressing, corev1.ConditionFalse, v1alpha1.TimedOutReason, message)
	d.plan.Why = append(d.plan.Why, Note{Reason: v1alpha1.TimedOutReason, Message: message, Event: true, Warning: true})
}

// progressDeadline is for how long an update may stand still.
func (d *decision) progressDeadline() time.Duration {
	return time.Duration(ptr.Deref(d.spec.ProgressDeadlineSeconds, defaultProgressDeadline)) * time.Second
}

// deadlineSuspended is true where waiting is what was asked for.
func (d *decision) deadlineSuspended() bool {
	if i := d.stepIndex(); i < d.stepCount() {
		step := d.steps()[i]
		if step.Pause != nil || step.Analysis != nil || step.Experiment != nil {
			return true
		}
	}
	bg := &d.status.BlueGreen
	for _, run := range []*v1alpha1.RolloutAnalysisRunStatus{bg.PrePromotionAnalysisRunStatus, bg.PostPromotionAnalysisRunStatus} {
		if run != nil && !run.Status.Completed() {
			return true
		}
	}
	return slices.ContainsFunc(d.older, inDelay)
}

// verdict is the phase of an analysis; empty without one.
func verdict(run *v1alpha1.RolloutAnalysisRunStatus) v1alpha1.AnalysisPhase {
	if run == nil {
		return ""
	}
	return run.Status
}

// progressed compares the status with the one before.
func (d *decision) progressed() bool {
	s, was := d.status, d.was
	return s.UpdatedReplicas != was.UpdatedReplicas ||
		s.Replicas-s.UpdatedReplicas < was.Replicas-was.UpdatedReplicas ||
		s.ReadyReplicas > was.ReadyReplicas ||
		s.AvailableReplicas > was.AvailableReplicas ||
		ptr.Deref(s.CurrentStepIndex, 0) != ptr.Deref(was.CurrentStepIndex, 0) ||
		s.CurrentStepHash != was.CurrentStepHash ||
		s.StableRS != was.StableRS ||
		s.BlueGreen.ActiveSelector != was.BlueGreen.ActiveSelector ||
		s.BlueGreen.PreviewSelector != was.BlueGreen.PreviewSelector ||
		verdict(s.BlueGreen.PrePromotionAnalysisRunStatus) != verdict(was.BlueGreen.PrePromotionAnalysisRunStatus) ||
		verdict(s.BlueGreen.PostPromotionAnalysisRunStatus) != verdict(was.BlueGreen.PostPromotionAnalysisRunStatus)
}

// complete is true when the new ReplicaSet is the stable one and serves in full.
func (d *decision) complete() bool {
	s := d.status
	done := d.fullyPromoted() && s.UpdatedReplicas == d.n && s.AvailableReplicas >= d.n && available(d.newRS) >= d.n
	if bg := d.spec.Strategy.BlueGreen; bg != nil {
		return done && s.BlueGreen.ActiveSelector == d.hash
	}
	return done
}

// paused is true while a person or a pause step holds the Rollout.
func (d *decision) paused() bool { return d.spec.Paused || len(d.status.PauseConditions) > 0 }

func (d *decision) newName() string {
	if d.newRS == nil {
		return d.Rollout.Name + "-" + d.hash
	}
	return d.newRS.Name
}

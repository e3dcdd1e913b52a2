package rollout

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// followAbort keeps the status of an aborted update as it must be, and starts
// over when the abort was taken back (a retry).
func (d *decision) followAbort() {
	s := d.status
	switch {
	case s.Abort && d.fullyPromoted():
		// There is nothing to give up: the new ReplicaSet is the stable one.
		s.Abort, s.AbortedAt = false, nil
		d.skipToEnd("")
	case s.Abort:
		if s.AbortedAt == nil {
			s.AbortedAt = ptr.To(d.stamp())
			d.completed(v1alpha1.CompletionStatusAborted)
		}
		s.PauseConditions, s.ControllerPause, s.PromoteFull = nil, false, false
		s.BlueGreen.ScaleUpPreviewCheckPoint = false
		if d.stepCount() > 0 {
			s.CurrentStepIndex = ptr.To[int32](0)
		}
	case s.AbortedAt != nil:
		s.AbortedAt = nil
		d.forgetRuns()
		s.Duration = &v1alpha1.RolloutDuration{RolloutStartedAt: ptr.To(d.stamp())}
		d.began, d.beganMessage = v1alpha1.RolloutRetryReason, "Retrying Rollout after abort"
		if d.newRS != nil {
			d.unannotate(d.newRS, v1alpha1.ScaleDownDeadlineAnnotation)
		}
	}
}

// forgetRuns lets the next attempt have analyses and experiments of its own.
func (d *decision) forgetRuns() {
	c, bg := &d.status.Canary, &d.status.BlueGreen
	c.CurrentStepAnalysisRunStatus, c.CurrentBackgroundAnalysisRunStatus, c.CurrentExperiment = nil, nil, ""
	bg.PrePromotionAnalysisRunStatus, bg.PostPromotionAnalysisRunStatus = nil, nil
}

// abortedUpdate is true while an update has been given up and neither retried
// nor replaced.
func (d *decision) abortedUpdate() bool { return d.status.Abort && !d.fullyPromoted() }

// abortMessage is what people read; why is empty when a person aborted.
func (d *decision) abortMessage(why string) string {
	number := d.revision()
	if d.newRS == nil { // it was given up before it had a ReplicaSet
		number = d.nextRevision()
	}
	m := fmt.Sprintf("Rollout aborted update to revision %d", number)
	if why != "" {
		m += ": " + why
	}
	return m
}

// giveUp aborts on behalf of the controller.
func (d *decision) giveUp(why string) {
	d.status.Abort = true
	d.setCondition(v1alpha1.RolloutProgressing, corev1.ConditionFalse, v1alpha1.RolloutAbortedReason, d.abortMessage(why))
	d.plan.Why = append(d.plan.Why, Note{Reason: v1alpha1.RolloutAbortedReason, Message: d.abortMessage(why), Event: true, Warning: true})
	d.followAbort()
	d.wakeAfter(0) // the next pass brings the stable ReplicaSet back
}

package rollout

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// RefusedRetry is how soon what the API server refuses is tried again. A back-off would
// grow to a quarter of an hour in which nothing happens, though people have changed by
// then what refuses it.
const RefusedRetry = 20 * time.Second

// NotCreated is what follows when the API server refuses the new ReplicaSet of a Rollout,
// as message says: a plan without actions. The update has not begun, so that all but the
// phase and the condition Progressing stays as it was. After the progress deadline the
// Rollout is Degraded and the ReplicaSet is asked for all the same, or the update is given
// up: if the spec says so, or as soon as a person does.
func NotCreated(o Observed, message string, now time.Time) Plan {
	d := newDecision(o, now)
	d.wakeAfter(RefusedRetry)
	d.dropCondition(v1alpha1.InvalidSpec)
	told := d.toldRefused(d.newName(), v1alpha1.FailedRSCreateReason)
	if told == nil {
		d.touchCondition(v1alpha1.RolloutProgressing, corev1.ConditionFalse, v1alpha1.FailedRSCreateReason, message)
		d.status.Abort = false // it was meant for the update before, as AbortedAt goes on saying
		told = d.condition(v1alpha1.RolloutProgressing)
	}
	deadline := told.LastUpdateTime.Add(d.progressDeadline())
	switch {
	case d.status.Abort && d.status.StableRS != "":
		d.giveUpUncreated(told.LastUpdateTime, "")
		return d.plan
	case told.Reason == v1alpha1.TimedOutReason:
	case d.now.Before(deadline):
		told.Message = message // the time since which it is so stays
		d.wakeAt(deadline)
	case d.spec.ProgressDeadlineAbort && d.status.StableRS != "":
		d.giveUpUncreated(told.LastUpdateTime, message)
		return d.plan
	default:
		d.touchCondition(v1alpha1.RolloutProgressing, corev1.ConditionFalse, v1alpha1.TimedOutReason, message)
	}
	d.observe()
	d.status.Phase, d.status.Message = v1alpha1.RolloutPhaseProgressing, v1alpha1.FailedRSCreateReason+": "+message
	if c := d.condition(v1alpha1.RolloutProgressing); c.Reason == v1alpha1.TimedOutReason {
		d.status.Phase, d.status.Message = v1alpha1.RolloutPhaseDegraded, c.Reason+": "+c.Message
	}
	return d.plan
}

// Refusal is what the API server will not have.
type Refusal struct {
	// Name is that of the object, which Message quotes.
	Name string
	// Reason is the one of the condition Progressing.
	Reason, Message string
}

// NotStarted is what follows when the API server refuses the AnalysisRun or the Experiment
// that an update needs next: a plan without actions. The update stays where it is, for
// nothing judges what comes then, and its status says why. After the progress deadline the
// Rollout is Degraded and the object is asked for all the same, or the update is given up,
// as with a new ReplicaSet; see [NotCreated]. A pause has no deadline.
func NotStarted(o Observed, r Refusal, now time.Time) Plan {
	d := newDecision(o, now)
	d.wakeAfter(RefusedRetry)
	d.dropCondition(v1alpha1.InvalidSpec)
	d.count()
	if !d.paused() {
		d.tellRefusal(r)
	}
	d.observe()
	d.status.Phase, d.status.Message = phase(d)
	if d.status.Phase != v1alpha1.RolloutPhaseDegraded {
		d.status.Message = r.Reason + ": " + r.Message
	}
	return d.plan
}

// tellRefusal keeps the condition that tells since when an update waits for what is
// refused, and gives it up when that is over.
func (d *decision) tellRefusal(r Refusal) {
	told := d.toldRefused(r.Name, r.Reason)
	if told == nil {
		d.touchCondition(v1alpha1.RolloutProgressing, corev1.ConditionFalse, r.Reason, r.Message)
		told = d.condition(v1alpha1.RolloutProgressing)
	}
	deadline := told.LastUpdateTime.Add(d.progressDeadline())
	switch {
	case told.Reason == v1alpha1.TimedOutReason:
	case d.now.Before(deadline):
		told.Message = r.Message // the time since which it is so stays
		d.wakeAt(deadline)
	case d.spec.ProgressDeadlineAbort:
		d.giveUp(r.Message)
	default:
		d.touchCondition(v1alpha1.RolloutProgressing, corev1.ConditionFalse, v1alpha1.TimedOutReason, r.Message)
		d.plan.Why = append(d.plan.Why, Note{Reason: v1alpha1.TimedOutReason, Message: r.Message, Event: true, Warning: true})
	}
}

// startsMeasuring is true for a plan that starts what measures the update, and so for a
// status that is written when it was not refused.
func (d *decision) startsMeasuring() bool {
	return slices.ContainsFunc(d.plan.Actions, func(a Action) bool {
		switch a.(type) {
		case CreateRun, CreateExperiment:
			return true
		}
		return false
	})
}

// toldRefused is the condition that says already, for a reason, that the object of a name
// is refused, or nil. One that timed out says so of the spec that it was about.
func (d *decision) toldRefused(name, reason string) *v1alpha1.RolloutCondition {
	c := d.condition(v1alpha1.RolloutProgressing)
	switch {
	case c == nil || !strings.Contains(c.Message, strconv.Quote(name)):
	case c.Reason == reason:
		return c
	case c.Reason == v1alpha1.TimedOutReason && d.was.ObservedGeneration == fmt.Sprint(d.Rollout.Generation):
		return c
	}
	return nil
}

// giveUpUncreated aborts an update whose ReplicaSet was never created. From then on the
// status is about that update, so that the stable version gets back what an update before
// it had; a retry asks for the ReplicaSet again.
func (d *decision) giveUpUncreated(since metav1.Time, why string) {
	message := d.abortMessage(why)
	d.resetStatus()
	d.status.Duration.RolloutStartedAt = ptr.To(since)
	d.status.Abort = true
	d.setCondition(v1alpha1.RolloutProgressing, corev1.ConditionFalse, v1alpha1.RolloutAbortedReason, message)
	d.plan.Why = append(d.plan.Why, Note{Reason: v1alpha1.RolloutAbortedReason, Message: message, Event: true, Warning: true})
	d.followAbort()
	d.wakeAfter(0)
	d.observe()
	d.status.Phase, d.status.Message = phase(d)
}

// givenUpUncreated is true while an aborted update has no ReplicaSet: nothing asks for
// one until it is retried.
func (d *decision) givenUpUncreated() bool {
	return d.newRS == nil && d.was.Abort && d.was.AbortedAt != nil && d.was.CurrentPodHash == d.hash && d.was.CurrentStepHash == d.stepHash
}

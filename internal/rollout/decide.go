package rollout

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/analysis"
)

// invalidRetry is how often an invalid Rollout is looked at again, so that a
// Service that is applied later heals it.
const invalidRetry = 20 * time.Second

// Decide is the whole policy of a Rollout. It reads no clock and no cluster.
func Decide(o Observed, now time.Time) Plan {
	d := newDecision(o, now)
	switch {
	case o.Rollout.DeletionTimestamp != nil:
		return d.plan // its ReplicaSets go with it, by owner reference
	case len(o.Orphans) > 0:
		for _, rs := range o.Orphans {
			d.do(AdoptReplicaSet{rs})
		}
		return d.plan // what they are to us is seen when they are ours
	case o.Rollout.Spec.Replicas == nil:
		d.do(SetReplicas{Replicas: 1})
		return d.plan
	case d.refused():
		d.refuse()
		return d.finish()
	}
	d.forgetOtherStrategy()
	if d.updateStarts() {
		d.startUpdate()
		return d.finish()
	}
	d.followAbort()
	d.followFullPromotion()
	if o.Rollout.Spec.Strategy.BlueGreen != nil {
		d.blueGreen()
	} else {
		d.canary()
	}
	d.dress()
	d.scaleWorkload()
	d.deleteHistory()
	return d.finish()
}

// forgetOtherStrategy drops what a Rollout that had the other strategy has noted for it,
// with its pause: nobody would end that.
func (d *decision) forgetOtherStrategy() {
	pause := v1alpha1.PauseReasonCanaryPauseStep
	if d.spec.Strategy.BlueGreen != nil {
		d.status.Canary = v1alpha1.CanaryStatus{}
	} else {
		d.status.BlueGreen = v1alpha1.BlueGreenStatus{}
		pause = v1alpha1.PauseReasonBlueGreenPause
	}
	if d.pausedSince(pause) == nil {
		return
	}
	d.status.PauseConditions = slices.DeleteFunc(d.status.PauseConditions, func(c v1alpha1.PauseCondition) bool { return c.Reason == pause })
	if len(d.status.PauseConditions) == 0 {
		d.endPause()
	}
}

// refused is true while the Rollout is invalid. To take back an update that was given up
// needs no template of an analysis.
func (d *decision) refused() bool {
	takenBack := d.InvalidTemplates && d.status.Abort && !d.updateStarts()
	return d.Invalid != "" && !takenBack
}

// refuse leaves everything as it is while the spec makes no sense. Only what measures
// an update that is over, given up by a person or promoted, ends: that needs nothing of
// the spec. If all that is wrong are templates, what measures an update on its way goes on,
// and is heeded.
func (d *decision) refuse() {
	d.wakeAfter(invalidRetry)
	d.tellMissing()
	switch {
	case d.status.Abort || d.status.CurrentPodHash == d.status.StableRS:
		d.stopExperiments("")
		d.stopStrays(nil)
	case d.InvalidTemplates && d.status.AbortedAt == nil && !d.updateStarts(): // neither a retry nor a new image
		d.heedRuns()
	}
}

// tellMissing tells people, once, that the spec names routes which are not there: they may
// have gone under a Rollout that nobody has touched.
func (d *decision) tellMissing() {
	if d.Routing == nil || d.Routing.Missing == nil || d.Routing.Problem != d.Invalid {
		return
	}
	if c := d.condition(v1alpha1.InvalidSpec); c == nil || c.Message != d.invalidMessage() {
		d.plan.Why = append(d.plan.Why, Note{Reason: d.Routing.Missing.Reason, Message: d.Routing.Missing.Error(), Event: true, Warning: true})
	}
}

// canary asks the questions of the canary strategy, in order.
func (d *decision) canary() {
	if d.restart() {
		return // pods are missing on purpose: counts would mislead the sizes
	}
	d.analyse()
	d.runExperiments()
	if d.promoteCanary() {
		d.wakeAfter(0)
		return // who is stable is on record before anything follows from it
	}
	d.leavePause()
	resized := d.resize(d.canarySizes())
	if d.held() {
		d.routeHeld()
		return
	}
	if !resized {
		d.advanceSteps()
	}
	d.selectCanaryServices()
	d.route()
}

// decision is a plan in the making, with the facts that it is made from.
type decision struct {
	Observed
	now  time.Time
	spec *v1alpha1.RolloutSpec
	n    int32 // spec.replicas
	cast
	// status is the next status; was is the one observed.
	status *v1alpha1.RolloutStatus
	was    *v1alpha1.RolloutStatus
	plan   Plan
	// replicas is the wanted spec.replicas of each ReplicaSet after this plan.
	updates map[string]*UpdateReplicaSet
	// clothes are the changes of what ReplicaSets give their pods to wear.
	clothes []UpdateReplicaSet
	// began names what this pass did to start an update: a Progressing reason.
	began, beganMessage string
}

func newDecision(o Observed, now time.Time) *decision {
	d := &decision{Observed: o, now: now, spec: &o.Rollout.Spec, was: &o.Rollout.Status}
	o.Rollout.Status.DeepCopyInto(&d.plan.Status)
	d.status = &d.plan.Status
	if d.spec.Replicas != nil {
		d.n = *d.spec.Replicas
	}
	d.cast = identify(o)
	return d
}

// finish completes the status from what was decided.
func (d *decision) finish() Plan {
	d.annotateRollout()
	for _, rs := range d.all {
		if u := d.updates[rs.Name]; u != nil && changes(u) {
			d.do(*u)
		}
	}
	for _, u := range d.clothes {
		// An update of its own, which comes next: what is refused must not keep a
		// ReplicaSet from getting its pods.
		if other := d.updates[u.ReplicaSet.Name]; other == nil || !changes(other) {
			d.do(u)
		}
	}
	d.count()
	d.recordManualPause()
	d.setConditions()
	d.observe()
	d.status.Phase, d.status.Message = phase(d)
	return d.plan
}

// observe notes which version of the spec the status is about.
func (d *decision) observe() {
	d.status.ObservedGeneration = strconv.FormatInt(d.Rollout.Generation, 10)
	if d.Workload != nil {
		d.status.WorkloadObservedGeneration = strconv.FormatInt(d.Workload.Generation, 10)
	}
}

func (d *decision) do(a Action) { d.plan.Actions = append(d.plan.Actions, a) }

// event notes something that users are told.
func (d *decision) event(reason, format string, args ...any) {
	d.plan.Why = append(d.plan.Why, Note{Reason: reason, Message: fmt.Sprintf(format, args...), Event: true})
}

// waiting notes what holds the Rollout where it is.
func (d *decision) waiting(format string, args ...any) {
	d.plan.Why = append(d.plan.Why, Note{Reason: "Waiting", Message: fmt.Sprintf(format, args...)})
}

// wakeAt asks for another look at t, or earlier.
func (d *decision) wakeAt(t time.Time) {
	if d.plan.Wake.IsZero() || t.Before(d.plan.Wake) {
		d.plan.Wake = t
	}
}

func (d *decision) wakeAfter(delay time.Duration) { d.wakeAt(d.now.Add(delay)) }

// stamp is now as [analysis.Stamp] rounds it.
func (d *decision) stamp() metav1.Time { return analysis.Stamp(d.now) }

// update returns the pending change of a ReplicaSet, to be amended.
func (d *decision) update(rs *appsv1.ReplicaSet) *UpdateReplicaSet {
	u := d.updates[rs.Name]
	if u == nil {
		u = unchanged(rs)
		if d.updates == nil {
			d.updates = map[string]*UpdateReplicaSet{}
		}
		d.updates[rs.Name] = u
	}
	return u
}

// unchanged is a change of a ReplicaSet that changes nothing yet.
func unchanged(rs *appsv1.ReplicaSet) *UpdateReplicaSet {
	return &UpdateReplicaSet{ReplicaSet: rs, Replicas: specReplicas(rs), Annotations: map[string]*string{}, MinReadySeconds: rs.Spec.MinReadySeconds}
}

// annotate sets an annotation of a ReplicaSet if it is not already so.
func (d *decision) annotate(rs *appsv1.ReplicaSet, key, value string) {
	if rs.Annotations[key] != value {
		d.update(rs).Annotations[key] = &value
	}
}

// unannotate removes an annotation of a ReplicaSet if it has it.
func (d *decision) unannotate(rs *appsv1.ReplicaSet, key string) {
	if _, has := rs.Annotations[key]; has {
		d.update(rs).Annotations[key] = nil
	}
}

func changes(u *UpdateReplicaSet) bool {
	return u.Replicas != specReplicas(u.ReplicaSet) || u.DropAntiAffinity || len(u.Annotations) > 0 || u.MinReadySeconds != u.ReplicaSet.Spec.MinReadySeconds
}

// EventType is the Kubernetes event type of a note.
func (n Note) EventType() string {
	if n.Warning {
		return corev1.EventTypeWarning
	}
	return corev1.EventTypeNormal
}

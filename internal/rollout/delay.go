package rollout

import (
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/traffic"
)

// defaultScaleDownDelay is how long blue/green keeps an old ReplicaSet, so that
// clients that have not yet heard of the switch still find their pods.
const defaultScaleDownDelay int32 = 30

// routeGrace is how many seconds pods stay at least that a router sends no requests to
// any more: a proxy may hear that pods have gone before it hears of the routes that lead
// away from them.
const routeGrace int32 = 5

// delayedSize is the size of a ReplicaSet that is no longer needed: kept until
// its deadline, then 0. The deadline is set when it is first asked.
func (d *decision) delayedSize(rs *appsv1.ReplicaSet, delaySeconds int32) int32 {
	if specReplicas(rs) == 0 {
		return 0
	}
	deadline, set := scaleDownDeadline(rs)
	switch {
	case !set && delaySeconds == 0:
		return 0
	case !set:
		deadline = d.setDeadline(rs, time.Duration(delaySeconds)*time.Second)
	case !d.now.Before(deadline):
		return 0
	}
	d.waiting("ReplicaSet %s of revision %d keeps its pods for another %s", rs.Name, revision(rs), deadline.Sub(d.now))
	d.wakeAt(deadline)
	return specReplicas(rs)
}

// setDeadline notes when a ReplicaSet loses its pods.
func (d *decision) setDeadline(rs *appsv1.ReplicaSet, delay time.Duration) time.Time {
	deadline := d.stamp().Add(delay)
	d.annotate(rs, v1alpha1.ScaleDownDeadlineAnnotation, deadline.UTC().Format(time.RFC3339))
	return deadline
}

// dropDeadline forgets the deadline of a ReplicaSet.
func (d *decision) dropDeadline(rs *appsv1.ReplicaSet) {
	if u := d.updates[rs.Name]; u != nil {
		delete(u.Annotations, v1alpha1.ScaleDownDeadlineAnnotation)
	}
	d.unannotate(rs, v1alpha1.ScaleDownDeadlineAnnotation)
}

// outlast notes, before the routers are told of it, that ReplicaSets get fewer requests:
// their pods stay until the proxies have heard. The stable pods go with their requests
// only with dynamicStableScale.
func (d *decision) outlast(want traffic.Routing) {
	now, next := d.Routing.Weights, want.Split(d.Routing.Reserved)
	if d.dynamic() && d.stableRS != nil && next.Stable < now.Stable && !d.outlasts(d.stableRS) {
		d.annotate(d.stableRS, v1alpha1.ServesUntilAnnotation, d.graceEnds())
	}
	if d.newRS == nil || d.newRS == d.stableRS || d.canarySelects() != d.hash {
		return
	}
	taken := func(name string) bool { return !slices.Contains(want.Names(), name) }
	// Of a route that is gone nothing tells afterwards when that was.
	if slices.ContainsFunc(d.Routing.Managed, taken) || next.Canary < now.Canary && !d.outlasts(d.newRS) {
		d.annotate(d.newRS, v1alpha1.ServesUntilAnnotation, d.graceEnds())
	}
}

// outlasting is the size of a ReplicaSet that is wanted smaller, or none: its pods stay
// while proxies may still send it the requests that it had. was is its share on record, is
// the one in force. The first look that finds it smaller counts again: the routers may
// have taken long to be told.
func (d *decision) outlasting(rs *appsv1.ReplicaSet, want, was, is int32) int32 {
	switch {
	case is < was:
		d.annotate(rs, v1alpha1.ServesUntilAnnotation, d.graceEnds())
	case !d.outlasts(rs):
		d.unannotate(rs, v1alpha1.ServesUntilAnnotation)
		return want
	}
	d.wakeAt(d.servesUntil(rs))
	if want < specReplicas(rs) {
		d.waiting("ReplicaSet %s of revision %d keeps its pods for another %s, until every proxy has heard of the weights", rs.Name, revision(rs), d.servesUntil(rs).Sub(d.now))
	}
	return max(want, specReplicas(rs))
}

// onRecord is the split that the last status tells.
func (d *decision) onRecord() (canary, stable int32) {
	was := d.status.Canary.Weights
	if was == nil {
		return 0, 0
	}
	if d.newRS != nil && was.Canary.PodTemplateHash == hashOf(d.newRS) {
		canary = was.Canary.Weight
	}
	if d.dynamic() && d.stableRS != nil && was.Stable.PodTemplateHash == hashOf(d.stableRS) {
		stable = was.Stable.Weight
	}
	return canary, stable
}

// graceEnds is when pods may go that lose requests now.
func (d *decision) graceEnds() string {
	return d.stamp().Add(time.Duration(routeGrace) * time.Second).UTC().Format(time.RFC3339)
}

// servesUntil is when the pods of a ReplicaSet may go, with what is noted in this decision;
// the zero time: whenever they are not needed.
func (d *decision) servesUntil(rs *appsv1.ReplicaSet) time.Time {
	text := rs.Annotations[v1alpha1.ServesUntilAnnotation]
	if u := d.updates[rs.Name]; u != nil && u.Annotations[v1alpha1.ServesUntilAnnotation] != nil {
		text = *u.Annotations[v1alpha1.ServesUntilAnnotation]
	}
	until, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}
	}
	return until
}

// outlasts is true while the pods of a ReplicaSet stay for requests that it had.
func (d *decision) outlasts(rs *appsv1.ReplicaSet) bool { return d.now.Before(d.servesUntil(rs)) }

// scaleDownDeadline reads the annotation; an unreadable one counts as none.
func scaleDownDeadline(rs *appsv1.ReplicaSet) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339, rs.Annotations[v1alpha1.ScaleDownDeadlineAnnotation])
	return t, err == nil
}

// inDelay is true for a ReplicaSet that only lives until its deadline.
func inDelay(rs *appsv1.ReplicaSet) bool {
	_, set := scaleDownDeadline(rs)
	return set && specReplicas(rs) > 0
}

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
	until := d.stamp().Add(time.Duration(routeGrace) * time.Second).UTC().Format(time.RFC3339)
	if d.dynamic() && d.stableRS != nil && next.Stable < now.Stable {
		d.annotate(d.stableRS, v1alpha1.ServesUntilAnnotation, until)
	}
	taken := func(name string) bool { return !slices.Contains(want.Names(), name) }
	loses := next.Canary < now.Canary || slices.ContainsFunc(d.Routing.Managed, taken)
	if loses && d.newRS != nil && d.newRS != d.stableRS && d.canarySelects() == d.hash {
		d.annotate(d.newRS, v1alpha1.ServesUntilAnnotation, until)
	}
}

// outlasting is the size of a ReplicaSet that is wanted smaller, or none: its pods stay
// while proxies may still send it the requests that it had.
func (d *decision) outlasting(rs *appsv1.ReplicaSet, want int32) int32 {
	until, err := time.Parse(time.RFC3339, rs.Annotations[v1alpha1.ServesUntilAnnotation])
	if err != nil || !d.now.Before(until) {
		d.unannotate(rs, v1alpha1.ServesUntilAnnotation)
		return want
	}
	d.wakeAt(until)
	if want < specReplicas(rs) {
		d.waiting("ReplicaSet %s of revision %d keeps its pods for another %s, until every proxy has heard of the weights", rs.Name, revision(rs), until.Sub(d.now))
	}
	return max(want, specReplicas(rs))
}

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

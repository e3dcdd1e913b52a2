package rollout

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// defaultScaleDownDelay is how long blue/green keeps an old ReplicaSet, so that
// clients that have not yet heard of the switch still find their pods.
const defaultScaleDownDelay int32 = 30

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

package rollout

import "github.com/aviary-rollouts/aviary/api/v1alpha1"

// scaleWorkload scales the referenced workload down while the pods of the first
// revision take over. Later revisions leave it alone, so that it can be scaled
// up by hand when somebody migrates back.
func (d *decision) scaleWorkload() {
	w := d.Workload
	if w == nil || !w.Scalable || w.Replicas == 0 || d.revision() != 1 || d.newRS == nil {
		return
	}
	target := w.Replicas
	switch d.spec.WorkloadRef.ScaleDown {
	case v1alpha1.ScaleDownOnSuccess:
		if d.wasHealthy() {
			target = 0
		}
	case v1alpha1.ScaleDownProgressively:
		target = min(w.Replicas, max(0, d.n-d.newRS.Status.ReadyReplicas))
		if d.wasHealthy() {
			target = 0
		}
	}
	if target != w.Replicas {
		d.do(ScaleWorkload{Kind: w.Kind, Name: w.Name, Replicas: target})
		d.event("ScalingWorkload", "Scaled down %s %s from %d to %d", w.Kind, w.Name, w.Replicas, target)
	}
}

// wasHealthy is true when every pod of the new ReplicaSet serves.
func (d *decision) wasHealthy() bool {
	return d.fullyPromoted() && saturated(d.newRS, d.n)
}

package rollout

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/aviary-rollouts/aviary/internal/replicas"
)

// outgoing is the revision that still serves the canary's share of the requests
// although it is neither the new nor the stable one any more: another image, or
// an undo, came in the middle of its update. It is nil without a share or pods.
func (d *decision) outgoing() *appsv1.ReplicaSet {
	if d.Routing == nil || d.Routing.Weights.Canary <= 0 {
		return nil
	}
	hash := d.Routing.CanaryHash
	if !d.hasSubsets() {
		_, canary := servicesOf(d.spec, d.was) // the roles in which the split was observed
		hash = d.selected(canary)
	}
	i := slices.IndexFunc(d.older, func(rs *appsv1.ReplicaSet) bool { return hash != "" && hashOf(rs) == hash })
	if i < 0 || available(d.older[i]) == 0 {
		return nil
	}
	return d.older[i]
}

// superseded is an outgoing revision that has to go on serving: the stable pods
// which its requests would go back to do not exist yet, with dynamicStableScale, or
// do not serve. It is nil once the new revision can take the share as it is.
func (d *decision) superseded() *appsv1.ReplicaSet {
	rs := d.outgoing()
	if rs == nil || !d.dynamic() && d.stableCarries(d.whole()) || d.takesOver() {
		return nil
	}
	return rs
}

// takesOver is true when the new revision has the pods that its steps ask for,
// and these ask for no less than the share in force.
func (d *decision) takesOver() bool {
	return !d.fullyPromoted() && !d.status.Abort && available(d.newRS) > 0 && d.carriedWeight() >= d.Routing.Weights.Canary && d.canaryReached()
}

// supersededWeight takes the share of a superseded revision back as far as the
// stable pods carry what is left to them.
//
//	5 replicas, 85 in force: 1 stable pod 80, 3 stable pods 40, 5 stable pods 0
func (d *decision) supersededWeight(inForce int32) int32 {
	if d.n <= 0 {
		return 0
	}
	weight := min(inForce, d.whole()-replicas.Share(d.whole(), min(available(d.stableRS), d.n), d.n))
	if weight > 0 {
		d.waiting("%d of the requests stay with revision %d: the stable ReplicaSet has only %d of %d pods", weight, revision(d.outgoing()), available(d.stableRS), d.n)
	}
	return weight
}

// carriedWeight is the weight of the steps, unless a setCanaryScale asks for no
// pods that could carry it.
func (d *decision) carriedWeight() int32 {
	if count, _, ok := d.canaryScale(); ok && count == 0 && !d.status.PromoteFull && !d.fullyPromoted() {
		return 0
	}
	return d.weight()
}

// carries is the number of canary pods for a share in force.
func (d *decision) carries(weight int32) int32 { return replicas.Routed(d.n, weight, d.whole()).Canary }

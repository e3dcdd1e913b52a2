package rollout

import (
	"fmt"

	"k8s.io/utils/ptr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// promoteCanary makes the new ReplicaSet the stable one when all steps are done
// and it can carry all traffic. It reports whether it did: Services, routes and
// sizes follow once that is on record, so that a write that fails half way
// leaves an update that goes on, not one that goes back.
func (d *decision) promoteCanary() bool {
	if d.newRS == nil || d.fullyPromoted() || d.status.Abort || d.held() {
		return false
	}
	full := d.status.PromoteFull
	if (!full && d.stepIndex() < d.stepCount()) || specReplicas(d.newRS) < d.n || !d.enoughAvailable(d.n) || !d.routeReached(d.whole()) {
		return false
	}
	switch {
	case full:
		d.promote("Full promotion requested")
	case d.goesBackFast():
		d.promote("Fast rollback")
	case d.stepCount() > 0:
		d.promote(fmt.Sprintf("Completed all %d canary steps", d.stepCount()))
	default:
		d.promote("Completed canary update")
	}
	return true
}

// followFullPromotion lets go of every pause and step once a person wants the new
// version now.
func (d *decision) followFullPromotion() {
	switch {
	case !d.status.PromoteFull:
	case d.fullyPromoted():
		d.status.PromoteFull = false
	default:
		d.endPause()
		d.skipToEnd("")
	}
}

// promote makes the new ReplicaSet the stable one.
func (d *decision) promote(why string) {
	status := v1alpha1.CompletionStatusPromoted
	switch {
	case d.status.PromoteFull:
		status = v1alpha1.CompletionStatusFastPromoted
	case d.goesBackFast():
		status = v1alpha1.CompletionStatusFastRolledBack
	}
	d.status.StableRS = d.hash
	d.status.PromoteFull = false
	d.endPause()
	d.skipToEnd("")
	d.completed(status)
	d.event("RolloutCompleted", "Rollout completed update to revision %d (%s): %s", d.revision(), d.hash, why)
	d.older = nil
	for _, rs := range d.all {
		if rs != d.newRS {
			d.older = append(d.older, rs)
		}
	}
	d.stableRS = d.newRS
	if d.spec.Strategy.Canary != nil && d.spec.Strategy.Canary.PingPong != nil {
		d.swapPingPong()
	}
}

// goesBackFast is true while the update under way is a fast rollback, which takes no
// steps. An abort ends that: a retry passes everything.
func (d *decision) goesBackFast() bool {
	r := d.status.Duration
	return r != nil && r.FinishedAt == nil && r.CompletionStatus == v1alpha1.CompletionStatusFastRolledBack
}

// swapPingPong lets the Service that the canary had become the stable one. The
// first version is behind the ping Service.
func (d *decision) swapPingPong() {
	if d.was.StableRS == "" || d.status.Canary.StablePingPong == v1alpha1.PPPong {
		d.status.Canary.StablePingPong = v1alpha1.PPPing
	} else {
		d.status.Canary.StablePingPong = v1alpha1.PPPong
	}
}

// completed closes the record of the update that is under way.
func (d *decision) completed(status v1alpha1.CompletionStatus) {
	if d.status.Duration == nil {
		d.status.Duration = &v1alpha1.RolloutDuration{}
	}
	d.status.Duration.FinishedAt = ptr.To(d.stamp())
	d.status.Duration.CompletionStatus = status
}

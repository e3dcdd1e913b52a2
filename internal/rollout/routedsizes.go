package rollout

import (
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/utils/ptr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/replicas"
	"github.com/aviary-rollouts/aviary/internal/traffic"
)

// dynamic is true when the stable ReplicaSet shrinks as the canary grows.
func (d *decision) dynamic() bool { return d.routed() && d.spec.Strategy.Canary.DynamicStableScale }

// routedSizes decides the sizes of a canary whose traffic a router splits: pod
// counts follow the traffic and need no surge or unavailability limits, since
// the stable version keeps its pods.
func (d *decision) routedSizes() sizes {
	next := sizes{}
	d.outdatedSizes(next)
	canaryWas, stableWas := d.onRecord()
	in := traffic.Weights{Canary: canaryWas, Stable: stableWas}
	if d.Routing != nil {
		in = d.oneSplit()
	}
	if d.stableRS != nil {
		d.dropDeadline(d.stableRS)
		next[d.stableRS.Name] = d.stableSize()
		if d.fullyPromoted() {
			d.unannotate(d.stableRS, v1alpha1.ServesUntilAnnotation)
		} else {
			next[d.stableRS.Name] = d.outlasting(d.stableRS, next[d.stableRS.Name], stableWas, in.Stable)
		}
	}
	if d.newRS != nil && d.newRS != d.stableRS {
		size := int32(0)
		if d.abortedUpdate() {
			size = d.abortedCanarySize()
		} else {
			d.dropDeadline(d.newRS)
			size = d.heldByHand(d.heldByTraffic(d.routedCanary()))
		}
		next[d.newRS.Name] = d.outlasting(d.newRS, size, canaryWas, in.Canary)
	}
	if d.held() && !d.rescaled() {
		return sizes{}
	}
	return next
}

// outdatedSizes decides the sizes of the revisions that are neither new nor stable: they
// serve as long as anything selects them, and then stay for their delay, unless more of
// them are in it than scaleDownDelayRevisionLimit allows.
func (d *decision) outdatedSizes(next sizes) {
	var late int32
	limit := d.spec.Strategy.Canary.ScaleDownDelayRevisionLimit
	for _, rs := range d.older {
		d.unannotate(rs, v1alpha1.ServesUntilAnnotation) // what follows keeps them no shorter
		if name := d.stillSelectedBy(rs); name != "" {
			d.waiting("ReplicaSet %s of revision %d keeps its pods: %s still selects them", rs.Name, revision(rs), name)
			d.dropDeadline(rs)
			next[rs.Name] = specReplicas(rs)
			late++
			continue
		}
		next[rs.Name] = d.delayedSize(rs, d.scaleDownDelay())
		if next[rs.Name] > 0 {
			late++
		}
		if next[rs.Name] > 0 && late > ptr.Deref(limit, late) {
			next[rs.Name] = d.shortenedSize(rs)
		}
		if next[rs.Name] == 0 {
			d.dropDeadline(rs)
		}
	}
}

// stillSelectedBy names the Service or subset behind which the pods of an older
// revision serve; empty if there is none. An undo right after a promotion finds
// the pods of the version that is stable again gone, or never recorded as such:
// what it replaces must serve until they are back and selected. A Service that no
// revision has been given yet selects them all, and they may be the only ones.
func (d *decision) stillSelectedBy(rs *appsv1.ReplicaSet) string {
	if name := d.stableSelects(rs); name != "" || !d.wantedToServe(rs) {
		return name
	}
	if _, canary := d.services(); d.Services[canary] != nil && d.leadsTo(d.selected(canary), rs) {
		return "Service " + canary
	}
	if d.Routing != nil && d.hasSubsets() && d.Routing.CanaryHash == hashOf(rs) {
		return "subset " + d.spec.Strategy.Canary.TrafficRouting.Istio.DestinationRule.CanarySubsetName
	}
	return ""
}

// stableSelects names the stable Service or subset behind which the pods of a ReplicaSet
// serve that is not the stable one; empty if there is none. An undo that comes before the
// version that is stable now has taken their place finds them there, and so does a canary
// that was the preview of a blue/green Rollout, or of one that had no Services.
func (d *decision) stableSelects(rs *appsv1.ReplicaSet) string {
	if !d.wantedToServe(rs) {
		return ""
	}
	if stable, _ := d.services(); d.Services[stable] != nil && d.leadsTo(d.selected(stable), rs) {
		return "Service " + stable
	}
	if d.Routing != nil && d.hasSubsets() && (d.Routing.StableHash == hashOf(rs) || d.stableSubsetHash() == "") {
		return "subset " + d.spec.Strategy.Canary.TrafficRouting.Istio.DestinationRule.StableSubsetName
	}
	return ""
}

// wantedToServe is true while pods of a ReplicaSet are ready and wanted, and any are. What
// is ready has requests, before it counts as available.
func (d *decision) wantedToServe(rs *appsv1.ReplicaSet) bool {
	return d.n > 0 && min(rs.Status.ReadyReplicas, specReplicas(rs)) > 0
}

// leadsTo says whether a Service that selects a hash needs the pods of a ReplicaSet: it
// has been given to them, or to no revision yet and they may be the only ones.
func (d *decision) leadsTo(hash string, rs *appsv1.ReplicaSet) bool {
	return hash == hashOf(rs) || hash == "" && available(d.stableRS) == 0
}

// shortenedSize is delayedSize for a revision too many: it stays only until every proxy
// has heard that nothing selects it any more.
func (d *decision) shortenedSize(rs *appsv1.ReplicaSet) int32 {
	until := d.now.Add(time.Duration(routeGrace) * time.Second)
	if deadline, set := scaleDownDeadline(rs); set {
		until = deadline.Add(-time.Duration(d.scaleDownDelay()-routeGrace) * time.Second)
	}
	if !d.now.Before(until) {
		return 0
	}
	d.wakeAt(until)
	return specReplicas(rs)
}

// scaleDownDelay is how many seconds a revision stays that nothing selects any more.
func (d *decision) scaleDownDelay() int32 {
	if d.dynamic() {
		return routeGrace
	}
	return max(routeGrace, ptr.Deref(d.spec.Strategy.Canary.ScaleDownDelaySeconds, defaultScaleDownDelay))
}

// stableSize is all of spec.replicas, or what its traffic needs with
// dynamicStableScale.
func (d *decision) stableSize() int32 {
	if !d.dynamic() || d.fullyPromoted() || d.newRS == nil || d.Routing == nil {
		return d.n
	}
	if d.abortedUpdate() || d.superseded() != nil {
		return d.n
	}
	if d.canarySelects() != d.hash {
		return d.n // whatever the weight, what it leads to has not moved
	}
	weight := min(d.carriedWeight(), d.weightByPods(d.Routing.Weights.Canary))
	size := replicas.WithMinPods(replicas.Dynamic(d.n, weight, d.Routing.Weights.Stable, d.whole()).Stable, d.n, d.spec.Strategy.Canary.MinPodsPerReplicaSet)
	if _, _, scaled := d.canaryScale(); scaled {
		return size // the canary has as many pods as a step says, and the stable version what its share needs
	}
	// Stable pods do not go while canary pods are missing that had taken their place.
	return max(size, min(specReplicas(d.stableRS), d.n-available(d.newRS)))
}

// routedCanary is the number of canary pods that the steps ask for.
func (d *decision) routedCanary() int32 {
	min := d.spec.Strategy.Canary.MinPodsPerReplicaSet
	if !d.status.PromoteFull && !d.status.Abort {
		if count, explicit, ok := d.canaryScale(); ok {
			if explicit && !d.dynamic() {
				return count
			}
			return replicas.WithMinPods(count, d.n, min)
		}
	}
	return replicas.WithMinPods(replicas.Routed(d.n, d.weight(), d.whole()).Canary, d.n, min)
}

// canaryScale is what the last setCanaryScale at or before the current step
// asks for; explicit means a number of pods. ok is false without one, behind
// the last step, and when it says matchTrafficWeight.
func (d *decision) canaryScale() (count int32, explicit, ok bool) {
	if d.stepIndex() >= d.stepCount() {
		return 0, false, false
	}
	for i := d.stepIndex(); i >= 0; i-- {
		if s := d.steps()[i].SetCanaryScale; s != nil {
			if s.MatchTrafficWeight {
				return 0, false, false
			}
			count, ok = replicas.CanaryScale(d.n, d.whole(), s.Replicas, s.Weight)
			return count, s.Replicas != nil, ok
		}
	}
	return 0, false, false
}

// heldByHand keeps the share that the canary has when spec.replicas changes while
// a person holds the update: 1 pod of 5 becomes 2 of 10, none stays none.
func (d *decision) heldByHand(want int32) int32 {
	if !d.held() {
		return want
	}
	has := specReplicas(d.newRS)
	of, err := strconv.ParseInt(d.newRS.Annotations[v1alpha1.DesiredReplicasAnnotation], 10, 32)
	if err != nil || of <= 0 {
		return min(want, has)
	}
	return min(want, max(has, int32((int64(has)*int64(d.n)+of-1)/of)))
}

// heldByTraffic keeps the pods that the traffic in force still needs: the weight
// goes down and header routes go first, the pods follow.
func (d *decision) heldByTraffic(want int32) int32 {
	if d.stableSelects(d.newRS) != "" {
		return max(want, specReplicas(d.newRS))
	}
	if d.Routing == nil || d.Routing.CanaryHash != "" && d.Routing.CanaryHash != d.hash {
		return want
	}
	if want == 0 && len(d.Routing.Managed) > 0 {
		want = min(specReplicas(d.newRS), 1)
	}
	if _, _, scaled := d.canaryScale(); scaled && want > 0 || d.Routing.Weights.Canary <= d.carriedWeight() {
		return want
	}
	return max(want, min(specReplicas(d.newRS), d.carries(d.Routing.Weights.Canary)))
}

// abortedCanarySize keeps the canary after an abort until its traffic is gone,
// the stable ReplicaSet is whole again and the delay is over. With
// dynamicStableScale it goes with its traffic, as the stable pods come back.
func (d *decision) abortedCanarySize() int32 {
	size := specReplicas(d.newRS)
	delay := d.spec.Strategy.Canary.AbortScaleDownDelaySeconds
	switch {
	case d.Routing != nil && d.Routing.Weights.Canary > 0 && d.dynamic():
		return min(size, max(d.carries(d.Routing.Weights.Canary), d.n-available(d.stableRS)))
	case d.Routing != nil && (d.Routing.Weights.Canary > 0 || len(d.Routing.Managed) > 0), available(d.stableRS) < d.n:
		return size
	case delay != nil && *delay == 0:
		if count, _, ok := d.canaryScale(); ok {
			return count
		}
		return size
	case delay == nil && d.dynamic():
		return 0 // outlasting its requests is all that it does
	}
	return d.delayedAbort(d.newRS, ptr.Deref(delay, defaultScaleDownDelay))
}

// delayedAbort is delayedSize for an aborted canary: its deadline stays on
// record behind the end, which people see as "delay:passed".
func (d *decision) delayedAbort(rs *appsv1.ReplicaSet, delay int32) int32 {
	if specReplicas(rs) == 0 {
		if _, set := scaleDownDeadline(rs); !set {
			d.setDeadline(rs, time.Duration(delay)*time.Second)
		}
		return 0
	}
	return d.delayedSize(rs, delay)
}

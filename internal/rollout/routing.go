package rollout

import (
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/replicas"
	"github.com/aviary-rollouts/aviary/internal/traffic"
)

// routeRetry is when a route that is not yet as wanted is looked at again.
const routeRetry = 10 * time.Second

// Route asks the routers to make a split of the traffic true.
type Route struct{ traffic.Routing }

func (Route) action() {}

// routed is true when a router splits the traffic, not the pod counts.
func (d *decision) routed() bool {
	c := d.spec.Strategy.Canary
	return c != nil && c.TrafficRouting != nil
}

// whole is the weight that means all traffic.
func (d *decision) whole() int32 {
	if d.routed() && d.spec.Strategy.Canary.TrafficRouting.MaxTrafficWeight != nil {
		return *d.spec.Strategy.Canary.TrafficRouting.MaxTrafficWeight
	}
	return maxWeight
}

// route asks for the split of traffic that is safe now and records the one that
// is in force.
func (d *decision) route() {
	if !d.routed() || d.Routing == nil {
		return
	}
	d.recordWeights()
	want := d.wantedRouting()
	if d.routeAsWanted(want) {
		return
	}
	d.outlast(want)
	d.do(Route{want})
	d.wakeAfter(routeRetry)
}

// routeHeld takes back what an Experiment that has ended still gets while a
// person holds the update where it is. Nothing else moves.
func (d *decision) routeHeld() {
	if !d.routed() || d.Routing == nil {
		return
	}
	d.recordWeights()
	now := d.Routing.Weights
	want := d.wantedRouting()
	want.CanaryWeight, want.MoveSubsets = now.Canary, false
	want.Additional = slices.DeleteFunc(want.Additional, func(a traffic.Destination) bool {
		return !slices.ContainsFunc(now.Additional, func(b traffic.Destination) bool { return a.Host == b.Host })
	})
	absent := func(name string) bool { return !slices.Contains(d.Routing.Managed, name) }
	want.Headers = slices.DeleteFunc(want.Headers, func(h v1alpha1.SetHeaderRoute) bool { return absent(h.Name) })
	want.Mirrors = slices.DeleteFunc(want.Mirrors, func(m v1alpha1.SetMirrorRoute) bool { return absent(m.Name) })
	if len(want.Additional) < len(now.Additional) {
		d.do(Route{want})
		d.wakeAfter(routeRetry)
	}
}

// wantedRouting is the whole of what the routers should make true.
func (d *decision) wantedRouting() traffic.Routing {
	stable, canary := d.services()
	w := traffic.Routing{
		StableService: stable, CanaryService: canary,
		StableHash:   d.stableSubsetHash(),
		CanaryHash:   hashOrNone(d.canaryTarget()),
		CanaryWeight: d.routedWeight(), MaxWeight: d.whole(),
		Managed:     traffic.ManagedRoutes(d.Rollout),
		Additional:  d.additionalShares(),
		MoveSubsets: d.mayMoveSubsets(),
	}
	if d.outgoing() != nil {
		return w // the steps are those of another revision
	}
	if w.CanaryWeight > 0 || (!d.fullyPromoted() && !d.status.Abort && available(d.newRS) > 0 && d.routedCanary() > 0) {
		w.Headers, w.Mirrors = d.routesInForce()
	}
	return w
}

// routedWeight is the weight that the canary may have now: what the steps ask
// for, as soon as there are the pods to carry it.
func (d *decision) routedWeight() int32 {
	inForce := d.Routing.Weights.Canary
	switch {
	case d.superseded() != nil:
		return d.supersededWeight(inForce)
	case d.fullyPromoted() || d.status.StableRS == "":
		return 0
	case d.newRS == nil || available(d.newRS) == 0:
		return 0
	case d.status.Abort:
		return d.abortedWeight(inForce)
	}
	weight := d.weightByPods(inForce)
	if weight < inForce && !d.stableWillDo(d.whole()-weight) {
		d.waiting("the weight stays at %d: the stable ReplicaSet has only %d available pods", inForce, available(d.stableRS))
		return inForce
	}
	return min(weight, d.whole())
}

// weightByPods is the weight of the steps as far as there are canary pods for it.
func (d *decision) weightByPods(inForce int32) int32 {
	weight := d.carriedWeight()
	switch {
	case available(d.newRS) == 0:
		return 0
	case d.status.PromoteFull && d.dynamic():
		return max(inForce, replicas.Share(d.whole(), available(d.newRS), d.n))
	case d.canaryReached():
		return weight
	case d.newRS.Status.ObservedGeneration < d.newRS.Generation:
		return min(weight, inForce) // resized a moment ago: how many there are is not known yet
	}
	return min(max(d.previousWeight(), 0), max(inForce, 0))
}

// abortedWeight takes the traffic back: all at once if the stable ReplicaSet can
// carry it, step by step while it grows back with dynamicStableScale.
func (d *decision) abortedWeight(inForce int32) int32 {
	if d.dynamic() {
		return min(inForce, d.weightBackDown(inForce))
	}
	if inForce > 0 && !d.stableWillDo(d.whole()) {
		d.waiting("the weight stays at %d after the abort: the stable ReplicaSet has only %d of %d pods", inForce, available(d.stableRS), d.n)
		return inForce
	}
	return 0
}

// weightBackDown is the lowest of 0 and the setWeights that leaves the stable
// ReplicaSet no more than its pods can carry; what is in force if none does. Of
// 5 pods, with the steps 25, 50, 75:
//
//	2 available: 50, for they carry 50 % but not 75 %
//	3 available: 25
//	4 available: 25, for they do not carry everything
//	5 available: 0
func (d *decision) weightBackDown(inForce int32) int32 {
	next := inForce
	if d.stableCarries(d.whole()) {
		return 0
	}
	for _, s := range d.steps() {
		if s.SetWeight != nil && *s.SetWeight < next && d.stableCarries(d.whole()-*s.SetWeight) {
			next = *s.SetWeight
		}
	}
	if next == inForce {
		d.waiting("the weight stays at %d after the abort until more than %d of %d stable pods are available", inForce, available(d.stableRS), d.n)
	}
	return next
}

// stableCarries is true when the available stable pods are enough for a share: as
// many as it is of all pods, rounded down, but one at least.
func (d *decision) stableCarries(share int32) bool { return d.stableServes(share, nil) }

// stableWillDo is stableCarries, less the pods that may be missing by the
// replicaProgressThreshold. Stable pods that grow back step by step go by their number.
func (d *decision) stableWillDo(share int32) bool {
	return d.stableServes(share, d.spec.Strategy.Canary.ReplicaProgressThreshold)
}

func (d *decision) stableServes(share int32, threshold *v1alpha1.ReplicaProgressThreshold) bool {
	enough := Threshold(replicas.Share(d.n, share, d.whole()), threshold)
	return d.stableRS != nil && (share <= 0 || available(d.stableRS) >= max(1, enough))
}

// canaryReached is true when the canary has the pods that its weight needs.
func (d *decision) canaryReached() bool {
	want := d.routedCanary()
	return specReplicas(d.newRS) >= want && d.enoughAvailable(want)
}

// previousWeight is the setWeight before the current step.
func (d *decision) previousWeight() int32 {
	steps := d.steps()
	for i := min(d.stepIndex(), d.stepCount()) - 1; i >= 0; i-- {
		if w := steps[i].SetWeight; w != nil {
			return *w
		}
	}
	return 0
}

// routesInForce lists the header and mirror routes that the steps up to the
// current one have set and not taken back. A name is that of one route, whichever step
// came last. A fast rollback has taken none: its first
// pod would get all the requests of a header route.
func (d *decision) routesInForce() (headers []v1alpha1.SetHeaderRoute, mirrors []v1alpha1.SetMirrorRoute) {
	if d.goesBackFast() {
		return nil, nil
	}
	steps := d.steps()
	for i := int32(0); i <= d.stepIndex() && i < d.stepCount(); i++ {
		replaced := func(name string) {
			headers = without(headers, func(o v1alpha1.SetHeaderRoute) bool { return o.Name == name })
			mirrors = without(mirrors, func(o v1alpha1.SetMirrorRoute) bool { return o.Name == name })
		}
		if h := steps[i].SetHeaderRoute; h != nil {
			if replaced(h.Name); len(h.Match) > 0 {
				headers = append(headers, *h)
			}
		}
		if m := steps[i].SetMirrorRoute; m != nil {
			if replaced(m.Name); len(m.Match) > 0 {
				mirrors = append(mirrors, *m)
			}
		}
	}
	return headers, mirrors
}

func without[T any](list []T, drop func(T) bool) []T {
	var kept []T
	for _, v := range list {
		if !drop(v) {
			kept = append(kept, v)
		}
	}
	return kept
}

// stableSubsetHash is the revision that the stable subset is for. It stays empty as
// long as the first version does not serve: without a hash the subset leads to
// whoever does.
func (d *decision) stableSubsetHash() string {
	if d.hasSubsets() && d.Routing.StableHash == "" && available(d.stableRS) == 0 {
		return ""
	}
	return d.status.StableRS
}

// mayMoveSubsets is true when every ReplicaSet that labels would select can
// serve, if it is asked to: a subset without ready pods loses the requests sent
// to it.
func (d *decision) mayMoveSubsets() bool {
	target := d.canaryTarget()
	switch {
	case d.stableRS == nil || target == nil:
		return false
	case d.n == 0:
		return true // nobody is meant to serve
	}
	if d.Routing.StableHash != d.status.StableRS && !saturated(d.stableRS, d.n) && d.Routing.StableHash != "" {
		return false
	}
	// While requests still go to the canary subset it must not change hands, unless
	// the new revision can serve them.
	moves := d.Routing.CanaryHash != "" && d.Routing.CanaryHash != hashOf(target)
	if moves && d.Routing.Weights.Canary > 0 && d.Routing.CanaryHash != d.status.StableRS && !d.fullyPromoted() && !d.takesOver() {
		return false
	}
	// A stable version without pods that serve keeps its subset, and the new one
	// that is to replace it gets its own.
	settled := d.Routing.StableHash == d.stableSubsetHash() || available(d.stableRS) > 0
	return settled && (available(target) > 0 || d.unusedSubset())
}

// routeAsWanted is true when the routers already do what is wanted.
func (d *decision) routeAsWanted(want traffic.Routing) bool {
	now := d.Routing
	next := want.Split(now.Reserved)
	if !now.Synced || now.Weights.Canary != next.Canary || !sameRoutes(now.Managed, want) {
		return false
	}
	if now.Agrees != nil && len(now.Managed) > 0 && !now.Agrees(want) {
		return false
	}
	if want.MoveSubsets && d.hasSubsets() && (now.StableHash != want.StableHash || now.CanaryHash != want.CanaryHash) {
		return false
	}
	return slices.EqualFunc(now.Weights.Additional, next.Additional, func(a, b traffic.Destination) bool {
		return a.Host == b.Host && a.Weight == b.Weight && (b.Port == 0 || a.Port == b.Port)
	})
}

// sameRoutes is true when the managed routes that exist are those that are wanted. One
// that is declared no more is none of them.
func sameRoutes(now []string, want traffic.Routing) bool {
	names, exist := want.Names(), slices.Clone(now)
	slices.Sort(names)
	slices.Sort(exist)
	return slices.Equal(names, exist)
}

// hasSubsets is true when labels of a DestinationRule tell the revisions apart.
// Until they are written once the router has no hashes to show.
func (d *decision) hasSubsets() bool {
	istio := d.spec.Strategy.Canary.TrafficRouting.Istio
	return istio != nil && istio.DestinationRule != nil
}

// recordWeights writes the split in force into the status, for people and for
// clients that print it.
func (d *decision) recordWeights() {
	stable, canary := d.services()
	now, hash := d.oneSplit(), d.hash
	if rs := d.outgoing(); rs != nil {
		hash = hashOf(rs)
	}
	next := &v1alpha1.TrafficWeights{
		Canary: v1alpha1.WeightDestination{Weight: now.Canary, ServiceName: canary, PodTemplateHash: hash},
		Stable: v1alpha1.WeightDestination{Weight: now.Stable, ServiceName: stable, PodTemplateHash: d.status.StableRS},
	}
	shares := d.experimentShares()
	for _, a := range now.Additional {
		dest := v1alpha1.WeightDestination{Weight: a.Weight, ServiceName: a.Host, PodTemplateHash: a.Hash}
		for _, s := range shares {
			if s.Host == a.Host {
				dest.PodTemplateHash = s.Hash
			}
		}
		next.Additional = append(next.Additional, dest)
	}
	if was := d.status.Canary.Weights; was != nil && was.Canary.Weight != next.Canary.Weight {
		d.event("TrafficWeightUpdated", "Traffic weight updated from %d to %d%s", was.Canary.Weight, next.Canary.Weight, additionalText(next.Additional))
	}
	d.status.Canary.Weights = next
}

// oneSplit is the split in force for people to read. Between the writes to two
// places what was observed is the greatest share of each, which is more than a
// whole: the stable revision then has what the others leave.
//
//	100/0 here and 0/100 there: canary 100, stable 0
func (d *decision) oneSplit() traffic.Weights {
	now := d.Routing.Weights
	over := max(0, now.Total()+d.Routing.Reserved-int64(d.whole()))
	fromStable := min(over, int64(now.Stable))
	now.Stable -= int32(fromStable)
	now.Canary = int32(max(0, int64(now.Canary)-(over-fromStable)))
	return now
}

func additionalText(list []v1alpha1.WeightDestination) string {
	text := ""
	for _, a := range list {
		text += fmt.Sprintf(", additional %s: %d", a.ServiceName, a.Weight)
	}
	return text
}

// routeReached is true when the weight of a step is in force, or as much of it
// as the user's own subsets leave. Where no canary pods are asked for, with
// replicas 0 or by a setCanaryScale, the canary gets no requests either.
func (d *decision) routeReached(weight int32) bool {
	if !d.routed() || d.Routing == nil {
		return true
	}
	if rs := d.outgoing(); rs != nil {
		d.waiting("setWeight %d: %d of the requests still go to revision %d", weight, d.Routing.Weights.Canary, revision(rs))
		return false
	}
	if d.routedCanary() == 0 {
		weight = 0
	}
	wanted := traffic.Routing{CanaryWeight: weight, MaxWeight: d.whole()}.Split(d.Routing.Reserved)
	if d.Routing.Synced && d.Routing.Weights.Canary == wanted.Canary {
		return true
	}
	d.waiting("setWeight %d: the router still sends %d to the canary", weight, d.Routing.Weights.Canary)
	return false
}

func hashOrNone(rs *appsv1.ReplicaSet) string {
	if rs == nil {
		return ""
	}
	return hashOf(rs)
}

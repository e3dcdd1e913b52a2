package rollout

import (
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/replicas"
)

// Side is one ReplicaSet in the arithmetic of an update.
type Side struct {
	// Spec, Available and Occupied count pods: wanted by the ReplicaSet now,
	// serving, and possibly existing (never fewer than Spec).
	Spec, Available, Occupied int32
	// Want is where the update is going.
	Want int32
}

// Room is how far the number of pods may leave spec.replicas.
type Room struct {
	// Replicas is spec.replicas, Limits the resolved surge and unavailability.
	Replicas int32
	replicas.Limits
	// Stuck is true when pods cannot be placed: the cluster is full or a
	// quota is used up, so pods must go before others can come.
	Stuck bool
	// Unknown is true when a ReplicaSet has not yet acted on its last size:
	// how many pods exist is not known, so none may be added.
	Unknown bool
}

// NextSizes says how many pods each side gets next on its way to Want. Stable
// and canary are the two sides of the update; older are the ReplicaSets of
// revisions that are going away, newest first.
//
// It surges before it drains: pods are added while the ceiling (replicas +
// surge) allows. If all that is wanted fits, stable pods are removed once all their
// replacements are available: not one for one, which would be a write for each and
// frees no place that somebody waits for. If it does not fit, they make room as those
// become available, and down to replicas - unavailable once all that were added are.
// That is kinder than draining first, and needs no more passes:
//
//	5 replicas, surge 2, unavailable 1, stable 5, to canary 1 + stable 4:
//	    0+5 > 1+5 > 1+4         (draining first: 0+5 > 0+4 > 1+4)
//	5 replicas, surge 2, unavailable 1, stable 5, to canary 5:
//	    0+5 > 2+5 > 2+2 > 5+2 > 5+0
func NextSizes(room Room, canary, stable Side, older []Side) (nextCanary, nextStable int32, nextOlder []int32) {
	free := room.Replicas + room.Surge - canary.Occupied - stable.Occupied
	for _, o := range older {
		free -= o.Occupied
	}
	if room.Unknown {
		free = 0
	}
	nextStable = grow(stable, &free)
	nextCanary = grow(canary, &free)
	if nextStable != stable.Spec || nextCanary != canary.Spec {
		return nextCanary, nextStable, specs(older)
	}
	floor := room.floor(canary, stable)
	nextOlder, left := drainOlder(older, stable.Available+canary.Available-floor)
	if left > 0 {
		return nextCanary, nextStable, nextOlder
	}
	grown := room.grown(canary, stable)
	nextStable = stable.Spec
	if !grown || room.Stuck || pending(canary) == 0 {
		nextStable = shrink(stable, floor-canary.Available)
	}
	needed := floor - min(stable.Available, nextStable)
	if grown { // canary pods that do not serve are not missed; stable ones may be on their way
		needed = min(needed, canary.Available)
	}
	nextCanary = shrink(canary, needed)
	return nextCanary, nextStable, nextOlder
}

// grown is true when nothing that is wanted is missing any more.
func (Room) grown(canary, stable Side) bool {
	return canary.Spec >= canary.Want && stable.Spec >= stable.Want
}

// floor is how many pods must stay available.
func (r Room) floor(canary, stable Side) int32 {
	lowest := r.Replicas - r.Unavailable
	switch {
	case r.Stuck:
		return lowest
	case r.grown(canary, stable):
		return r.Replicas
	case pending(canary)+pending(stable) > 0:
		return r.Replicas // what was added is about to serve: wait for it
	}
	return lowest
}

// pending counts pods of a side that is not shrinking and that do not serve yet.
func pending(s Side) int32 {
	if s.Spec > s.Want {
		return 0
	}
	return s.Spec - s.Available
}

// grow takes what a side lacks from the free places.
func grow(s Side, free *int32) int32 {
	add := max(0, min(s.Want-s.Spec, *free))
	*free -= add
	return s.Spec + add
}

// shrink removes what a side has too much, but keeps need pods.
func shrink(s Side, need int32) int32 {
	if s.Spec <= s.Want {
		return s.Spec
	}
	return min(s.Spec, max(s.Want, need))
}

// drainOlder removes pods of revisions that are going away: those that do not
// serve at once, then as many as spare allows. left is how many pods they keep.
func drainOlder(older []Side, spare int32) (next []int32, left int32) {
	next = make([]int32, len(older))
	var serving int32
	for _, o := range older {
		serving += o.Available
	}
	spare = max(0, spare+serving)
	for i, o := range older {
		take := min(o.Available, spare)
		spare -= take
		next[i] = o.Available - take
		left += next[i]
	}
	return next, left
}

func specs(sides []Side) []int32 {
	s := make([]int32, len(sides))
	for i := range sides {
		s[i] = sides[i].Spec
	}
	return s
}

// side reads the counts of a ReplicaSet.
func side(rs *appsv1.ReplicaSet, want int32) Side {
	if rs == nil {
		return Side{Want: 0}
	}
	return Side{Spec: specReplicas(rs), Available: available(rs), Occupied: max(specReplicas(rs), rs.Status.Replicas), Want: want}
}

// sizes maps the name of a ReplicaSet to its next number of pods.
type sizes map[string]int32

// canarySizes decides the next sizes of a canary without traffic routing.
func (d *decision) canarySizes() sizes {
	if d.routed() {
		return d.routedSizes()
	}
	for _, rs := range d.all { // of another strategy: here nothing waits for one
		d.dropDeadline(rs)
		d.unannotate(rs, v1alpha1.ServesUntilAnnotation)
	}
	want := d.wantedPair()
	var canary, stable Side
	if d.stableRS == d.newRS {
		stable = side(d.stableRS, want.Canary+want.Stable)
	} else {
		canary, stable = side(d.newRS, want.Canary), side(d.stableRS, want.Stable)
	}
	older := make([]Side, len(d.older))
	for i, rs := range d.older {
		older[i] = side(rs, 0)
	}
	c, s, o := NextSizes(d.room(), canary, stable, older)
	next := sizes{}
	for i, rs := range d.older {
		next[rs.Name] = o[i]
	}
	if d.newRS != nil && d.newRS != d.stableRS {
		next[d.newRS.Name] = c
	}
	if d.stableRS != nil {
		next[d.stableRS.Name] = s
	}
	if d.held() && !d.rescaled() {
		return sizes{} // a person holds everything where it is
	}
	return next
}

// wantedPair is where the two sides are going.
func (d *decision) wantedPair() replicas.Pair {
	if d.stableRS == nil || d.stableRS == d.newRS {
		return replicas.Pair{Canary: d.n}
	}
	if d.held() {
		return d.heldPair()
	}
	return replicas.Basic(d.n, d.weight(), maxWeight, d.limits())
}

// heldPair keeps the share that the canary has when spec.replicas changes while a
// person holds the update: 1+4 becomes 2+8 with 10 replicas, 0+5 becomes 0+10. What
// older revisions still serve counts, too: 1 beside 2 that an update before had put in
// the place of all stable pods is a third, and becomes 2+4 with 6 replicas.
func (d *decision) heldPair() replicas.Pair {
	canary, all := specReplicas(d.newRS), specReplicas(d.newRS)+specReplicas(d.stableRS)
	for _, rs := range d.older {
		all += specReplicas(rs)
	}
	if canary == 0 {
		return replicas.Pair{Stable: d.n}
	}
	share := min(d.n, max(1, replicas.Share(d.n, canary, all)))
	return replicas.Pair{Canary: share, Stable: d.n - share}
}

func (d *decision) limits() replicas.Limits {
	c := d.spec.Strategy.Canary
	l, err := replicas.ResolveLimits(d.n, c.MaxSurge, c.MaxUnavailable)
	if err != nil {
		return replicas.Limits{Unavailable: 1} // validation has refused the Rollout before
	}
	return l
}

func (d *decision) room() Room {
	r := Room{Replicas: d.n, Limits: d.limits()}
	for _, rs := range d.all {
		unseen := rs.Status.ObservedGeneration < rs.Generation
		r.Unknown = r.Unknown || (unseen && rs.Generation > 1)
		r.Stuck = r.Stuck || cannotCreate(rs)
	}
	for _, p := range d.Pods {
		r.Stuck = r.Stuck || unschedulable(p)
	}
	return r
}

// cannotCreate is true when the pods of a ReplicaSet are refused, by a quota for example.
func cannotCreate(rs *appsv1.ReplicaSet) bool {
	for _, c := range rs.Status.Conditions {
		if c.Type == appsv1.ReplicaSetReplicaFailure && c.Status == corev1.ConditionTrue {
			return rs.Status.Replicas < specReplicas(rs)
		}
	}
	return false
}

func unschedulable(p *corev1.Pod) bool {
	if p.DeletionTimestamp != nil {
		return false
	}
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable {
			return true
		}
	}
	return false
}

// rescaled is true when spec.replicas changed since the ReplicaSets were sized.
func (d *decision) rescaled() bool {
	for _, rs := range []*appsv1.ReplicaSet{d.newRS, d.stableRS} {
		if rs != nil && rs.Annotations[v1alpha1.DesiredReplicasAnnotation] != strconv.Itoa(int(d.n)) {
			return true
		}
	}
	return false
}

// resize plans the next sizes and reports whether any differs from the present.
func (d *decision) resize(next sizes) bool {
	resized := false
	for _, rs := range d.all {
		if to, ok := next[rs.Name]; ok && growsTooEarly(rs, to) {
			d.waiting("ReplicaSet %s grows to %d pods when it counts no more than %d", rs.Name, to, specReplicas(rs))
			return true
		}
	}
	for _, rs := range d.all {
		to, ok := next[rs.Name]
		if !ok || to == specReplicas(rs) {
			continue
		}
		resized = true
		d.update(rs).Replicas = to
		d.scaled(rs, to)
	}
	if !d.held() || !resized || d.routed() {
		d.noteSized(d.newRS)
		d.noteSized(d.stableRS)
	}
	return resized
}

// growsTooEarly is true for a ReplicaSet that is to grow and has not got rid of what it
// was to before: the pods that it goes on counting as available would pass for those
// that are to come, and others would go for them.
func growsTooEarly(rs *appsv1.ReplicaSet, to int32) bool {
	return to > specReplicas(rs) && rs.Status.Replicas > specReplicas(rs)
}

// scaled tells of the next size of a ReplicaSet.
func (d *decision) scaled(rs *appsv1.ReplicaSet, to int32) {
	from, direction := specReplicas(rs), "up"
	if to < from {
		direction = "down"
	}
	d.event("ScalingReplicaSet", "Scaled %s ReplicaSet %s (revision %d) from %d to %d", direction, rs.Name, revision(rs), from, to)
}

// noteSized writes on a ReplicaSet for which spec.replicas it was sized. While a
// Rollout is paused that is only done when the sizes are reached: a difference
// is what tells that they must follow an autoscaler. Where a router splits the
// requests they are reached at once.
func (d *decision) noteSized(rs *appsv1.ReplicaSet) {
	if rs == nil {
		return
	}
	d.annotate(rs, v1alpha1.DesiredReplicasAnnotation, strconv.Itoa(int(d.n)))
	if rs.Spec.MinReadySeconds != d.spec.MinReadySeconds {
		d.update(rs).MinReadySeconds = d.spec.MinReadySeconds
	}
}

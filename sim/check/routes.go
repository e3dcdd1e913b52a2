package check

import (
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// routes: what the mesh was told, in VirtualServices, DestinationRules and
// Services, whatever the status says.
//
// The weights of each route that the controller has written add up to the whole.
// No write of the controller
// gives a destination more requests than before, points it at other pods, or
// takes its last pods away, if nobody ready is behind it then, unless nobody was
// before or the world has just taken pods away. With dynamicStableScale, which
// asks for no stable pods at a weight of 100, and with pingPong, where a Service
// stands for either revision in turn, pods may go that only a route of the
// user's own still leads to; so may those of Experiments behind a Service that
// nobody has narrowed to a revision yet, and those behind a subset that is a user's
// own. After an abort the share of the revision that was given up never rises.
type routes struct {
	written map[types.NamespacedName]bool // VirtualServices, by the controller and not since by a person
	before  map[types.UID][]reached
	aborted map[types.UID]abortedShare
}

// reached is a destination with the ready pods behind it that are to stay.
type reached struct {
	route, vs string
	destination
	hash  string
	ready int32
	since time.Time // when the first of them was surely ready
}

// abortedShare is the share of a revision since its abort.
type abortedShare struct {
	hash  string
	since time.Time
	share int64
}

// NewRoutes returns the check of the objects that carry requests.
func NewRoutes() Check {
	return &routes{written: map[types.NamespacedName]bool{}, before: map[types.UID][]reached{}, aborted: map[types.UID]abortedShare{}}
}

func (c *routes) Name() string { return "routes" }

func (c *routes) Event(s *State, change Change) error {
	switch obj := change.Object.(type) {
	case *unstructured.Unstructured:
		if obj.GetKind() == "VirtualService" {
			c.written[types.NamespacedName{Namespace: obj.GetNamespace(), Name: obj.GetName()}] = !change.ByUser
		}
	case *corev1.Service, *appsv1.ReplicaSet, *v1alpha1.Rollout, *corev1.Pod:
	default:
		return nil
	}
	_, pod := change.Object.(*corev1.Pod)
	if pod && !moves(change) {
		return nil
	}
	for _, f := range s.Families() {
		if f.istio() == nil || f.Rollout.DeletionTimestamp != nil {
			continue
		}
		if pod { // nobody steers; the next who does sees who is ready now
			c.before[f.Rollout.UID] = f.reaches(s)
			continue
		}
		if err := c.steered(s, f, change); err != nil {
			return fmt.Errorf("rollout %s: %w", f.Key(), err)
		}
	}
	return nil
}

// steered compares where requests went before a write and where they go now.
func (c *routes) steered(s *State, f *Family, change Change) error {
	uid := f.Rollout.UID
	before := c.before[uid]
	after := before
	if moves(change) {
		after = f.reaches(s)
		c.before[uid] = after
	}
	if change.ByUser {
		delete(c.aborted, uid) // who steers by hand may
	}
	if change.ByUser || f.Disrupted(s.Now, s.Lag) || f.Replicas() == 0 {
		return c.afterAbort(s, f)
	}
	for i, now := range after {
		if now.weight == 0 || now.ready > 0 || f.ofUser(now.destination) {
			continue
		}
		was, known := find(before, i, now)
		if !known || was.weight > 0 && (was.ready == 0 || s.Lag > 0 && s.Now.Sub(was.since) <= s.Lag) || nobody(before) {
			continue // it was no better before, as far as anybody can know
		}
		if s.experimentFailing(f, now.destination) {
			continue
		}
		gone := emptied(change) && !s.ofAnotherExperiment(change, f, now.destination) && (now.hash != "" || change.Family == f) && (f.steers(now.vs, now.route) || f.keepsStable())
		if now.weight > was.weight || now.hash != was.hash || gone {
			return fmt.Errorf("VirtualService %s route %q: %d %% of the requests go to %s and no ready pod (before: %d %%, %d ready pods): %s",
				now.vs, now.route, now.weight, now.destination, was.weight, was.ready, f.Sizes())
		}
	}
	return c.afterAbort(s, f)
}

// ofAnotherExperiment reports whether the pods of an Experiment are gone where the
// Service of another one is looked at: they are behind it if they have the same
// hash, but it does not count on them.
func (s *State) ofAnotherExperiment(change Change, f *Family, d destination) bool {
	owner, svc := metav1.GetControllerOfNoCopy(change.Object), s.Service(f.Rollout.Namespace, d.host)
	return owner != nil && owner.Kind == v1alpha1.KindExperiment && svc != nil && metav1.GetControllerOfNoCopy(svc) != nil && metav1.GetControllerOfNoCopy(svc).UID != owner.UID
}

// experimentFailing reports whether a pod behind the Service of an Experiment failed
// so recently that its Rollout cannot know: its view of the ReplicaSet is behind, and it
// may wait before for what it wrote last to be in its view. Without a lag nothing is
// forgiven.
func (s *State) experimentFailing(f *Family, d destination) bool {
	svc := s.Service(f.Rollout.Namespace, d.host)
	if svc == nil {
		return false
	}
	if owner := metav1.GetControllerOfNoCopy(svc); owner == nil || owner.Kind != v1alpha1.KindExperiment {
		return false
	}
	return slices.ContainsFunc(s.selected(svc.Namespace, f.selector(s, d)), func(set *Set) bool {
		return !set.failedAt.IsZero() && s.Now.Sub(set.failedAt) <= 2*s.Lag && s.Lag > 0
	})
}

// keepsStable reports whether the pods behind the stable Service stay whatever the
// weight: then a route of the user's own can rely on them.
func (f *Family) keepsStable() bool {
	c := f.Rollout.Spec.Strategy.Canary
	return !c.DynamicStableScale && c.PingPong == nil
}

// moves reports whether a change can alter what reaches returns. Most writes are of a
// status that does not.
func moves(change Change) bool {
	if change.Old == nil || change.Deleted {
		return true
	}
	switch obj := change.Object.(type) {
	case *corev1.Pod:
		before := change.Old.(*corev1.Pod)
		was, _ := readySince(before)
		is, _ := readySince(obj)
		return isReady(before) != isReady(obj) || !was.Equal(is) || !sameOwner(before, obj)
	case *appsv1.ReplicaSet, *v1alpha1.Rollout:
		return obj.GetGeneration() != change.Old.GetGeneration()
	}
	return true
}

// sameOwner reports whether the same object controls two versions of a pod.
func sameOwner(a, b *corev1.Pod) bool {
	was, is := metav1.GetControllerOfNoCopy(a), metav1.GetControllerOfNoCopy(b)
	return was == nil && is == nil || was != nil && is != nil && was.UID == is.UID
}

// emptied reports whether a ReplicaSet is asked for no pods any more.
func emptied(change Change) bool {
	_, after, ok := scaledDown(change)
	return ok && wanted(after.Spec.Replicas) == 0
}

// find looks for the same destination of the same route as it was, or, for a new
// route, of the route where it had most. One that was not there had no share.
func find(before []reached, i int, now reached) (was reached, known bool) {
	if len(before) == 0 {
		return was, false
	}
	same := func(r reached) bool {
		return r.vs == now.vs && r.route == now.route && r.host == now.host && r.subset == now.subset
	}
	if i < len(before) && same(before[i]) {
		return before[i], true
	}
	if j := slices.IndexFunc(before, same); j >= 0 {
		return before[j], true
	}
	for _, r := range before {
		if r.vs == now.vs && r.host == now.host && r.subset == now.subset && r.weight > was.weight {
			was = r
		}
	}
	return was, true
}

// nobody is true if nowhere a ready pod was reached: then no split is better.
func nobody(list []reached) bool {
	return !slices.ContainsFunc(list, func(r reached) bool { return r.weight > 0 && r.ready > 0 })
}

// reaches lists the destinations of all routes with what is behind them.
func (f *Family) reaches(s *State) (list []reached) {
	for _, sp := range f.splits(s) {
		for _, d := range sp.destinations {
			selector := f.selector(s, d)
			r := reached{vs: sp.vs, route: sp.name, destination: d, hash: selector[v1alpha1.DefaultRolloutUniqueLabelKey]}
			r.ready, r.since = kept(s.selected(f.Rollout.Namespace, selector))
			list = append(list, r)
		}
	}
	return list
}

// afterAbort holds the share of a revision that was given up against what it was.
func (c *routes) afterAbort(s *State, f *Family) error {
	uid, status := f.Rollout.UID, &f.Rollout.Status
	if !status.Abort || status.CurrentPodHash == status.StableRS {
		delete(c.aborted, uid)
		return nil
	}
	share := f.shareOf(s, status.CurrentPodHash)
	was, known := c.aborted[uid]
	switch {
	case !known || was.hash != status.CurrentPodHash:
		c.aborted[uid] = abortedShare{status.CurrentPodHash, s.Now, share}
		return nil
	case share > was.share && s.Now.Sub(was.since) > s.Lag:
		return fmt.Errorf("the share of %s rises from %d to %d after the abort", was.hash, was.share, share)
	}
	c.aborted[uid] = abortedShare{was.hash, was.since, share}
	return nil
}

func (c *routes) Instant(s *State) error {
	for _, f := range s.Families() {
		for _, sp := range f.splits(s) {
			if !c.written[types.NamespacedName{Namespace: f.Rollout.Namespace, Name: sp.vs}] {
				continue // what a person wrote is what they wrote
			}
			if err := f.adds(sp); err != nil {
				return err
			}
		}
	}
	return nil
}

// adds adds the weights of a route up.
func (f *Family) adds(sp split) error {
	whole, sum := int64(wholeOf(f.Rollout)), int64(0)
	for _, d := range sp.destinations {
		if d.weight < 0 {
			return fmt.Errorf("rollout %s: VirtualService %s route %q: %s has a weight of %d", f.Key(), sp.vs, sp.name, d, d.weight)
		}
		sum += d.weight
	}
	if sum != whole {
		return fmt.Errorf("rollout %s: VirtualService %s route %q: the weights add up to %d, not %d", f.Key(), sp.vs, sp.name, sum, whole)
	}
	return nil
}

package check

import (
	"cmp"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/replicas"
)

// State is the cluster after one write. Its objects belong to the store: they
// must not be modified.
type State struct {
	// Now is the virtual time.
	Now time.Time
	// Lag is how far the controllers' view may be behind.
	Lag time.Duration
	// Troubled is when the controllers last failed to do what they wanted, or were
	// down; zero if never.
	Troubled time.Time

	rollouts map[types.UID]*Family
	order    []*Family // sorted by namespace and name
	sets     map[types.UID]*Set
	pods     map[types.UID]*owned // by the uid of the owner
	services map[types.NamespacedName]*corev1.Service

	routes      map[types.NamespacedName][]split  // of VirtualServices
	declared    map[types.NamespacedName][]string // names of managed routes that Rollouts ever had for them
	subsets     map[types.NamespacedName][]subset // of DestinationRules
	runs        map[types.UID]*v1alpha1.AnalysisRun
	experiments map[types.UID]*v1alpha1.Experiment
}

func newState() State {
	return State{
		rollouts: map[types.UID]*Family{}, sets: map[types.UID]*Set{}, pods: map[types.UID]*owned{},
		services:    map[types.NamespacedName]*corev1.Service{},
		routes:      map[types.NamespacedName][]split{},
		declared:    map[types.NamespacedName][]string{},
		subsets:     map[types.NamespacedName][]subset{},
		runs:        map[types.UID]*v1alpha1.AnalysisRun{},
		experiments: map[types.UID]*v1alpha1.Experiment{},
	}
}

// Family is a Rollout with its ReplicaSets.
type Family struct {
	// Rollout is the object as last written.
	Rollout *v1alpha1.Rollout
	// Sets are its ReplicaSets, sorted by name.
	Sets []*Set

	past        []pastSpec // older generations, oldest first
	disruptedAt time.Time  // when the world or a user last took a pod away
}

// pastSpec is a spec that was replaced.
type pastSpec struct {
	rollout    *v1alpha1.Rollout
	replacedAt time.Time
}

// Set is a ReplicaSet with its pods.
type Set struct {
	// ReplicaSet is the object as last written.
	ReplicaSet *appsv1.ReplicaSet
	// Pods are those that it owns, terminating ones included.
	Pods map[types.UID]*corev1.Pod

	readyAt  map[int64]int32 // how many of the active pods have been ready since a second of Unix time
	failedAt time.Time       // when a pod last failed that had been ready
}

// Families lists the Rollouts, sorted by namespace and name.
func (s *State) Families() []*Family { return s.order }

// Service returns a Service; nil if there is none.
func (s *State) Service(namespace, name string) *corev1.Service {
	return s.services[types.NamespacedName{Namespace: namespace, Name: name}]
}

// refused reports whether the controller does nothing for the spec, because it makes no
// sense to it.
func (f *Family) refused() bool { return strings.HasPrefix(f.Rollout.Status.Message, "InvalidSpec:") }

// Key is the Rollout's namespace and name: "default/web".
func (f *Family) Key() string { return f.Rollout.Namespace + "/" + f.Rollout.Name }

// ByHash returns the ReplicaSet of a pod template hash; nil if there is none.
func (f *Family) ByHash(hash string) *Set {
	for _, set := range f.Sets {
		if hash != "" && set.Hash() == hash {
			return set
		}
	}
	return nil
}

// Hash is the pod template hash of a ReplicaSet.
func (s *Set) Hash() string { return s.ReplicaSet.Labels[v1alpha1.DefaultRolloutUniqueLabelKey] }

// Wanted is spec.replicas.
func (s *Set) Wanted() int32 { return wanted(s.ReplicaSet.Spec.Replicas) }

// Active counts the pods that are neither ended nor terminating.
func (s *Set) Active() (n int32) {
	for _, pod := range s.Pods {
		if active(pod) {
			n++
		}
	}
	return n
}

// Available counts the active pods that have been ready for minReadySeconds.
func (s *Set) Available(now time.Time) (n int32) {
	delay := time.Duration(s.ReplicaSet.Spec.MinReadySeconds) * time.Second
	for _, pod := range s.Pods {
		if since, ok := readySince(pod); ok && active(pod) && !now.Before(since.Add(delay)) {
			n++
		}
	}
	return n
}

// Wanted is the sum of spec.replicas of the ReplicaSets.
func (f *Family) Wanted() int32 { return f.sum((*Set).Wanted) }

// Active counts the pods of all ReplicaSets that are not on their way out.
func (f *Family) Active() int32 { return f.sum((*Set).Active) }

// Available counts the available pods of all ReplicaSets.
func (f *Family) Available(now time.Time) int32 {
	return f.sum(func(s *Set) int32 { return s.Available(now) })
}

func (f *Family) sum(count func(*Set) int32) (n int32) {
	for _, set := range f.Sets {
		n += count(set)
	}
	return n
}

// Replicas is the Rollout's spec.replicas.
func (f *Family) Replicas() int32 { return wanted(f.Rollout.Spec.Replicas) }

// InForce lists the specs that the controller may be acting on: the present
// one, and those that were replaced since the one it last reported or within
// the lag of its view.
func (f *Family) InForce(now time.Time, lag time.Duration) []*v1alpha1.Rollout {
	list := []*v1alpha1.Rollout{f.Rollout}
	observed := observedGeneration(f.Rollout)
	for _, p := range f.past {
		if p.rollout.Generation >= observed || (lag > 0 && now.Sub(p.replacedAt) <= lag) {
			list = append(list, p.rollout)
		}
	}
	return list
}

// Disrupted reports whether the world or a user took a pod away so recently
// that the controller cannot know yet.
func (f *Family) Disrupted(now time.Time, lag time.Duration) bool {
	return !f.disruptedAt.IsZero() && now.Sub(f.disruptedAt) <= lag
}

// limits resolves the surge and unavailability of a spec. Blue/green has no
// surge, and its maxUnavailable counts for restarts alone.
func limits(ro *v1alpha1.Rollout) replicas.Limits {
	n := wanted(ro.Spec.Replicas)
	var l replicas.Limits
	var err error
	switch {
	case ro.Spec.Strategy.Canary != nil:
		l, err = replicas.ResolveLimits(n, ro.Spec.Strategy.Canary.MaxSurge, ro.Spec.Strategy.Canary.MaxUnavailable)
	case ro.Spec.Strategy.BlueGreen != nil:
		l, err = replicas.ResolveLimits(n, nil, ro.Spec.Strategy.BlueGreen.MaxUnavailable)
	}
	if err != nil {
		return replicas.Limits{Surge: n, Unavailable: n} // an invalid spec bounds nothing
	}
	return l
}

// basicCanary reports whether pods alone make the weights.
func basicCanary(ro *v1alpha1.Rollout) bool {
	return ro.Spec.Strategy.Canary != nil && ro.Spec.Strategy.Canary.TrafficRouting == nil
}

// wholeOf is the weight that means all requests of a routed canary. Istio knows 100
// alone: a Rollout that asks for another number is refused, and nothing moves.
func wholeOf(ro *v1alpha1.Rollout) int32 {
	router := ro.Spec.Strategy.Canary.TrafficRouting
	if m := router.MaxTrafficWeight; m != nil && router.Istio == nil {
		return *m
	}
	return 100
}

func wanted(n *int32) int32 {
	if n == nil {
		return 1
	}
	return *n
}

func active(pod *corev1.Pod) bool {
	return pod.DeletionTimestamp == nil && pod.Status.Phase != corev1.PodSucceeded && pod.Status.Phase != corev1.PodFailed
}

func readySince(pod *corev1.Pod) (time.Time, bool) {
	for i := range pod.Status.Conditions {
		if c := &pod.Status.Conditions[i]; c.Type == corev1.PodReady {
			return c.LastTransitionTime.Time, c.Status == corev1.ConditionTrue
		}
	}
	return time.Time{}, false
}

// take brings one change into the state and returns the Rollout that it
// concerns; nil if it concerns none.
func (s *State) take(c Change) *Family {
	switch obj := c.Object.(type) {
	case *v1alpha1.Rollout:
		return s.takeRollout(obj, c.Deleted)
	case *appsv1.ReplicaSet:
		return s.takeSet(obj, c.Deleted)
	case *corev1.Pod:
		return s.takePod(obj, c)
	case *corev1.Service:
		keep(s.services, client.ObjectKeyFromObject(obj), obj, c.Deleted)
	case *v1alpha1.AnalysisRun:
		keep(s.runs, obj.UID, obj, c.Deleted)
	case *v1alpha1.Experiment:
		keep(s.experiments, obj.UID, obj, c.Deleted)
	case *unstructured.Unstructured:
		key := client.ObjectKeyFromObject(obj)
		if obj.GetKind() == destinationRule.Kind {
			keep(s.subsets, key, subsets(obj), c.Deleted)
		} else {
			keep(s.routes, key, splits(obj), c.Deleted)
		}
	}
	return nil
}

func keep[K comparable, T any](objects map[K]T, key K, obj T, deleted bool) {
	objects[key] = obj
	if deleted {
		delete(objects, key)
	}
}

func (s *State) takeRollout(ro *v1alpha1.Rollout, deleted bool) *Family {
	f := s.rollouts[ro.UID]
	if f == nil {
		f = &Family{}
		s.rollouts[ro.UID] = f
		s.order = append(s.order, f)
	} else if f.Rollout.Generation != ro.Generation {
		f.past = append(f.past, pastSpec{f.Rollout, s.Now})
	}
	none := f.Rollout != nil && f.Replicas() == 0
	f.Rollout = ro
	if none || f.Replicas() == 0 {
		f.disruptedAt = s.Now // a person takes them all, or had taken them until now
	}
	if deleted {
		delete(s.rollouts, ro.UID)
		s.order = slices.DeleteFunc(s.order, func(x *Family) bool { return x == f })
	}
	slices.SortFunc(s.order, func(a, b *Family) int {
		return cmp.Or(cmp.Compare(a.Rollout.Namespace, b.Rollout.Namespace), cmp.Compare(a.Rollout.Name, b.Rollout.Name))
	})
	f.forgetOldSpecs(s.Now, s.Lag)
	s.noteDeclared(f)
	return f
}

// noteDeclared remembers which managed routes a Rollout may make, and where.
func (s *State) noteDeclared(f *Family) {
	for _, vs := range f.virtualServices() {
		key := f.named(vs.Name)
		for _, m := range f.Rollout.Spec.Strategy.Canary.TrafficRouting.ManagedRoutes {
			if !slices.Contains(s.declared[key], m.Name) {
				s.declared[key] = append(s.declared[key], m.Name)
			}
		}
	}
}

func (f *Family) forgetOldSpecs(now time.Time, lag time.Duration) {
	keep := f.InForce(now, lag)
	f.past = slices.DeleteFunc(f.past, func(p pastSpec) bool { return !slices.Contains(keep, p.rollout) })
}

func (s *State) takeSet(rs *appsv1.ReplicaSet, deleted bool) *Family {
	set := s.sets[rs.UID]
	if set == nil {
		pods := s.podsOf(rs.UID)
		set = &Set{Pods: pods.all, readyAt: pods.readyAt}
		s.sets[rs.UID] = set
	}
	set.ReplicaSet = rs
	f := s.familyOf(rs)
	if f == nil {
		return nil
	}
	f.Sets = slices.DeleteFunc(f.Sets, func(x *Set) bool { return x == set })
	if deleted {
		delete(s.sets, rs.UID)
		return f
	}
	f.Sets = append(f.Sets, set)
	if set.failedAt.After(f.disruptedAt) {
		f.disruptedAt = set.failedAt // it was another Rollout's, or nobody's, then
	}
	slices.SortFunc(f.Sets, func(a, b *Set) int { return cmp.Compare(a.ReplicaSet.Name, b.ReplicaSet.Name) })
	return f
}

// owned are the pods of one owner. Those that are ready are counted as they come and
// go: after each change somebody asks how many there are, be they thousands.
type owned struct {
	all     map[types.UID]*corev1.Pod
	readyAt map[int64]int32
}

func (s *State) podsOf(owner types.UID) *owned {
	pods := s.pods[owner]
	if pods == nil {
		pods = &owned{map[types.UID]*corev1.Pod{}, map[int64]int32{}}
		s.pods[owner] = pods
	}
	return pods
}

// take replaces a pod by what it is now.
func (o *owned) take(pod *corev1.Pod, deleted bool) {
	if before := o.all[pod.UID]; before != nil {
		o.countReady(before, -1)
	}
	if deleted {
		delete(o.all, pod.UID)
		return
	}
	o.all[pod.UID] = pod
	o.countReady(pod, 1)
}

func (o *owned) countReady(pod *corev1.Pod, n int32) {
	if !isReady(pod) {
		return
	}
	since, _ := readySince(pod)
	o.readyAt[since.Unix()] += n
	if o.readyAt[since.Unix()] == 0 {
		delete(o.readyAt, since.Unix())
	}
}

func (s *State) takePod(pod *corev1.Pod, c Change) *Family {
	ref := metav1.GetControllerOfNoCopy(pod)
	if ref == nil {
		return nil
	}
	s.podsOf(ref.UID).take(pod, c.Deleted)
	set := s.sets[ref.UID]
	if set == nil {
		return nil
	}
	f := s.familyOf(set.ReplicaSet)
	if becameUnready(c) {
		set.failedAt = s.Now
		if f != nil {
			f.disruptedAt = s.Now
		}
	}
	return f
}

// becameUnready reports whether a pod failed: it was ready, and now it is not,
// although nobody deletes it.
func becameUnready(c Change) bool {
	before, ok := c.Old.(*corev1.Pod)
	if !ok || c.Deleted {
		return false
	}
	pod := c.Object.(*corev1.Pod)
	_, was := readySince(before)
	_, is := readySince(pod)
	return was && !is && pod.DeletionTimestamp == nil
}

// familyOf returns the Rollout that controls something; nil if none does.
func (s *State) familyOf(of metav1.Object) *Family {
	if ref := metav1.GetControllerOfNoCopy(of); ref != nil {
		return s.rollouts[ref.UID]
	}
	return nil
}

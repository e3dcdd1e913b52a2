package check

import (
	"fmt"
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/sim/kernel"
	"github.com/aviary-rollouts/aviary/sim/store"
)

// The kinds of Istio that tell where requests go.
var (
	virtualService  = schema.GroupVersionKind{Group: "networking.istio.io", Version: "v1", Kind: "VirtualService"}
	destinationRule = schema.GroupVersionKind{Group: "networking.istio.io", Version: "v1", Kind: "DestinationRule"}
)

// Change is one write of an object that checks look at.
type Change struct {
	// Object is the object after the write, or its last state if Deleted.
	Object client.Object
	// Old is the object before; nil for a creation.
	Old client.Object
	// Deleted is true for the write that removed the object.
	Deleted bool
	// ByUser is true if a person did it.
	ByUser bool
	// Family is the Rollout that it concerns; nil if none.
	Family *Family
}

// Check is one invariant. It may remember what it saw; a value belongs to one
// run.
type Check interface {
	// Name is one word.
	Name() string
	// Event looks at a change, which s contains already.
	Event(s *State, c Change) error
	// Instant looks at the state when nothing more is due at this time.
	Instant(s *State) error
}

// All returns a new value of every check.
func All() []Check {
	return []Check{NewSurge(), NewAvailability(), NewStable(), NewPause(), NewOwnership(), NewRouting(), NewRoutes(), NewMeasuring(), NewOnce()}
}

// Monitor shows a run to its checks.
type Monitor struct {
	kernel     *kernel.Kernel
	state      State
	checks     []Check
	controller string                  // name of the client of the controllers under test
	lag        func() time.Duration    // of their view
	lagged     time.Time               // when it was last as long as the checks are told
	userWrites map[store.Revision]bool // revisions that a person wrote
}

// NewMonitor subscribes to the store and to the instants of the kernel.
// Controller is the name under which the controllers under test write, lag says
// how far behind their view may be.
func NewMonitor(k *kernel.Kernel, st *store.Store, controller string, lag func() time.Duration, checks ...Check) *Monitor {
	m := &Monitor{
		kernel: k, checks: checks, controller: controller, lag: lag, userWrites: map[store.Revision]bool{},
		state: newState(),
	}
	for _, gvk := range []schema.GroupVersionKind{
		v1alpha1.GroupVersion.WithKind(v1alpha1.KindRollout),
		appsv1.SchemeGroupVersion.WithKind("ReplicaSet"),
		corev1.SchemeGroupVersion.WithKind("Pod"),
		corev1.SchemeGroupVersion.WithKind("Service"),
		v1alpha1.GroupVersion.WithKind(v1alpha1.KindAnalysisRun),
		v1alpha1.GroupVersion.WithKind(v1alpha1.KindExperiment),
		virtualService,
		destinationRule,
	} {
		st.Subscribe(gvk, m.receive)
	}
	st.AddHooks(store.Hooks{Before: m.beforeCall})
	k.OnInstant(m.instant)
	return m
}

// State returns what the checks see. It is that of the last change delivered. A nil
// Monitor follows nothing, and its state is empty.
func (m *Monitor) State() *State {
	if m == nil {
		s := newState()
		return &s
	}
	return &m.state
}

// UserWrote tells the monitor that a person made the write of this revision.
func (m *Monitor) UserWrote(r store.Revision) {
	if m != nil {
		m.userWrites[r] = true
	}
}

// Trouble tells the monitor that something keeps the controllers at this time from
// what they want to do.
func (m *Monitor) Trouble() {
	if m != nil {
		m.state.Troubled = m.kernel.Now()
	}
}

// look tells the checks the time and the lag. What was on its way when a lag ended
// arrives as late as before, so the longer one counts on for three times itself, as
// long as the checks allow for what a view shows too late.
func (m *Monitor) look() {
	now, lag := m.kernel.Now(), m.lag()
	if lag >= m.state.Lag {
		m.lagged = now
	} else if now.Sub(m.lagged) <= 3*m.state.Lag {
		lag = m.state.Lag
	}
	m.state.Now, m.state.Lag = now, lag
}

func (m *Monitor) receive(e store.Event) {
	m.look()
	if e.Touched {
		return // nothing that a check looks at is new, whoever did it
	}
	c := Change{Object: e.Object, Old: e.Old, Deleted: e.Type == watch.Deleted, ByUser: m.userWrites[e.Revision]}
	delete(m.userWrites, e.Revision)
	c.Family = m.state.take(c)
	for _, check := range m.checks {
		if err := check.Event(&m.state, c); err != nil {
			m.kernel.Fail(fmt.Errorf("%s: %w", check.Name(), err))
			return
		}
	}
}

func (m *Monitor) instant() error {
	m.look()
	clear(m.userWrites) // all their events have been delivered
	for _, check := range m.checks {
		if err := check.Instant(&m.state); err != nil {
			return fmt.Errorf("%s: %w", check.Name(), err)
		}
	}
	return nil
}

// beforeCall notes when somebody other than the controllers takes a pod, a
// ReplicaSet or an Experiment away, or when they replace a pod because a person wants a restart: the
// only one of a routed revision, or one more than they can know to be missing.
func (m *Monitor) beforeCall(op store.Op) error {
	if op.Verb != "delete" && op.Subresource != "eviction" {
		return nil
	}
	ours := op.Client == m.controller
	if op.Client == "replicaset-controller" || ours && op.Subresource != "eviction" {
		return nil
	}
	for _, f := range m.state.order {
		if m.takesExperiment(op, f) {
			f.disruptedAt = m.kernel.Now()
		}
		for _, set := range f.Sets {
			if takesAway(op, set) && (!ours || f.istio() != nil && set.Wanted() == 1 || f.Disrupted(m.kernel.Now(), m.lag())) {
				f.disruptedAt = m.kernel.Now()
			}
		}
	}
	return nil
}

// takesExperiment reports whether a deletion removes an Experiment of a Rollout, and the
// pods of its share with it: it has not ended, or there are still shares.
func (m *Monitor) takesExperiment(op store.Op, f *Family) bool {
	if op.Kind.Kind != v1alpha1.KindExperiment {
		return false
	}
	for _, e := range m.state.experiments {
		if e.Namespace == op.Key.Namespace && e.Name == op.Key.Name && metav1.IsControlledBy(e, f.Rollout) {
			weights := f.Rollout.Status.Canary.Weights
			return !e.Status.Phase.Completed() || weights != nil && len(weights.Additional) > 0
		}
	}
	return false
}

// takesAway reports whether a deletion removes the ReplicaSet or a pod of it
// that was not on its way out.
func takesAway(op store.Op, set *Set) bool {
	if op.Key.Namespace != set.ReplicaSet.Namespace {
		return false
	}
	if op.Kind.Kind == "ReplicaSet" {
		return op.Key.Name == set.ReplicaSet.Name
	}
	for _, pod := range set.Pods {
		if op.Kind.Kind == "Pod" && pod.Name == op.Key.Name {
			return active(pod)
		}
	}
	return false
}

// observedGeneration reads status.observedGeneration, which is a string; what
// is no number counts as nothing observed.
func observedGeneration(ro *v1alpha1.Rollout) int64 {
	n, err := strconv.ParseInt(ro.Status.ObservedGeneration, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

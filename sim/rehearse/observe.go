package rehearse

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/ops"
	"github.com/aviary-rollouts/aviary/internal/view"
	"github.com/aviary-rollouts/aviary/sim"
	"github.com/aviary-rollouts/aviary/sim/store"
)

// observer writes down what can be seen of one Rollout.
type observer struct {
	sim *sim.Sim
	key types.NamespacedName

	began   time.Time
	rows    []Row
	pending []Event
	last    State
	extreme Extremes
	// done holds what was seen at the moment a step was completed, by index.
	done map[int32]completed
	// runs are the AnalysisRuns by name, measurements what they saw, in order.
	runs         map[string]*runSeen
	measurements []Measurement
}

// completed is what was seen at the moment a step was completed.
type completed struct {
	canary, total int32
}

// newObserver watches a Rollout that may not exist yet.
func newObserver(s *sim.Sim, key types.NamespacedName) *observer {
	o := &observer{sim: s, key: key}
	o.begin()
	s.Store().Subscribe(corev1.SchemeGroupVersion.WithKind("Event"), o.eventWritten)
	s.Store().Subscribe(v1alpha1.SchemeGroupVersion.WithKind(v1alpha1.KindRollout), o.rolloutWritten)
	s.Store().Subscribe(v1alpha1.SchemeGroupVersion.WithKind(v1alpha1.KindAnalysisRun), o.runWritten)
	s.Kernel().OnInstant(o.instant)
	return o
}

// begin starts a new timeline at the present time.
func (o *observer) begin() {
	o.began, o.rows, o.pending, o.done = o.sim.Now(), nil, nil, map[int32]completed{}
	o.runs, o.measurements = map[string]*runSeen{}, nil
	o.extreme = Extremes{FewestReady: -1}
}

// person notes what a person does.
func (o *observer) person(reason, command string) {
	o.pending = append(o.pending, Event{Type: UserEvent, Reason: reason, Message: command})
}

// eventWritten notes an event of the Rollout; one that repeats is an update.
func (o *observer) eventWritten(e store.Event) {
	event, ok := e.Object.(*corev1.Event)
	if !ok || event.InvolvedObject.Kind != v1alpha1.KindRollout || event.InvolvedObject.Name != o.key.Name || event.Namespace != o.key.Namespace {
		return
	}
	o.pending = append(o.pending, Event{Type: event.Type, Reason: event.Reason, Message: event.Message})
}

// rolloutWritten looks at the pods at the very moment a step is completed: at
// the end of the instant the next step may have changed them already.
func (o *observer) rolloutWritten(e store.Event) {
	now, ok := e.Object.(*v1alpha1.Rollout)
	old, was := e.Old.(*v1alpha1.Rollout)
	if !ok || !was || client.ObjectKeyFromObject(now) != o.key {
		return
	}
	before, after := ptr.Deref(old.Status.CurrentStepIndex, 0), ptr.Deref(now.Status.CurrentStepIndex, 0)
	if after <= before || now.Status.CurrentPodHash != old.Status.CurrentPodHash {
		return
	}
	var seen completed
	for _, rs := range o.replicaSets() {
		seen.total += rs.Status.AvailableReplicas
		if rs.Labels[v1alpha1.DefaultRolloutUniqueLabelKey] == now.Status.CurrentPodHash {
			seen.canary += rs.Status.AvailableReplicas
		}
	}
	for i := before; i < after; i++ {
		o.done[i] = seen // several steps may be completed by one look
	}
}

// replicaSets reads those of the Rollout.
func (o *observer) replicaSets() []appsv1.ReplicaSet {
	return slices.DeleteFunc(o.allReplicaSets(), func(rs appsv1.ReplicaSet) bool {
		owner := metav1.GetControllerOf(&rs)
		return owner == nil || owner.Kind != v1alpha1.KindRollout || owner.Name != o.key.Name
	})
}

func (o *observer) allReplicaSets() []appsv1.ReplicaSet {
	list := &appsv1.ReplicaSetList{}
	if err := o.sim.Client().List(context.Background(), list, client.InNamespace(o.key.Namespace)); err != nil {
		return nil
	}
	return list.Items
}

// experimentPods counts the pods of the Experiments of the namespace.
func (o *observer) experimentPods() (n int32) {
	for _, rs := range o.allReplicaSets() {
		if owner := metav1.GetControllerOf(&rs); owner != nil && owner.Kind == v1alpha1.KindExperiment {
			n += rs.Status.Replicas
		}
	}
	return n
}

// instant writes a row if the end of this instant differs from the last row or
// something happened. An instant that goes on after a check amends its row.
func (o *observer) instant() error {
	state, ok, err := o.look()
	if err != nil || !ok {
		return err
	}
	o.measure(state)
	at := Duration(o.sim.Now().Sub(o.began))
	if n := len(o.rows); n > 0 && o.rows[n-1].At == at {
		o.rows[n-1].State = state
		o.rows[n-1].Events = append(o.rows[n-1].Events, o.pending...)
	} else if n == 0 || len(o.pending) > 0 || !same(state, o.last) {
		o.rows = append(o.rows, Row{At: at, Seconds: at.Seconds(), Events: append([]Event{}, o.pending...), State: state})
	}
	o.pending, o.last = nil, state
	return nil
}

// look reads the Rollout and everything below it; ok is false if there is none.
func (o *observer) look() (s State, ok bool, err error) {
	ctx, c := context.Background(), o.sim.Client()
	ro := &v1alpha1.Rollout{}
	if err := c.Get(ctx, o.key, ro); err != nil {
		return State{}, false, client.IgnoreNotFound(err)
	}
	pods := &corev1.PodList{}
	if err := c.List(ctx, pods, client.InNamespace(o.key.Namespace)); err != nil {
		return State{}, false, fmt.Errorf("observe the pods of %s: %w", o.key, err)
	}
	objects := view.Objects{Rollout: ro, ReplicaSets: o.replicaSets(), Pods: pods.Items}
	if workload, err := ops.Workload(ctx, c, ro); err == nil && workload != nil {
		objects.Workload = workload
	}
	s = stateOf(view.Rollout(objects, o.sim.Now()), pods.Items)
	s.Experiment = o.experimentPods()
	return s, true, nil
}

// stateOf sums up a tree.
func stateOf(info view.RolloutInfo, pods []corev1.Pod) State {
	s := State{
		Step: info.Step.Index, Steps: info.Step.Count,
		SetWeight: info.SetWeight, ActualWeight: info.ActualWeight,
		Phase: info.Phase, Message: info.Message,
	}
	for _, r := range info.Revisions {
		for _, rs := range r.ReplicaSets {
			s.Revisions = append(s.Revisions, Pods{
				Revision: r.Number, ReplicaSet: rs.Name, Ready: rs.Available, Total: rs.Current, Ending: ending(rs.Name, pods),
			})
			if slices.Contains(rs.Roles, view.RoleActive) {
				s.Active = r.Number
			}
			if slices.Contains(rs.Roles, view.RolePreview) {
				s.Preview = r.Number
			}
		}
	}
	slices.SortStableFunc(s.Revisions, func(a, b Pods) int { return cmp.Compare(a.Revision, b.Revision) })
	return s
}

// ending counts the pods of a ReplicaSet that are on their way out.
func ending(replicaSet string, pods []corev1.Pod) (n int32) {
	for i := range pods {
		owner := metav1.GetControllerOf(&pods[i])
		if pods[i].DeletionTimestamp != nil && owner != nil && owner.Name == replicaSet {
			n++
		}
	}
	return n
}

// measure keeps the extremes.
func (o *observer) measure(s State) {
	ready, total, all := s.sums()
	o.extreme.Most = max(o.extreme.Most, total+s.Experiment)
	o.extreme.MostWithEnding = max(o.extreme.MostWithEnding, all+s.Experiment)
	if o.extreme.FewestReady < 0 || ready < o.extreme.FewestReady {
		o.extreme.FewestReady = ready
	}
}

// sums adds up the pods of all revisions; all counts those on their way out too.
func (s State) sums() (ready, total, all int32) {
	for _, p := range s.Revisions {
		ready, total, all = ready+p.Ready, total+p.Total, all+p.Total+p.Ending
	}
	return ready, total, all
}

// same tells whether two states look the same in a row. Pods on their way out
// are not part of a row.
func same(a, b State) bool {
	x, y := a, b
	x.Revisions, y.Revisions = nil, nil
	return fmt.Sprint(x) == fmt.Sprint(y) && slices.EqualFunc(a.Revisions, b.Revisions, func(p, q Pods) bool {
		p.Ending, q.Ending = 0, 0
		return p == q
	})
}

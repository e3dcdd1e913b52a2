package check_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/manifest"
	"github.com/aviary-rollouts/aviary/sim/check"
	"github.com/aviary-rollouts/aviary/sim/kernel"
	"github.com/aviary-rollouts/aviary/sim/store"
)

const controller = "controller"

// bench is a store in which a test plays the controller, badly.
type bench struct {
	t       *testing.T
	kernel  *kernel.Kernel
	store   *store.Store
	monitor *check.Monitor
	client  client.Client // of the controller
	world   client.Client // of everybody else
	pods    int
	lag     time.Duration // of the controller's view
}

func newBench(t *testing.T, checks ...check.Check) *bench {
	t.Helper()
	scheme, err := manifest.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, kernel: kernel.New(42, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))}
	b.store = store.New(b.kernel, scheme, store.Options{})
	b.monitor = check.NewMonitor(b.kernel, b.store, controller, func() time.Duration { return b.lag }, checks...)
	b.client, b.world = b.store.Client(controller), b.store.Client("world")
	return b
}

func (b *bench) do(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// settled fails the test if a check is not satisfied.
func (b *bench) settled() {
	b.t.Helper()
	b.do(b.kernel.Settle())
}

// broken fails the test if no check says a text.
func (b *bench) broken(want string) {
	b.t.Helper()
	err := b.kernel.Settle()
	if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "seed 42") {
		b.t.Fatalf("%v\nwant: %s", err, want)
	}
}

func (b *bench) sleep(d time.Duration) {
	b.t.Helper()
	b.do(b.kernel.RunUntil(b.kernel.Now().Add(d)))
}

func (b *bench) get(obj client.Object, name string) {
	b.t.Helper()
	b.do(b.client.Get(b.t.Context(), client.ObjectKey{Namespace: "default", Name: name}, obj))
}

// rollout creates a canary of five pods, surge 1, at most one unavailable.
func (b *bench) rollout(change ...func(*v1alpha1.Rollout)) *v1alpha1.Rollout {
	b.t.Helper()
	n, one := int32(5), intstr.FromInt32(1)
	ro := &v1alpha1.Rollout{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"}}
	ro.Spec.Replicas = &n
	ro.Spec.Template.Spec.Containers = []corev1.Container{{Name: "web", Image: "web:1"}}
	ro.Spec.Strategy.Canary = &v1alpha1.CanaryStrategy{MaxSurge: &one, MaxUnavailable: &one}
	for _, f := range change {
		f(ro)
	}
	b.do(b.client.Create(b.t.Context(), ro))
	return ro
}

// spec and status change the Rollout as the controller.
func (b *bench) spec(f func(*v1alpha1.Rollout)) {
	b.t.Helper()
	ro := &v1alpha1.Rollout{}
	b.get(ro, "web")
	f(ro)
	b.do(b.client.Update(b.t.Context(), ro))
}

func (b *bench) status(f func(*v1alpha1.RolloutStatus)) {
	b.t.Helper()
	ro := &v1alpha1.Rollout{}
	b.get(ro, "web")
	ro.Status.ObservedGeneration = fmt.Sprint(ro.Generation)
	f(&ro.Status)
	b.do(b.client.Status().Update(b.t.Context(), ro))
}

// set creates the ReplicaSet of a hash with pods that are ready.
func (b *bench) set(ro *v1alpha1.Rollout, hash string, wanted, ready int) {
	b.t.Helper()
	n := int32(wanted)
	labels := map[string]string{v1alpha1.DefaultRolloutUniqueLabelKey: hash}
	rs := &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{
		Namespace: "default", Name: "web-" + hash, Labels: labels,
		OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(ro, v1alpha1.GroupVersion.WithKind("Rollout"))},
	}}
	rs.Spec.Replicas, rs.Spec.Selector = &n, &metav1.LabelSelector{MatchLabels: labels}
	rs.Spec.Template.Labels, rs.Spec.Template.Spec = labels, ro.Spec.Template.Spec
	b.do(b.client.Create(b.t.Context(), rs))
	for range ready {
		b.pod(rs, true)
	}
}

func (b *bench) replicaSet(hash string) *appsv1.ReplicaSet {
	rs := &appsv1.ReplicaSet{}
	b.get(rs, "web-"+hash)
	return rs
}

// pod creates a pod of a ReplicaSet and returns its name.
func (b *bench) pod(rs *appsv1.ReplicaSet, ready bool) string {
	b.t.Helper()
	b.pods++
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Namespace: "default", Name: fmt.Sprintf("%s-%d", rs.Name, b.pods), Labels: rs.Spec.Template.Labels,
		OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(rs, appsv1.SchemeGroupVersion.WithKind("ReplicaSet"))},
	}, Spec: rs.Spec.Template.Spec}
	pod.Spec.NodeName = "node"
	b.do(b.world.Create(b.t.Context(), pod))
	b.ready(pod.Name, ready)
	return pod.Name
}

func (b *bench) ready(name string, ready bool) {
	b.t.Helper()
	pod := &corev1.Pod{}
	b.get(pod, name)
	status := corev1.ConditionFalse
	if ready {
		status = corev1.ConditionTrue
	}
	pod.Status.Phase = corev1.PodRunning
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: status, LastTransitionTime: metav1.NewTime(b.kernel.Now())}}
	b.do(b.world.Status().Update(b.t.Context(), pod))
}

// remove deletes a pod as an actor: the ReplicaSet controller, or somebody who
// takes it away.
func (b *bench) remove(actor, name string) {
	b.t.Helper()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}}
	b.do(b.store.Client(actor).Delete(b.t.Context(), pod))
}

func (b *bench) scale(hash string, to int32) {
	b.t.Helper()
	rs := b.replicaSet(hash)
	rs.Spec.Replicas = &to
	b.do(b.client.Update(b.t.Context(), rs))
}

// person makes a change of the Rollout count as a user's.
func (b *bench) person(f func()) {
	f()
	b.monitor.UserWrote(b.store.Revision())
}

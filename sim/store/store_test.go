package store

import (
	"context"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/sim/kernel"
)

var (
	ctx   = context.Background()
	epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
)

// fixture is a store on a kernel of its own, and a client.
type fixture struct {
	client.WithWatch
	t      testing.TB
	kernel *kernel.Kernel
	store  *Store
}

func newFixture(t testing.TB, o Options, opts ...ClientOption) *fixture {
	k := kernel.New(1, epoch)
	s := New(k, testScheme(), o)
	return &fixture{WithWatch: s.Client("test", opts...), t: t, kernel: k, store: s}
}

func testScheme() *runtime.Scheme { return scheme.Scheme }

// settle runs the kernel until nothing is due.
func (f *fixture) settle() {
	f.t.Helper()
	if err := f.kernel.Settle(); err != nil {
		f.t.Fatal(err)
	}
}

// must fails the test on an error.
func (f *fixture) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func configMap(name string, data map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}, Data: data}
}

func replicaSet(name string, replicas int32) *appsv1.ReplicaSet {
	labels := func() map[string]string { return map[string]string{"app": name} }
	return &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, Labels: labels()},
		Spec: appsv1.ReplicaSetSpec{
			Replicas: &replicas,
			Selector: &metav1.LabelSelector{MatchLabels: labels()},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels()},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "registry.example/app:1.0"}}},
			},
		},
	}
}

// get reads an object of the kind of proto.
func get[T client.Object](f *fixture, proto T) T {
	f.t.Helper()
	out := proto.DeepCopyObject().(T)
	f.must(f.Get(ctx, client.ObjectKeyFromObject(proto), out))
	return out
}

// gone fails the test if the object still exists.
func (f *fixture) gone(obj client.Object) {
	f.t.Helper()
	err := f.Get(ctx, client.ObjectKeyFromObject(obj), obj.DeepCopyObject().(client.Object))
	if !apierrors.IsNotFound(err) {
		f.t.Fatalf("%T %s should be gone, Get returned %v", obj, obj.GetName(), err)
	}
}

// unstructuredOf is an object of any kind, from pairs of a dotted path and a
// value.
func unstructuredOf(apiVersion, kind, name string, fields ...any) *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: map[string]any{}}
	u.SetAPIVersion(apiVersion)
	u.SetKind(kind)
	u.SetNamespace("default")
	u.SetName(name)
	for i := 0; i < len(fields); i += 2 {
		if err := unstructured.SetNestedField(u.Object, fields[i+1], strings.Split(fields[i].(string), ".")...); err != nil {
			panic(err)
		}
	}
	return u
}

func pod(name, node string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, Labels: map[string]string{"app": "web"}},
		Spec:       corev1.PodSpec{NodeName: node, Containers: []corev1.Container{{Name: "main", Image: "registry.example/app:1.0"}}},
	}
}

func ownedBy(obj, owner client.Object) client.Object {
	obj.SetOwnerReferences(append(obj.GetOwnerReferences(), metav1.OwnerReference{
		APIVersion: "apps/v1", Kind: "ReplicaSet", Name: owner.GetName(), UID: owner.GetUID(),
		Controller: ptr(true), BlockOwnerDeletion: ptr(true),
	}))
	return obj
}

func ptr[T any](v T) *T { return &v }

// texts returns the texts of the trace.
func (f *fixture) texts() []string {
	var out []string
	for _, l := range f.kernel.Trace().Lines() {
		out = append(out, l.Text)
	}
	return out
}

// wantError checks an error by what it says; an empty want means none.
func wantError(t testing.TB, err error, want string) {
	t.Helper()
	switch {
	case err == nil && want == "":
	case err == nil:
		t.Errorf("no error, want %q", want)
	case want == "" || err.Error() != want:
		t.Errorf("error %q, want %q", err, want)
	}
}

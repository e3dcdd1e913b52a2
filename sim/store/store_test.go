package store

import (
	"context"
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
	labels := map[string]string{"app": name}
	return &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, Labels: labels},
		Spec: appsv1.ReplicaSetSpec{
			Replicas: &replicas,
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "registry.example/app:1.0"}}},
			},
		},
	}
}

func TestLife(t *testing.T) {
	f := newFixture(t, Options{})
	rs := replicaSet("web", 1)
	f.must(f.Create(ctx, rs))
	if rs.UID == "" || rs.ResourceVersion != "1" || rs.Generation != 1 || !rs.CreationTimestamp.Time.Equal(epoch) {
		t.Fatalf("identity not stamped: %+v", rs.ObjectMeta)
	}
	*rs.Spec.Replicas = 3
	f.must(f.Update(ctx, rs))
	if rs.Generation != 2 || rs.ResourceVersion != "2" {
		t.Fatalf("update: %+v", rs.ObjectMeta)
	}
	f.must(f.Update(ctx, rs))
	if rs.ResourceVersion != "2" {
		t.Fatalf("no-op update: %+v", rs.ObjectMeta)
	}
	rs.Status.Replicas = 3
	f.must(f.Status().Update(ctx, rs))
	if rs.Generation != 2 || rs.ResourceVersion != "3" {
		t.Fatalf("status: %+v", rs.ObjectMeta)
	}
	stale := rs.DeepCopy()
	f.must(f.Patch(ctx, rs, client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"annotations":{"a":"b"}}}`))))
	if rs.Annotations["a"] != "b" || rs.Generation != 2 {
		t.Fatalf("patch: %+v", rs.ObjectMeta)
	}
	if err := f.Update(ctx, stale); !apierrors.IsConflict(err) {
		t.Fatalf("want conflict, got %v", err)
	}
	u := &unstructured.Unstructured{}
	u.SetAPIVersion("apps/v1")
	u.SetKind("ReplicaSet")
	f.must(f.Get(ctx, client.ObjectKeyFromObject(rs), u))
	if n, _, _ := unstructured.NestedInt64(u.Object, "spec", "replicas"); n != 3 {
		t.Fatalf("unstructured read: %v", u.Object)
	}
	f.must(f.Delete(ctx, rs))
	if err := f.Get(ctx, client.ObjectKeyFromObject(rs), rs); !apierrors.IsNotFound(err) {
		t.Fatalf("want not found, got %v", err)
	}
	f.settle()
	for _, l := range f.kernel.Trace().Lines() {
		t.Log(l)
	}
}

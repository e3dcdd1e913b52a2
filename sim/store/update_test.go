package store

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// What a write changes: the generation, and whether there is a write at all.
func TestGeneration(t *testing.T) {
	rollout := func() client.Object {
		return unstructuredOf("argoproj.io/v1alpha1", "Rollout", "web", "spec.replicas", int64(1))
	}
	run := func() client.Object {
		return unstructuredOf("argoproj.io/v1alpha1", "AnalysisRun", "web", "spec.x", "y")
	}
	deployment := func() client.Object {
		rs := replicaSet("web", 1)
		return &appsv1.Deployment{ObjectMeta: rs.ObjectMeta, Spec: appsv1.DeploymentSpec{
			Replicas: rs.Spec.Replicas, Selector: rs.Spec.Selector, Template: rs.Spec.Template}}
	}
	set := func(path ...string) func(client.Object) {
		return func(o client.Object) {
			if err := unstructured.SetNestedField(o.(*unstructured.Unstructured).Object, "changed", path...); err != nil {
				t.Fatal(err)
			}
		}
	}
	annotate := func(o client.Object) { o.SetAnnotations(map[string]string{"a": "b"}) }
	for _, tc := range []struct {
		name       string
		make       func() client.Object
		change     func(client.Object)
		sub        string
		generation int64
		written    bool
	}{
		{"rollout, nothing", rollout, func(client.Object) {}, "", 1, false},
		{"rollout, spec", rollout, set("spec", "x"), "", 2, true},
		{"rollout, annotation", rollout, annotate, "", 1, true},
		{"rollout, label", rollout, func(o client.Object) { o.SetLabels(map[string]string{"a": "b"}) }, "", 1, true},
		{"rollout, finalizer", rollout, func(o client.Object) { o.SetFinalizers([]string{"x.io/y"}) }, "", 1, true},
		{"rollout, status by the main resource", rollout, set("status", "x"), "", 1, false},
		{"rollout, status", rollout, set("status", "x"), "status", 1, true},
		{"rollout, spec by the subresource", rollout, set("spec", "x"), "status", 1, false},
		{"rollout, label by the subresource", rollout, func(o client.Object) { o.SetLabels(map[string]string{"a": "b"}) }, "status", 1, false},
		{"run, status", run, set("status", "phase"), "", 2, true},
		{"run, annotation", run, annotate, "", 1, true},
		{"deployment, annotation", deployment, annotate, "", 2, true},
		{"deployment, replicas", deployment, func(o client.Object) { o.(*appsv1.Deployment).Spec.Replicas = ptr[int32](3) }, "", 2, true},
		{"replicaset, annotation", func() client.Object { return replicaSet("web", 1) }, annotate, "", 1, true},
		{"replicaset, status", func() client.Object { return replicaSet("web", 1) },
			func(o client.Object) { o.(*appsv1.ReplicaSet).Status.Replicas = 1 }, "status", 1, true},
		{"configmap, data", func() client.Object { return configMap("web", nil) },
			func(o client.Object) { o.(*corev1.ConfigMap).Data = map[string]string{"a": "b"} }, "", 0, true},
		{"configmap, empty data", func() client.Object { return configMap("web", nil) },
			func(o client.Object) { o.(*corev1.ConfigMap).Data = map[string]string{} }, "", 0, false},
		{"identity", rollout, func(o client.Object) {
			o.SetGeneration(9)
			o.SetCreationTimestamp(metav1.Now())
			o.SetManagedFields([]metav1.ManagedFieldsEntry{{}})
			o.SetDeletionTimestamp(ptr(metav1.Now()))
		}, "", 1, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFixture(t, Options{})
			obj := tc.make()
			f.must(f.Create(ctx, obj))
			events := 0
			f.store.Subscribe(kindOf(f, obj), func(Event) { events++ })
			f.settle()
			events = 0
			tc.change(obj)
			if tc.sub == "" {
				f.must(f.Update(ctx, obj))
			} else {
				f.must(f.Status().Update(ctx, obj))
			}
			f.settle()
			if got := obj.GetGeneration(); got != tc.generation {
				t.Errorf("generation %d, want %d", got, tc.generation)
			}
			if written := f.store.Revision() == 2; written != tc.written || (events == 1) != written {
				t.Errorf("written is %v with %d events, want %v", written, events, tc.written)
			}
			if obj.GetDeletionTimestamp() != nil {
				t.Error("an update deleted the object")
			}
		})
	}
}

func kindOf(f *fixture, obj client.Object) schema.GroupVersionKind {
	f.t.Helper()
	gvk, err := f.GroupVersionKindFor(obj)
	f.must(err)
	return gvk
}

func TestConflicts(t *testing.T) {
	const modified = `Operation cannot be fulfilled on replicasets.apps "web": the object has been modified; please apply your changes to the latest version and try again`
	for _, tc := range []struct {
		name   string
		change func(*appsv1.ReplicaSet)
		want   string
	}{
		{"the present version", func(*appsv1.ReplicaSet) {}, ""},
		{"no version", func(rs *appsv1.ReplicaSet) { rs.ResourceVersion = "" }, ""},
		{"an old version", func(rs *appsv1.ReplicaSet) { rs.ResourceVersion = "1" }, modified},
		{"a version to come", func(rs *appsv1.ReplicaSet) { rs.ResourceVersion = "99" }, modified},
		{"another uid", func(rs *appsv1.ReplicaSet) { rs.UID = "x" }, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFixture(t, Options{})
			rs := replicaSet("web", 1)
			f.must(f.Create(ctx, rs))
			rs.Annotations = map[string]string{"second": "write"}
			f.must(f.Update(ctx, rs))
			tc.change(rs)
			rs.Spec.Replicas = ptr[int32](4)
			err := f.Update(ctx, rs)
			if tc.name == "another uid" {
				if !apierrors.IsConflict(err) {
					t.Errorf("got %v, want a conflict", err)
				}
				return
			}
			wantError(t, err, tc.want)
			if (err == nil) != (*get(f, rs).Spec.Replicas == 4) {
				t.Errorf("error %v, but replicas are %d", err, *get(f, rs).Spec.Replicas)
			}
		})
	}
}

// Custom resources cannot be replaced blindly, unlike most built-in kinds.
func TestCustomUpdateNeedsVersion(t *testing.T) {
	f := newFixture(t, Options{})
	ro := unstructuredOf("argoproj.io/v1alpha1", "Rollout", "web", "spec.x", "y")
	f.must(f.Create(ctx, ro))
	ro.SetResourceVersion("")
	wantError(t, f.Update(ctx, ro), `Rollout.argoproj.io "web" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update`)
}

func TestUpdateMissing(t *testing.T) {
	f := newFixture(t, Options{})
	wantError(t, f.Update(ctx, replicaSet("web", 1)), `replicasets.apps "web" not found`)
	wantError(t, f.Status().Update(ctx, replicaSet("web", 1)), `replicasets.apps "web" not found`)
}

// Where status is not a subresource there is none to write.
func TestStatusSubresourceByKind(t *testing.T) {
	for kind, has := range map[string]bool{"Rollout": true, "AnalysisRun": false, "Experiment": false, "AnalysisTemplate": false} {
		f := newFixture(t, Options{})
		obj := unstructuredOf("argoproj.io/v1alpha1", kind, "web", "status.phase", "Running")
		f.must(f.Create(ctx, obj))
		f.must(unstructured.SetNestedField(obj.Object, "Successful", "status", "phase"))
		err := f.Status().Update(ctx, obj)
		if has != (err == nil) || !has && !apierrors.IsNotFound(err) {
			t.Errorf("%s: status update returned %v", kind, err)
		}
	}
}

// Equality is that of the API: a quantity is an amount, a time an instant.
func TestNoOpByMeaning(t *testing.T) {
	f := newFixture(t, Options{})
	p := pod("web", "node")
	p.Spec.Containers[0].Resources.Limits = corev1.ResourceList{"cpu": quantity("1")}
	f.must(f.Create(ctx, p))
	p.Spec.Containers[0].Resources.Limits = corev1.ResourceList{"cpu": quantity("1000m")}
	p.Annotations = map[string]string{}
	p.Finalizers = []string{}
	f.must(f.Update(ctx, p))
	if p.ResourceVersion != "1" {
		t.Errorf("an update that means nothing was written: resourceVersion %s", p.ResourceVersion)
	}
}

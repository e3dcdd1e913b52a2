package store

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	merge     = types.MergePatchType
	jsonPatch = types.JSONPatchType
	strategic = types.StrategicMergePatchType
)

func TestPatch(t *testing.T) {
	replicas := func(rs *appsv1.ReplicaSet) string { return string(mustJSON(rs.Spec.Replicas)) }
	images := func(rs *appsv1.ReplicaSet) string {
		var out []string
		for _, c := range rs.Spec.Template.Spec.Containers {
			out = append(out, c.Name+"="+c.Image)
		}
		return strings.Join(out, " ")
	}
	labels := func(rs *appsv1.ReplicaSet) string { return string(mustJSON(rs.Labels)) }
	for _, tc := range []struct {
		name string
		kind types.PatchType
		data string
		show func(*appsv1.ReplicaSet) string
		want string
	}{
		{"merge a value", merge, `{"spec":{"replicas":5}}`, replicas, "5"},
		{"merge a null takes the default", merge, `{"spec":{"replicas":null}}`, replicas, "1"},
		{"merge adds a key", merge, `{"metadata":{"labels":{"x":"y"}}}`, labels, `{"app":"web","x":"y"}`},
		{"merge removes a key", merge, `{"metadata":{"labels":{"app":null}}}`, labels, `{}`},
		{"merge replaces a list", merge, `{"spec":{"template":{"spec":{"containers":[{"name":"b","image":"b:1"}]}}}}`, images, "b=b:1"},
		{"strategic merges a list by name", strategic, `{"spec":{"template":{"spec":{"containers":[{"name":"b","image":"b:1"}]}}}}`, images, "b=b:1 main=registry.example/app:1.0"},
		{"strategic changes an item", strategic, `{"spec":{"template":{"spec":{"containers":[{"name":"main","image":"b:1"}]}}}}`, images, "main=b:1"},
		{"strategic removes an item", strategic, `{"spec":{"template":{"spec":{"containers":[{"name":"b","image":"b:1"},{"name":"main","$patch":"delete"}]}}}}`, images, "b=b:1"},
		{"json replaces", jsonPatch, `[{"op":"replace","path":"/spec/replicas","value":4}]`, replicas, "4"},
		{"json adds", jsonPatch, `[{"op":"add","path":"/metadata/labels/a~1b","value":"c"}]`, labels, `{"a/b":"c","app":"web"}`},
		{"json tests", jsonPatch, `[{"op":"test","path":"/spec/replicas","value":2},{"op":"replace","path":"/spec/replicas","value":3}]`, replicas, "3"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFixture(t, Options{})
			rs := replicaSet("web", 2)
			f.must(f.Create(ctx, rs))
			f.must(f.Patch(ctx, rs, client.RawPatch(tc.kind, []byte(tc.data))))
			if got := tc.show(rs); got != tc.want {
				t.Errorf("answered %s, want %s", got, tc.want)
			}
			if got := tc.show(get(f, rs)); got != tc.want {
				t.Errorf("stored %s, want %s", got, tc.want)
			}
		})
	}
}

func mustJSON(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return data
}

func TestPatchRefused(t *testing.T) {
	for _, tc := range []struct {
		name string
		kind types.PatchType
		data string
		is   func(error) bool
	}{
		{"not JSON", merge, `{`, apierrors.IsBadRequest},
		{"not an object", merge, `[]`, apierrors.IsInvalid},
		{"null", merge, `null`, apierrors.IsBadRequest},
		{"wrong type", merge, `{"spec":{"replicas":"many"}}`, apierrors.IsInvalid},
		{"another name", merge, `{"metadata":{"name":"other"}}`, apierrors.IsBadRequest},
		{"another namespace", merge, `{"metadata":{"namespace":"other"}}`, apierrors.IsBadRequest},
		{"another uid", merge, `{"metadata":{"uid":"other"}}`, apierrors.IsConflict},
		{"an old version", merge, `{"metadata":{"resourceVersion":"0"}}`, apierrors.IsConflict},
		{"invalid", merge, `{"spec":{"replicas":-1}}`, apierrors.IsInvalid},
		{"immutable", merge, `{"spec":{"selector":{"matchLabels":{"x":"y"}},"template":{"metadata":{"labels":{"x":"y"}}}}}`, apierrors.IsInvalid},
		{"a failed test", jsonPatch, `[{"op":"test","path":"/spec/replicas","value":7}]`, isUnprocessable},
		{"no such path", jsonPatch, `[{"op":"replace","path":"/spec/nothing/there","value":7}]`, isUnprocessable},
		{"not a list", jsonPatch, `{}`, apierrors.IsBadRequest},
		{"strategic not JSON", strategic, `{`, apierrors.IsBadRequest},
		{"strategic nonsense", strategic, `{"spec":{"template":{"spec":{"containers":[{"image":"x"}]}}}}`, apierrors.IsBadRequest},
		{"apply", types.ApplyPatchType, `{}`, apierrors.IsUnsupportedMediaType},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFixture(t, Options{})
			rs := replicaSet("web", 2)
			f.must(f.Create(ctx, rs))
			if err := f.Patch(ctx, rs, client.RawPatch(tc.kind, []byte(tc.data))); !tc.is(err) {
				t.Errorf("got %v (%s)", err, apierrors.ReasonForError(err))
			}
			if f.store.Revision() != 1 {
				t.Error("a refused patch was written")
			}
		})
	}
}

func isUnprocessable(err error) bool {
	status, ok := err.(apierrors.APIStatus)
	return ok && status.Status().Code == 422
}

// Custom resources have no strategic patch, known to the scheme or not.
func TestPatchCustom(t *testing.T) {
	f := newFixture(t, Options{})
	ro := unstructuredOf("argoproj.io/v1alpha1", "Rollout", "web", "spec.replicas", int64(2))
	f.must(f.Create(ctx, ro))
	if err := f.Patch(ctx, ro, client.RawPatch(strategic, []byte(`{"spec":{"replicas":3}}`))); !apierrors.IsUnsupportedMediaType(err) {
		t.Errorf("got %v", err)
	}
	f.must(f.Patch(ctx, ro, client.RawPatch(merge, []byte(`{"spec":{"replicas":3},"status":{"abort":true}}`))))
	n, _, _ := unstructured.NestedInt64(ro.Object, "spec", "replicas")
	if _, has := ro.Object["status"]; n != 3 || has || ro.GetGeneration() != 2 {
		t.Errorf("patched: %v", ro.Object)
	}
	f.must(f.Status().Patch(ctx, ro, client.RawPatch(merge, []byte(`{"spec":{"replicas":9},"status":{"abort":true}}`))))
	n, _, _ = unstructured.NestedInt64(ro.Object, "spec", "replicas")
	if abort, _, _ := unstructured.NestedBool(ro.Object, "status", "abort"); n != 3 || !abort || ro.GetGeneration() != 2 {
		t.Errorf("status patched: %v", ro.Object)
	}
	run := unstructuredOf("argoproj.io/v1alpha1", "AnalysisRun", "web")
	f.must(f.Create(ctx, run))
	f.must(f.Patch(ctx, run, client.RawPatch(merge, []byte(`{"status":{"phase":"Running"}}`))))
	if phase, _, _ := unstructured.NestedString(run.Object, "status", "phase"); phase != "Running" {
		t.Errorf("the status of an AnalysisRun goes through the main resource: %v", run.Object)
	}
	if err := f.Status().Patch(ctx, run, client.RawPatch(merge, []byte(`{"status":{"phase":"Running"}}`))); !apierrors.IsNotFound(err) {
		t.Errorf("got %v", err)
	}
}

// The patches that controller-runtime computes.
func TestMergeFrom(t *testing.T) {
	f := newFixture(t, Options{})
	rs := replicaSet("web", 2)
	f.must(f.Create(ctx, rs))
	before := rs.DeepCopy()
	rs.Spec.Replicas = ptr[int32](3)
	f.must(f.Patch(ctx, rs, client.MergeFrom(before)))
	f.must(f.Patch(ctx, rs, client.MergeFrom(rs.DeepCopy())))
	if f.store.Revision() != 2 {
		t.Errorf("an empty patch was written: revision %d", f.store.Revision())
	}
	stale := before.DeepCopy()
	stale.Spec.Replicas = ptr[int32](4)
	err := f.Patch(ctx, stale, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
	if !apierrors.IsConflict(err) {
		t.Errorf("a patch with a lock on an old version returned %v", err)
	}
	withSidecar := rs.DeepCopy()
	withSidecar.Spec.Template.Spec.Containers = append(withSidecar.Spec.Template.Spec.Containers, corev1.Container{Name: "b", Image: "b:1"})
	f.must(f.Patch(ctx, withSidecar, client.StrategicMergeFrom(rs)))
	if len(withSidecar.Spec.Template.Spec.Containers) != 2 {
		t.Errorf("containers: %v", withSidecar.Spec.Template.Spec.Containers)
	}
}

func TestPatchMissing(t *testing.T) {
	f := newFixture(t, Options{})
	err := f.Patch(ctx, replicaSet("web", 1), client.RawPatch(merge, []byte(`{}`)))
	wantError(t, err, `replicasets.apps "web" not found`)
}

// FuzzPatch feeds arbitrary patches to a typed, an unstructured and a status
// target. Whatever comes, the store answers with success or with an API error,
// and what is stored afterwards is a valid object under the same identity.
func FuzzPatch(f *testing.F) {
	for _, seed := range []string{
		`{"spec":{"replicas":5}}`, `{"metadata":{"labels":null,"finalizers":["a/b"]}}`, `null`, `[]`, `{"status":{"replicas":1}}`,
		`{"spec":{"template":{"spec":{"containers":[{"name":"b","image":"b"},{"name":"main","$patch":"delete"}]}}}}`,
		`{"$patch":"replace"}`, `{"spec":{"$retainKeys":["replicas"]}}`, `{"metadata":5}`, `{"metadata":{"labels":{"a":5}}}`,
		`{"$setElementOrder/containers":[],"metadata":{"$deleteFromPrimitiveList/finalizers":["x"]}}`,
		`[{"op":"add","path":"/spec","value":null}]`, `[{"op":"remove","path":""}]`, `[{"op":"move","from":"/spec","path":"/status"}]`,
		`[{"op":"copy","from":"/metadata","path":"/spec/template"}]`, `[{"op":"replace","path":"/metadata/name","value":1}]`,
		`[{"op":"test","path":"/a/-1"}]`, `[{}]`, `[null]`, `{"spec":1e400}`, `{"kind":"Pod","apiVersion":"v1"}`,
	} {
		for kind := range uint8(3) {
			f.Add(kind, []byte(seed))
		}
	}
	f.Fuzz(func(t *testing.T, kind uint8, data []byte) {
		fx := newFixture(t, Options{DetectMutation: true})
		fx.must(fx.Create(ctx, replicaSet("web", 2)))
		fx.must(fx.Create(ctx, unstructuredOf("networking.istio.io/v1", "VirtualService", "web", "spec.hosts", []any{"a"})))
		patch := client.RawPatch([]types.PatchType{merge, jsonPatch, strategic}[kind%3], data)
		rs := replicaSet("web", 2)
		for _, err := range []error{
			fx.Patch(ctx, rs, patch), fx.Status().Patch(ctx, rs, patch),
			fx.Patch(ctx, unstructuredOf("networking.istio.io/v1", "VirtualService", "web"), patch),
			fx.SubResource("scale").Patch(ctx, rs, patch),
		} {
			if _, ok := err.(apierrors.APIStatus); err != nil && !ok {
				t.Fatalf("not an API error: %v", err)
			}
		}
		fx.settle()
		fx.must(fx.store.CheckUnmodified())
		stored := get(fx, replicaSet("web", 2))
		vs := get(fx, unstructuredOf("networking.istio.io/v1", "VirtualService", "web"))
		if stored.UID == "" || stored.Spec.Replicas == nil || *stored.Spec.Replicas < 0 || vs.GetUID() == "" || vs.GetKind() != "VirtualService" {
			t.Fatalf("stored %+v and %v", stored, vs.Object)
		}
	})
}

// The content that is remembered of an object is what a conversion makes of it, also
// after writes of the status and of metadata, which convert no more than that.
func TestContentIsCurrent(t *testing.T) {
	f := newFixture(t, Options{}, AsUser())
	rs := replicaSet("web", 2)
	f.must(f.Create(ctx, rs))
	_, tb, err := f.store.kindOf(rs)
	f.must(err)
	for i, tc := range []struct {
		patch        string
		status, read bool
	}{
		{`{"metadata":{"labels":{"a":"b"}}}`, false, true},
		{`{"status":{"replicas":1,"observedGeneration":1}}`, true, true},
		{`{"status":{"replicas":2}}`, true, false},
		{`{"status":{"readyReplicas":2}}`, true, true},
		{`{"metadata":{"annotations":{"c":"d"},"labels":{"a":null}}}`, false, false},
		{`{"status":{"readyReplicas":1}}`, true, false},
		{`{"metadata":{"annotations":null}}`, false, true},
		{`{"metadata":{"annotations":{"e":"f"}},"spec":{"replicas":5}}`, false, true},
		{`{"status":null}`, true, true},
	} {
		patch := client.RawPatch(merge, []byte(tc.patch))
		if tc.status {
			f.must(f.Status().Patch(ctx, rs, patch))
		} else {
			f.must(f.Patch(ctx, rs, patch))
		}
		if !tc.read {
			continue
		}
		stored := tb.head(client.ObjectKeyFromObject(rs))
		want, err := contentOf(stored)
		f.must(err)
		got, err := tb.contentOf(stored)
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("write %d: %v (-converted +remembered):\n%s", i, err, d)
		}
	}
}

package apply

import (
	"encoding/json"
	"reflect"
	"testing"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// A change is the same however it is made, and leaves alone what others hold.
func TestChangePatchGo(t *testing.T) {
	named := metav1.ObjectMeta{Name: "x", ResourceVersion: "7", Annotations: map[string]string{"a": "1", "b": "2"}}
	rs := &appsv1.ReplicaSet{ObjectMeta: named, Spec: appsv1.ReplicaSetSpec{Replicas: ptr.To[int32](3), MinReadySeconds: 5,
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "x"}}}}}
	svc := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "x", ResourceVersion: "7"}, Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "x", "hash": "1"}}}
	ro := &v1alpha1.Rollout{ObjectMeta: named, Spec: v1alpha1.RolloutSpec{Replicas: ptr.To[int32](3)}}
	annotations := map[string]*string{"a": nil, "b": ptr.To("3"), "c": ptr.To("4")}
	for name, tt := range map[string]struct {
		obj         client.Object
		annotations map[string]*string
		spec        specChange
		can         bool
	}{
		"a ReplicaSet to none":          {rs, nil, specChange{Replicas: ptr.To[int32](0)}, true},
		"all of a ReplicaSet":           {rs, annotations, specChange{Replicas: ptr.To[int32](9), MinReadySeconds: ptr.To[int32](0)}, true},
		"its annotations":               {rs, annotations, specChange{}, true},
		"its template":                  {rs, annotations, specChange{Replicas: ptr.To[int32](9), Template: map[string]any{"metadata": map[string]any{"labels": map[string]string{"a": "b"}}}}, false},
		"the selector of a Service":     {svc, annotations, specChange{Selector: pointers(map[string]string{"hash": "2", "new": "3"})}, true},
		"a Service of no version":       {svc, annotations, specChange{Selector: map[string]*string{"hash": nil}}, true},
		"a Service without a selector":  {&corev1.Service{ObjectMeta: named}, nil, specChange{Selector: pointers(map[string]string{"hash": "2"})}, true},
		"the ports of a Service":        {svc, nil, specChange{Ports: []corev1.ServicePort{{Port: 80}}}, false},
		"replicas of a Service":         {svc, nil, specChange{Replicas: ptr.To[int32](1)}, false},
		"the annotations of a Rollout":  {ro, annotations, specChange{}, true},
		"a Rollout without annotations": {&v1alpha1.Rollout{}, map[string]*string{"a": ptr.To("1")}, specChange{}, true},
		"the replicas of a Rollout":     {ro, nil, specChange{Replicas: ptr.To[int32](1)}, false},
		"the end of a run":              {&v1alpha1.AnalysisRun{ObjectMeta: named}, nil, specChange{Terminate: true}, false},
	} {
		patch := change{metadataChange{Annotations: tt.annotations, ResourceVersion: "7"}, tt.spec}
		before := tt.obj.DeepCopyObject().(client.Object)
		direct := reflect.New(reflect.TypeOf(tt.obj).Elem())
		direct.Elem().Set(reflect.ValueOf(tt.obj).Elem()) // shares what is inside with tt.obj
		got, want := direct.Interface().(client.Object), before
		if can := patch.PatchGo(got); can != tt.can {
			t.Errorf("%s: can %v", name, can)
		}
		if tt.can {
			want = mergedByJSON(t, tt.obj, patch)
		}
		if !equality.Semantic.DeepEqual(got, want) {
			t.Errorf("%s:\n%+v, want\n%+v", name, got, want)
		}
		if !equality.Semantic.DeepEqual(tt.obj, before) {
			t.Errorf("%s: what others hold has changed to %+v", name, tt.obj)
		}
	}
}

// checkPatchGo compares an object that is patched as a Go object with what the JSON makes
// of it, or with what it was where the patch must say that it cannot.
func checkPatchGo(t *testing.T, name string, obj client.Object, patch interface {
	client.Patch
	PatchGo(client.Object) bool
}, can bool) {
	t.Helper()
	want, direct := mergedByJSON(t, obj, patch), obj.DeepCopyObject().(client.Object)
	if got := patch.PatchGo(direct); got != can {
		t.Errorf("%s: can %v", name, got)
	}
	if !can {
		want = obj
	}
	if !equality.Semantic.DeepEqual(direct, want) {
		t.Errorf("%s:\n%+v, want\n%+v", name, direct, want)
	}
}

// mergedByJSON does what an API server does.
func mergedByJSON(t *testing.T, obj client.Object, patch client.Patch) client.Object {
	t.Helper()
	out := reflect.New(reflect.TypeOf(obj).Elem()).Interface().(client.Object)
	before, err := json.Marshal(obj)
	if err != nil {
		t.Fatal(err)
	}
	data, err := patch.Data(nil)
	if err != nil {
		t.Fatal(err)
	}
	after, err := jsonpatch.MergePatch(before, data)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(after, out); err != nil {
		t.Fatal(err)
	}
	return out
}

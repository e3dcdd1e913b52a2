package store

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// scaleTargets are objects of every kind with a scale, of two wanted and one
// observed replica.
func scaleTargets(f *fixture) map[string]client.Object {
	rs := replicaSet("web", 2)
	f.must(f.Create(ctx, rs))
	rs.Status.Replicas = 1
	f.must(f.Status().Update(ctx, rs))
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"},
		Spec: appsv1.DeploymentSpec{Replicas: ptr[int32](2), Selector: rs.Spec.Selector, Template: rs.Spec.Template}}
	f.must(f.Create(ctx, d))
	d.Status.Replicas = 1
	f.must(f.Status().Update(ctx, d))
	ro := unstructuredOf("argoproj.io/v1alpha1", "Rollout", "web", "spec.replicas", int64(2))
	f.must(f.Create(ctx, ro))
	ro.Object["status"] = map[string]any{"HPAReplicas": int64(1), "replicas": int64(7), "selector": "app=web"}
	f.must(f.Status().Update(ctx, ro))
	return map[string]client.Object{"ReplicaSet": rs, "Deployment": d, "Rollout": ro}
}

func TestScale(t *testing.T) {
	for _, kind := range []string{"ReplicaSet", "Deployment", "Rollout"} {
		t.Run(kind, func(t *testing.T) {
			f := newFixture(t, Options{})
			obj := scaleTargets(f)[kind]
			scale := &autoscalingv1.Scale{}
			f.must(f.SubResource("scale").Get(ctx, obj, scale))
			if scale.Spec.Replicas != 2 || scale.Status.Replicas != 1 || scale.Status.Selector != "app=web" || scale.Name != "web" || scale.UID != obj.GetUID() {
				t.Fatalf("read %+v", scale)
			}
			scale.Spec.Replicas = 5
			stale := scale.DeepCopy()
			f.must(f.SubResource("scale").Update(ctx, obj, client.WithSubResourceBody(scale)))
			if scale.Spec.Replicas != 5 || scale.ResourceVersion == stale.ResourceVersion {
				t.Errorf("answered %+v", scale)
			}
			wantReplicas(f, obj, 5)
			if got := get(f, obj); got.GetGeneration() != 2 {
				t.Errorf("generation %d after scaling", got.GetGeneration())
			}
			stale.Spec.Replicas = 9
			if err := f.SubResource("scale").Update(ctx, obj, client.WithSubResourceBody(stale)); !apierrors.IsConflict(err) {
				t.Errorf("an old scale was written: %v", err)
			}
			f.must(f.SubResource("scale").Update(ctx, obj, client.WithSubResourceBody(&autoscalingv1.Scale{Spec: autoscalingv1.ScaleSpec{Replicas: 6}})))
			wantReplicas(f, obj, 6)
			f.must(f.SubResource("scale").Patch(ctx, obj, client.RawPatch(merge, []byte(`{"spec":{"replicas":7}}`))))
			wantReplicas(f, obj, 7)
			err := f.SubResource("scale").Patch(ctx, obj, client.RawPatch(merge, []byte(`{"spec":{"replicas":-1}}`)))
			wantError(t, err, `Scale.autoscaling "web" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0`)
			wantReplicas(f, obj, 7)
		})
	}
}

func wantReplicas(f *fixture, obj client.Object, want int64) {
	f.t.Helper()
	content, err := contentOf(get(f, obj))
	f.must(err)
	if n, _, _ := unstructured.NestedInt64(content, "spec", "replicas"); n != want {
		f.t.Errorf("%s has %d replicas, want %d", obj.GetName(), n, want)
	}
}

func TestScaleAbsent(t *testing.T) {
	f := newFixture(t, Options{})
	cm := configMap("a", nil)
	f.must(f.Create(ctx, cm))
	if err := f.SubResource("scale").Get(ctx, cm, &autoscalingv1.Scale{}); !apierrors.IsNotFound(err) {
		t.Errorf("a ConfigMap has a scale: %v", err)
	}
	wantError(t, f.SubResource("scale").Get(ctx, replicaSet("none", 1), &autoscalingv1.Scale{}), `replicasets.apps "none" not found`)
	bare := unstructuredOf("argoproj.io/v1alpha1", "Rollout", "bare")
	f.must(f.Create(ctx, bare))
	if err := f.SubResource("scale").Get(ctx, bare, &autoscalingv1.Scale{}); !apierrors.IsInternalError(err) {
		t.Errorf("a Rollout without replicas: %v", err)
	}
}

package manager

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/ptr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// whole is metadata as an API server returns it.
func whole(ownerKind string) metav1.ObjectMeta {
	m := metav1.ObjectMeta{
		Name: "web-1", Namespace: "shop", UID: "u", ResourceVersion: "7", Labels: map[string]string{"app": "web"},
		Annotations:   map[string]string{corev1.LastAppliedConfigAnnotation: "{}", "note": "x"},
		ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "kubectl"}},
	}
	if ownerKind != "" {
		m.OwnerReferences = []metav1.OwnerReference{{Kind: ownerKind, Name: "web", UID: "o", Controller: ptr.To(true)}}
	}
	return m
}

func TestTrimPod(t *testing.T) {
	pod := func(owner string) *corev1.Pod {
		return &corev1.Pod{
			ObjectMeta: whole(owner),
			Spec:       corev1.PodSpec{NodeName: "node-1"},
			Status: corev1.PodStatus{
				PodIP:      "10.0.0.1",
				Conditions: []corev1.PodCondition{{Type: corev1.PodReady}, {Type: corev1.PodInitialized}, {Type: corev1.PodScheduled}},
				ContainerStatuses: []corev1.ContainerStatus{
					{Name: "runs", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}},
					{Name: "waits", ImageID: "x", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff"}}},
				},
			},
		}
	}
	for owner, keeps := range map[string]bool{"ReplicaSet": true, "Job": true, "DaemonSet": false, "": false} {
		p := pod(owner)
		trimPod(p)
		want := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
			Name: "web-1", Namespace: "shop", UID: "u", ResourceVersion: "7", OwnerReferences: p.OwnerReferences,
		}}
		if keeps {
			want.Labels, want.Annotations = map[string]string{"app": "web"}, map[string]string{"note": "x"}
			want.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled}}
			want.Status.ContainerStatuses = []corev1.ContainerStatus{
				{Name: "waits", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff"}}},
			}
		}
		if diff := cmp.Diff(want, p); diff != "" {
			t.Errorf("a pod of %q (-want +got):\n%s", owner, diff)
		}
	}
}

func TestTrimReplicaSet(t *testing.T) {
	for owner, keeps := range map[string]bool{v1alpha1.KindRollout: true, v1alpha1.KindExperiment: true, "": true, "Deployment": false} {
		rs := &appsv1.ReplicaSet{ObjectMeta: whole(owner), Spec: appsv1.ReplicaSetSpec{Replicas: ptr.To(int32(3))}, Status: appsv1.ReplicaSetStatus{Replicas: 3}}
		trimReplicaSet(rs)
		if got := rs.Spec.Replicas != nil && rs.Status.Replicas == 3 && rs.Annotations["note"] == "x"; got != keeps {
			t.Errorf("a ReplicaSet of %q keeps what it is like: %t, want %t", owner, got, keeps)
		}
		if rs.ManagedFields != nil || rs.Annotations[corev1.LastAppliedConfigAnnotation] != "" || rs.ResourceVersion != "7" {
			t.Errorf("a ReplicaSet of %q: %+v", owner, rs.ObjectMeta)
		}
	}
}

func TestTrimPodTemplate(t *testing.T) {
	for owner, keeps := range map[string]bool{"": true, "ProvisioningRequest": false} {
		template := &corev1.PodTemplate{ObjectMeta: whole(owner), Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{NodeName: "n"}}}
		trimPodTemplate(template)
		if got := template.Template.Spec.NodeName == "n" && template.Annotations["note"] == "x"; got != keeps {
			t.Errorf("a PodTemplate of %q keeps what it is like: %t, want %t", owner, got, keeps)
		}
		if template.ManagedFields != nil || template.Annotations[corev1.LastAppliedConfigAnnotation] != "" || template.ResourceVersion != "7" {
			t.Errorf("a PodTemplate of %q: %+v", owner, template.ObjectMeta)
		}
	}
}

// TestUnstructuredStaysWhole: objects of Istio are written back as they were read.
func TestUnstructuredStaysWhole(t *testing.T) {
	u := &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{
		"annotations": map[string]any{corev1.LastAppliedConfigAnnotation: "{}"}, "managedFields": []any{map[string]any{"manager": "kubectl"}},
	}}}
	trimMetadata(u)
	if u.GetAnnotations()[corev1.LastAppliedConfigAnnotation] == "" || u.GetManagedFields() != nil {
		t.Errorf("got %v", u.Object)
	}
}

func TestShare(t *testing.T) {
	for _, c := range []struct {
		id, label string
		want      bool
	}{{"", "", true}, {"", "a", false}, {"a", "a", true}, {"a", "b", false}, {"a", "", false}} {
		set := labels.Set{}
		if c.label != "" {
			set[v1alpha1.LabelKeyControllerInstanceID] = c.label
		}
		if got := share(c.id).Matches(set); got != c.want {
			t.Errorf("a controller with id %q has an object with label %q: %t, want %t", c.id, c.label, got, c.want)
		}
	}
}

// TestOneOfSeveral: a controller keeps its own share of the objects under control, and
// nothing of other namespaces than its own, if it has one.
func TestOneOfSeveral(t *testing.T) {
	options := cacheOptions(Options{InstanceID: "blue", Namespace: "shop"})
	mine, others := labels.Set{v1alpha1.LabelKeyControllerInstanceID: "blue"}, labels.Set{}
	shared := 0
	for obj, by := range options.ByObject {
		switch obj.(type) {
		case *v1alpha1.Rollout, *v1alpha1.AnalysisRun, *v1alpha1.Experiment:
			shared++
			if !by.Label.Matches(mine) || by.Label.Matches(others) {
				t.Errorf("it keeps each %T that %q selects", obj, by.Label)
			}
		}
	}
	if _, only := options.DefaultNamespaces["shop"]; shared != 3 || !only || len(options.DefaultNamespaces) != 1 {
		t.Errorf("%d kinds are shared, namespaces %v", shared, options.DefaultNamespaces)
	}
}

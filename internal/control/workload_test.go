package control

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/rollout"
)

// TestWorkloadThatACacheTrims: of what another controller has made a cache keeps no
// template; it is read from the API server.
func TestWorkloadThatACacheTrims(t *testing.T) {
	scheme := newScheme(t)
	template := corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: "web:1"}}}}
	for _, c := range []struct {
		kind  string
		build func(meta metav1.ObjectMeta, template corev1.PodTemplateSpec) client.Object
	}{
		{"ReplicaSet", func(meta metav1.ObjectMeta, template corev1.PodTemplateSpec) client.Object {
			return &appsv1.ReplicaSet{ObjectMeta: meta, Spec: appsv1.ReplicaSetSpec{Template: template}}
		}},
		{"PodTemplate", func(meta metav1.ObjectMeta, template corev1.PodTemplateSpec) client.Object {
			return &corev1.PodTemplate{ObjectMeta: meta, Template: template}
		}},
	} {
		meta := metav1.ObjectMeta{Namespace: "shop", Name: "web", OwnerReferences: []metav1.OwnerReference{{Kind: "Deployment", Name: "d", UID: "d", Controller: ptr.To(true)}}}
		r := &rolloutReconciler{Deps: Deps{
			Client: fake.NewClientBuilder().WithScheme(scheme).WithObjects(c.build(meta, corev1.PodTemplateSpec{})).Build(),
			Live:   fake.NewClientBuilder().WithScheme(scheme).WithObjects(c.build(meta, template)).Build(),
		}}
		ro := &v1alpha1.Rollout{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "ro"}}
		ro.Spec.WorkloadRef = &v1alpha1.ObjectRef{Kind: c.kind, Name: "web"}
		s := &sight{facts: factsOf(ro), Observed: rollout.Observed{Rollout: ro}}
		var read []client.Object
		if err := r.readWorkload(t.Context(), s, &read); err != nil {
			t.Fatal(err)
		}
		if containers := s.Template.Spec.Containers; len(containers) != 1 || containers[0].Image != "web:1" {
			t.Errorf("%s: the template has %v", c.kind, containers)
		}
	}
}

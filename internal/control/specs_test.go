package control

import (
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/traffic/istio"
)

// A Rollout is woken by the objects that its spec named when it was last looked at, in its
// own namespace or wherever they are.
func TestUsers(t *testing.T) {
	r := &rolloutReconciler{specs: newRolloutSpecs()}
	look := func(namespace, name string, generation int64, spec v1alpha1.RolloutSpec) {
		ro := &v1alpha1.Rollout{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID(name), Generation: generation}, Spec: spec}
		r.specs.of(client.ObjectKeyFromObject(ro), ro)
	}
	canary := func(c v1alpha1.CanaryStrategy) v1alpha1.RolloutSpec {
		return v1alpha1.RolloutSpec{Strategy: v1alpha1.RolloutStrategy{Canary: &c}}
	}
	routed := &v1alpha1.RolloutTrafficRouting{Istio: &v1alpha1.IstioTrafficRouting{VirtualService: &v1alpha1.IstioVirtualService{Name: "routes.mesh"}}}
	background := &v1alpha1.RolloutAnalysisBackground{RolloutAnalysis: v1alpha1.RolloutAnalysis{Templates: []v1alpha1.AnalysisTemplateRef{{TemplateName: "t"}}}}
	look("n", "web", 1, canary(v1alpha1.CanaryStrategy{CanaryService: "canary", TrafficRouting: routed}))
	look("n", "shop", 1, canary(v1alpha1.CanaryStrategy{CanaryService: "canary", Analysis: background}))
	look("m", "shop", 1, canary(v1alpha1.CanaryStrategy{CanaryService: "canary", Analysis: background, TrafficRouting: routed}))
	look("n", "old", 1, v1alpha1.RolloutSpec{WorkloadRef: &v1alpha1.ObjectRef{Kind: "Deployment", Name: "old"}})
	look("n", "rs", 1, v1alpha1.RolloutSpec{WorkloadRef: &v1alpha1.ObjectRef{Kind: "ReplicaSet", Name: "old"}})
	look("n", "template", 1, v1alpha1.RolloutSpec{WorkloadRef: &v1alpha1.ObjectRef{Kind: "PodTemplate", Name: "old"}})
	look("n", "gone", 1, canary(v1alpha1.CanaryStrategy{CanaryService: "canary"}))
	r.specs.forget(types.NamespacedName{Namespace: "n", Name: "gone"})
	meta := func(namespace, name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: namespace, Name: name}
	}
	route := istioKind(istio.KindVirtualService)
	route.SetNamespace("mesh")
	route.SetName("routes")
	check := func(what string, got []types.NamespacedName, want ...string) {
		t.Helper()
		var names []string
		for _, key := range got {
			names = append(names, key.String())
		}
		if !slices.Equal(names, want) {
			t.Errorf("%s wakes %q, want %q", what, names, want)
		}
	}
	ctx := t.Context()
	check("a Service", r.usersOfService(ctx, &corev1.Service{ObjectMeta: meta("n", "canary")}), "n/shop", "n/web")
	check("another Service", r.usersOfService(ctx, &corev1.Service{ObjectMeta: meta("n", "other")}))
	check("a Deployment", r.usersOf("Deployment")(ctx, &appsv1.Deployment{ObjectMeta: meta("n", "old")}), "n/old")
	check("a PodTemplate", r.usersOf("PodTemplate")(ctx, &corev1.PodTemplate{ObjectMeta: meta("n", "old")}), "n/template")
	check("a PodTemplate elsewhere", r.usersOf("PodTemplate")(ctx, &corev1.PodTemplate{ObjectMeta: meta("m", "old")}))
	rs := &appsv1.ReplicaSet{ObjectMeta: meta("n", "old")}
	check("a ReplicaSet of nobody", r.rolloutsOfReplicaSet(ctx, rs), "n/rs")
	rs.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "Deployment", Name: "d", Controller: ptr.To(true)}}
	check("a ReplicaSet of a Deployment", r.rolloutsOfReplicaSet(ctx, rs), "n/rs")
	rs.OwnerReferences[0].APIVersion, rs.OwnerReferences[0].Kind = v1alpha1.SchemeGroupVersion.String(), v1alpha1.KindRollout
	check("a ReplicaSet of a Rollout", r.rolloutsOfReplicaSet(ctx, rs), "n/d")
	check("a route", r.usersOfRoute(ctx, route), "m/shop", "n/web")
	check("a template", r.usersOfTemplate(ctx, &v1alpha1.AnalysisTemplate{ObjectMeta: meta("n", "t")}), "n/shop")
	check("a cluster's template", r.usersOfTemplate(ctx, &v1alpha1.ClusterAnalysisTemplate{ObjectMeta: meta("", "t")}), "m/shop", "n/shop")
	look("n", "web", 2, canary(v1alpha1.CanaryStrategy{CanaryService: "other"}))
	check("a Service that is named no more", r.usersOfService(ctx, &corev1.Service{ObjectMeta: meta("n", "canary")}), "n/shop")
}

package control

import (
	"context"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/traffic/istio"
	"github.com/aviary-rollouts/aviary/internal/validate"
)

// Controllers returns the one table of controllers and of who wakes whom.
func Controllers(d Deps) []Controller {
	if d.Live == nil {
		d.Live = d.Client
	}
	rollouts := &rolloutReconciler{Deps: d, fresh: newFreshness(), echoes: newEchoes(), specs: newRolloutSpecs(), patience: newPatience(d.Patience, d.Crowd)}
	runs := newAnalysisRunReconciler(d)
	experiments := &experimentReconciler{Deps: d, fresh: newFreshness(), echoes: newEchoes(), specs: newExperimentSpecs()}
	return append([]Controller{{
		Name:      "rollout",
		For:       &v1alpha1.Rollout{},
		Reconcile: rollouts.Reconcile,
		Echo:      rollouts.echoes.isEcho,
		Watches: []Watch{
			{Kind: &appsv1.ReplicaSet{}, Keys: rollouts.rolloutsOfReplicaSet},
			{Kind: &corev1.Pod{}, Keys: rollouts.ownersOfPod},
			{Kind: &corev1.Service{}, Keys: rollouts.usersOfService},
			{Kind: &appsv1.Deployment{}, Keys: rollouts.usersOf("Deployment")},
			{Kind: &corev1.PodTemplate{}, Keys: rollouts.usersOf("PodTemplate")},
			{Kind: &v1alpha1.AnalysisRun{}, Keys: rollouts.rolloutOwning, Same: sameVerdict},
			{Kind: &v1alpha1.Experiment{}, Keys: rollouts.rolloutOwning},
			{Kind: &v1alpha1.AnalysisTemplate{}, Keys: rollouts.usersOfTemplate},
			{Kind: &v1alpha1.ClusterAnalysisTemplate{}, Keys: rollouts.usersOfTemplate},
			{Kind: istioKind(istio.KindVirtualService), Keys: rollouts.usersOfRoute},
			{Kind: istioKind(istio.KindDestinationRule), Keys: rollouts.usersOfRoute},
		},
	}, {
		Name:      "analysisrun",
		For:       &v1alpha1.AnalysisRun{},
		Reconcile: runs.Reconcile,
		Echo:      runs.echoes.isEcho,
		Watches: []Watch{
			{Kind: &batchv1.Job{}, Keys: runs.runOfJob, Same: sameOutcome},
			{Kind: &corev1.Pod{}, Keys: runs.runOfPod},
		},
	}, {
		Name:      "experiment",
		For:       &v1alpha1.Experiment{},
		Reconcile: experiments.Reconcile,
		Echo:      experiments.echoes.isEcho,
		Watches: []Watch{
			{Kind: &appsv1.ReplicaSet{}, Keys: experiments.experimentOwning},
			{Kind: &corev1.Service{}, Keys: experiments.experimentsNaming},
			{Kind: &v1alpha1.AnalysisRun{}, Keys: experiments.experimentOwning, Same: sameVerdict},
			{Kind: &v1alpha1.Rollout{}, Keys: experiments.experimentsOf, Same: sameExtraShares},
		},
	}}, lettingGo(d, rollouts.specs)...)
}

// lettingGo are the controllers of what Rollouts have changed and name no more.
func lettingGo(d Deps, specs *rolloutSpecs) []Controller {
	services := &serviceReconciler{Deps: d, specs: specs}
	list := []Controller{{
		Name:      "service",
		For:       &corev1.Service{},
		Reconcile: services.Reconcile,
		Echo:      services.isEcho,
		Watches: []Watch{
			{Kind: &v1alpha1.Rollout{}, Keys: services.servicesOf, Same: sameSpec},
		},
	}}
	for _, kind := range []string{istio.KindDestinationRule, istio.KindVirtualService} {
		routes := &routeReconciler{Deps: d, specs: specs, kind: kind}
		list = append(list, Controller{
			Name:      strings.ToLower(kind),
			For:       istioKind(kind),
			Reconcile: routes.Reconcile,
			Echo:      routes.isEcho,
			Watches: []Watch{
				{Kind: &v1alpha1.Rollout{}, Keys: routes.routesOf, Same: sameSpec},
			},
		})
	}
	return list
}

func (r *rolloutReconciler) rolloutOwning(_ context.Context, obj client.Object) []types.NamespacedName {
	owner := metav1.GetControllerOfNoCopy(obj)
	if owner == nil || owner.Kind != "Rollout" || owner.APIVersion != v1alpha1.SchemeGroupVersion.String() {
		return nil
	}
	return []types.NamespacedName{{Namespace: obj.GetNamespace(), Name: owner.Name}}
}

// ownersOfPod wakes only for what a ReplicaSet's status does not tell: a pod
// that cannot be scheduled. Caches need to hold no others than those that wait.
func (r *rolloutReconciler) ownersOfPod(ctx context.Context, obj client.Object) []types.NamespacedName {
	pod, ok := obj.(*corev1.Pod)
	owner := metav1.GetControllerOfNoCopy(obj)
	if !ok || owner == nil || owner.Kind != "ReplicaSet" || !waitsForNode(pod) {
		return nil
	}
	rs := &appsv1.ReplicaSet{}
	if err := r.Client.Get(ctx, types.NamespacedName{Namespace: pod.Namespace, Name: owner.Name}, rs, shared); err != nil {
		return nil // the ReplicaSet is gone, and its Rollout was woken by that
	}
	return r.rolloutOwning(ctx, rs)
}

func waitsForNode(pod *corev1.Pod) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled {
			return c.Status == corev1.ConditionFalse
		}
	}
	return false
}

func (r *rolloutReconciler) usersOfService(_ context.Context, obj client.Object) []types.NamespacedName {
	return r.specs.those(obj.GetNamespace(), func(f *specFacts) bool {
		return slices.ContainsFunc(f.services, func(s validate.ServiceRef) bool { return s.Name == obj.GetName() })
	})
}

// usersOf finds the Rollouts that take their template from an object of a kind.
func (r *rolloutReconciler) usersOf(kind string) func(context.Context, client.Object) []types.NamespacedName {
	return func(_ context.Context, obj client.Object) []types.NamespacedName {
		workload := workloadName{kind, obj.GetName()}
		return r.specs.those(obj.GetNamespace(), func(f *specFacts) bool { return f.refers == workload })
	}
}

// rolloutsOfReplicaSet finds the Rollout that controls a ReplicaSet or else those that
// take their template from it. What a Rollout controls, which changes most, is looked up
// for nobody else.
func (r *rolloutReconciler) rolloutsOfReplicaSet(ctx context.Context, obj client.Object) []types.NamespacedName {
	if keys := r.rolloutOwning(ctx, obj); len(keys) > 0 {
		return keys
	}
	return r.usersOf("ReplicaSet")(ctx, obj)
}

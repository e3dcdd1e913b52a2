package control

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/traffic/istio"
)

func routedByIstio(ro *v1alpha1.Rollout) bool {
	c := ro.Spec.Strategy.Canary
	return c != nil && c.TrafficRouting != nil && c.TrafficRouting.Istio != nil
}

// readStablePorts looks up at which ports the stable revision has its requests,
// which is asked where an Experiment is to get a share of them.
func (r *rolloutReconciler) readStablePorts(ctx context.Context, ro *v1alpha1.Rollout, found istio.Objects) ([]corev1.ServicePort, error) {
	asked := slices.ContainsFunc(ro.Spec.Strategy.Canary.Steps, func(s v1alpha1.CanaryStep) bool {
		return s.Experiment != nil && slices.ContainsFunc(s.Experiment.Templates, func(t v1alpha1.RolloutExperimentTemplate) bool { return t.Weight != nil })
	})
	if !asked {
		return nil, nil
	}
	backend, ok := istio.StableBackend(ro, found)
	if !ok {
		return nil, nil
	}
	svc := &corev1.Service{}
	if err := r.Client.Get(ctx, backend.NamespacedName, svc, shared); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, nil // requests for it are lost as it is
		}
		return nil, fmt.Errorf("reading Service %s: %w", backend, err)
	}
	ports := svc.Spec.Ports
	if i := slices.IndexFunc(ports, func(p corev1.ServicePort) bool { return p.Port == backend.Port }); i >= 0 {
		ports = ports[i : i+1]
	}
	return ports, nil
}

// istioKind is a prototype of a kind of Istio, in the version that is watched.
func istioKind(kind string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(schema.GroupVersionKind{Group: istio.Group, Version: "v1", Kind: kind})
	return u
}

// usersOfRoute finds the Rollouts, of any namespace, that name a VirtualService
// or a DestinationRule.
func (r *rolloutReconciler) usersOfRoute(_ context.Context, obj client.Object) []types.NamespacedName {
	kind, key := obj.GetObjectKind().GroupVersionKind().Kind, client.ObjectKeyFromObject(obj)
	return r.specs.those("", func(f *specFacts) bool {
		return slices.ContainsFunc(f.routes, func(ref istio.Reference) bool { return ref.Kind == kind && ref.Names(key) })
	})
}

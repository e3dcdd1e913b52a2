package control

import (
	"context"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/rollout"
	"github.com/aviary-rollouts/aviary/internal/traffic/istio"
)

// readRouting asks the router what is true now, and what is wrong with the
// objects that the Rollout names. It does nothing without traffic routing.
func (r *rolloutReconciler) readRouting(ctx context.Context, o *rollout.Observed, read *[]client.Object) (field.ErrorList, error) {
	c := o.Rollout.Spec.Strategy.Canary
	if c == nil || c.TrafficRouting == nil || c.TrafficRouting.Istio == nil {
		return nil, nil
	}
	found, err := istio.Router{Client: r.Client}.Read(ctx, o.Rollout)
	if err != nil {
		return nil, err
	}
	seen := istio.Observe(o.Rollout, found)
	o.Routing = &seen
	*read = append(*read, found.All()...)
	if seen.Problem == "" {
		return nil, nil
	}
	return istio.Validate(o.Rollout, found), nil
}

// istioKind is a prototype of a kind of Istio, in the version that is watched.
func istioKind(kind string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(schema.GroupVersionKind{Group: istio.Group, Version: "v1", Kind: kind})
	return u
}

// usersOfRoute finds the Rollouts, of any namespace, that name a VirtualService
// or a DestinationRule.
func (r *rolloutReconciler) usersOfRoute(ctx context.Context, obj client.Object) []types.NamespacedName {
	kind, key := obj.GetObjectKind().GroupVersionKind().Kind, client.ObjectKeyFromObject(obj)
	return r.rolloutsThat(ctx, "", func(ro *v1alpha1.Rollout) bool {
		for _, ref := range istio.References(ro) {
			if ref.Kind == kind && ref.Names(key) {
				return true
			}
		}
		return false
	})
}

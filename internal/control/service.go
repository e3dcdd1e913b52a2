package control

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/apply"
	"github.com/aviary-rollouts/aviary/internal/validate"
)

// serviceReconciler lets go of Services that were pointed at one version of a Rollout
// which is gone, or whose strategy no longer names them. They would go on selecting pods
// that the next update, or the Deployment that comes instead, takes away.
type serviceReconciler struct {
	Deps
	specs *rolloutSpecs
}

// Reconcile looks at one Service.
func (r *serviceReconciler) Reconcile(ctx context.Context, key types.NamespacedName) (time.Time, error) {
	svc := &corev1.Service{}
	if err := r.Client.Get(ctx, key, svc, shared); err != nil {
		return time.Time{}, client.IgnoreNotFound(err)
	}
	owner := types.NamespacedName{Namespace: key.Namespace, Name: changedBy(svc)}
	if owner.Name == "" {
		return time.Time{}, nil
	}
	if _, named, err := r.named(ctx, r.Client, owner, svc.Name); err != nil || named {
		return time.Time{}, err
	}
	// A cache can be behind, and has none of those whom another controller has.
	ro, named, err := r.named(ctx, r.Live, owner, svc.Name)
	if err != nil || named || ro != nil && !r.has(ro) { // who has the Rollout lets go
		return time.Time{}, err
	}
	if err := (apply.Executor{Client: r.Client}).LetGo(ctx, svc); apierrors.IsNotFound(err) {
		return time.Time{}, nil // it is gone, too, as when a namespace is deleted
	} else if err != nil {
		return time.Time{}, fmt.Errorf("service %s: letting go of it: %w", key, err)
	}
	if hash := svc.Spec.Selector[v1alpha1.DefaultRolloutUniqueLabelKey]; ro != nil && hash != "" {
		r.Events.Event(ro, corev1.EventTypeNormal, "SwitchService", fmt.Sprintf("Switched selector for service '%s' from '%s' to ''", svc.Name, hash))
	}
	return time.Time{}, nil
}

// named says whether a Rollout points a Service at its versions. It is nil if there is no
// such Rollout.
func (r *serviceReconciler) named(ctx context.Context, from client.Reader, owner types.NamespacedName, service string) (*v1alpha1.Rollout, bool, error) {
	ro := &v1alpha1.Rollout{}
	if err := from.Get(ctx, owner, ro, shared); apierrors.IsNotFound(err) {
		return nil, false, nil
	} else if err != nil {
		return nil, false, fmt.Errorf("service %s: reading Rollout %s: %w", service, owner, err)
	}
	return ro, names(validate.Services(ro), service), nil
}

// isEcho is true for what concerns a Service that its Rollout still names.
func (r *serviceReconciler) isEcho(key types.NamespacedName, obj client.Object) bool {
	switch obj := obj.(type) {
	case *v1alpha1.Rollout:
		return names(validate.Services(obj), key.Name)
	case *corev1.Service:
		owner := types.NamespacedName{Namespace: key.Namespace, Name: changedBy(obj)}
		facts, known := r.specs.last(owner)
		return owner.Name == "" || known && names(facts.services, key.Name)
	}
	return false
}

// servicesOf are the Services that a Rollout points at its versions, or has.
func (r *serviceReconciler) servicesOf(ctx context.Context, ro client.Object) (keys []types.NamespacedName) {
	list := &corev1.ServiceList{}
	if err := r.Client.List(ctx, list, client.InNamespace(ro.GetNamespace()), shared); err != nil {
		return nil // the cache has none, or is closed
	}
	for i := range list.Items {
		if svc := &list.Items[i]; changedBy(svc) == ro.GetName() {
			keys = append(keys, client.ObjectKeyFromObject(svc))
		}
	}
	return keys
}

// changedBy is the name of the Rollout that has pointed a Service, or the subsets of a
// DestinationRule, at its versions; empty if none has.
func changedBy(obj client.Object) string { return obj.GetAnnotations()[v1alpha1.ManagedByRolloutsKey] }

func names(services []validate.ServiceRef, name string) bool {
	return slices.ContainsFunc(services, func(s validate.ServiceRef) bool { return s.Managed && s.Name == name })
}

// sameSpec is true for changes of all but the spec of an object.
func sameSpec(was, is client.Object) bool {
	return was.GetUID() == is.GetUID() && was.GetGeneration() == is.GetGeneration()
}

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
	"github.com/aviary-rollouts/aviary/internal/traffic"
	"github.com/aviary-rollouts/aviary/internal/traffic/istio"
)

// destinationRuleReconciler lets go of DestinationRules that no Rollout names any more, as
// [serviceReconciler] does of Services: their subsets would go on selecting pods that are
// about to go, and all requests to them would be lost. VirtualServices stay as they are:
// what they lead to selects the pods of all versions then, so that their weights harm
// nobody.
type destinationRuleReconciler struct {
	Deps
	specs *rolloutSpecs
}

// Reconcile looks at one DestinationRule. The Rollout that has changed it may be in any
// namespace, and there may be several.
func (r *destinationRuleReconciler) Reconcile(ctx context.Context, key types.NamespacedName) (time.Time, error) {
	found, err := istio.Router{Client: r.Client}.Read(ctx, []istio.Reference{{Kind: istio.KindDestinationRule, Keys: []types.NamespacedName{key}}})
	if err != nil {
		return time.Time{}, err
	}
	dr := found.DestinationRule
	if dr == nil || changedBy(dr) == "" {
		return time.Time{}, nil
	}
	owner, named, err := r.named(ctx, r.Client, key, changedBy(dr))
	if err == nil && !named {
		// A cache can be behind, and has none of those whom another controller has.
		owner, named, err = r.named(ctx, r.Live, key, changedBy(dr))
	}
	if err != nil || named {
		return time.Time{}, err
	}
	if err := (istio.Router{Client: r.Client}).LetGo(ctx, dr); err != nil {
		return time.Time{}, fmt.Errorf("DestinationRule %s: letting go of it: %w", key, err)
	}
	if owner != nil {
		r.Events.Event(owner, corev1.EventTypeNormal, traffic.ReasonUpdatedDestinationRule, fmt.Sprintf("DestinationRule `%s` subsets select the pods of all revisions: no Rollout names it any more", key.Name))
	}
	return time.Time{}, nil
}

// named says whether any Rollout names a DestinationRule. If none does, it returns the one
// that has changed it, nil if there is no such Rollout.
func (r *destinationRuleReconciler) named(ctx context.Context, from client.Reader, key types.NamespacedName, changedBy string) (owner *v1alpha1.Rollout, named bool, err error) {
	ro := &v1alpha1.Rollout{}
	switch err := from.Get(ctx, types.NamespacedName{Namespace: key.Namespace, Name: changedBy}, ro, shared); {
	case err == nil && refersTo(istio.References(ro), key):
		return nil, true, nil // as almost always, without a look at all others
	case err == nil:
		owner = ro
	case !apierrors.IsNotFound(err):
		return nil, false, fmt.Errorf("DestinationRule %s: reading Rollout %s: %w", key, changedBy, err)
	}
	list := &v1alpha1.RolloutList{}
	err = from.List(ctx, list, shared)
	if apierrors.IsForbidden(err) { // to a controller of one namespace
		err = from.List(ctx, list, client.InNamespace(key.Namespace), shared)
	}
	if err != nil {
		return nil, false, fmt.Errorf("DestinationRule %s: listing Rollouts: %w", key, err)
	}
	return owner, slices.ContainsFunc(list.Items, func(ro v1alpha1.Rollout) bool { return refersTo(istio.References(&ro), key) }), nil
}

// isEcho is true for what concerns a DestinationRule that nobody has changed, or that a
// Rollout still names.
func (r *destinationRuleReconciler) isEcho(key types.NamespacedName, obj client.Object) bool {
	if ro, ok := obj.(*v1alpha1.Rollout); ok {
		return refersTo(istio.References(ro), key)
	}
	return changedBy(obj) == "" || len(r.specs.those("", func(f *specFacts) bool { return refersTo(f.routes, key) })) > 0
}

// destinationRulesOf are those that a Rollout may name.
func destinationRulesOf(_ context.Context, ro client.Object) (keys []types.NamespacedName) {
	for _, ref := range istio.References(ro.(*v1alpha1.Rollout)) {
		if ref.Kind == istio.KindDestinationRule {
			keys = append(keys, ref.Keys...)
		}
	}
	return keys
}

func refersTo(routes []istio.Reference, key types.NamespacedName) bool {
	return slices.ContainsFunc(routes, func(ref istio.Reference) bool { return ref.Kind == istio.KindDestinationRule && ref.Names(key) })
}

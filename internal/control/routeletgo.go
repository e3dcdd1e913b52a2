package control

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/traffic"
	"github.com/aviary-rollouts/aviary/internal/traffic/istio"
)

// routeReconciler lets go of VirtualServices or of DestinationRules that no Rollout names
// any more, as [serviceReconciler] does of Services: subsets would go on selecting pods
// that are about to go, and routes would lead to Experiments that have ended, or take
// requests away by a header for good. The weights of a VirtualService stay otherwise as
// they are: what they lead to selects the pods of all versions, so that they harm nobody.
// Where another Rollout still names it, the managed routes of those that do not go.
type routeReconciler struct {
	Deps
	specs *rolloutSpecs
	kind  string // istio.KindVirtualService or istio.KindDestinationRule
}

// Reconcile looks at one object. The Rollout that has changed it may be in any namespace,
// and there may be several.
func (r *routeReconciler) Reconcile(ctx context.Context, key types.NamespacedName) (time.Time, error) {
	found, err := istio.Router{Client: r.Client}.Read(ctx, []istio.Reference{{Kind: r.kind, Keys: []types.NamespacedName{key}}})
	if err != nil {
		return time.Time{}, err
	}
	seen := found.DestinationRule
	if r.kind == istio.KindVirtualService {
		seen = found.VirtualServices[0]
	}
	if seen == nil || changedBy(seen) == "" {
		return time.Time{}, nil
	}
	owner, named, err := r.named(ctx, r.Client, key, changedBy(seen))
	if err == nil && !named {
		// A cache can be behind, and has none of those whom another controller has.
		owner, named, err = r.named(ctx, r.Live, key, changedBy(seen))
	}
	if err != nil {
		return time.Time{}, err
	}
	if named {
		return time.Time{}, r.letGoOfSome(ctx, key, seen)
	}
	if owner != nil && !r.has(owner) {
		return time.Time{}, nil // who has the Rollout lets go
	}
	changed, err := istio.Router{Client: r.Client}.LetGo(ctx, seen, r.ofExperiments(ctx, key.Namespace, changedBy(seen)))
	if apierrors.IsNotFound(err) {
		return time.Time{}, nil // it is gone, too
	} else if err != nil {
		return time.Time{}, fmt.Errorf("%s %s: letting go of it: %w", r.kind, key, err)
	}
	if owner != nil && changed {
		reason, message := traffic.ReasonUpdatedDestinationRule, "DestinationRule `%s` subsets select the pods of all revisions: no Rollout names it any more"
		if r.kind == istio.KindVirtualService {
			reason, message = traffic.ReasonUpdatedVirtualService, "VirtualService `%s` has no managed routes and sends nothing to Experiments: no Rollout names it any more"
		}
		r.Events.Event(owner, corev1.EventTypeNormal, reason, fmt.Sprintf(message, key.Name))
	}
	return time.Time{}, nil
}

// letGoOfSome takes the managed routes of Rollouts that name a VirtualService no more out
// of one that another Rollout names.
func (r *routeReconciler) letGoOfSome(ctx context.Context, key types.NamespacedName, seen *unstructured.Unstructured) error {
	var gone []types.NamespacedName
	for _, owner := range istio.RouteOwners(seen) {
		stays, err := r.stays(ctx, owner, key)
		if err != nil {
			return fmt.Errorf("%s %s: reading Rollout %s: %w", r.kind, key, owner, err)
		}
		if !stays {
			gone = append(gone, owner)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	err := istio.Router{Client: r.Client}.LetGoRoutes(ctx, seen, gone)
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("%s %s: letting go of the routes of %v: %w", r.kind, key, gone, err)
	}
	return nil
}

// stays says whether what one Rollout has put into an object is still its, or at least
// not ours to take out: its own controller lets go, where another has it. Only the API
// server can say that it does not name the object, and a controller of one namespace may
// not ask it about another one.
func (r *routeReconciler) stays(ctx context.Context, rollout, key types.NamespacedName) (bool, error) {
	ro := &v1alpha1.Rollout{}
	if err := r.Client.Get(ctx, rollout, ro, shared); err == nil && r.isIn(istio.References(ro), key) {
		return true, nil
	}
	ro = &v1alpha1.Rollout{} // that of the cache is shared
	switch err := r.Live.Get(ctx, rollout, ro); {
	case apierrors.IsNotFound(err):
		return false, nil
	case apierrors.IsForbidden(err):
		return true, nil
	case err != nil:
		return false, err
	}
	return !r.has(ro) || r.isIn(istio.References(ro), key), nil
}

// ofExperiments recognises the Services of Experiments in an object of a namespace: by who
// controls them, or, where they are gone, by the name that those of a Rollout have.
func (r *routeReconciler) ofExperiments(ctx context.Context, namespace, rollout string) func(host string) bool {
	form := regexp.MustCompile("^" + regexp.QuoteMeta(rollout) + `-[a-z0-9]+-\d+-\d+-`)
	return func(host string) bool {
		svc, key := &corev1.Service{}, istio.ServiceOf(host, namespace)
		if err := r.Client.Get(ctx, key, svc, shared); err != nil {
			return form.MatchString(key.Name)
		}
		return experimentOf(svc) != ""
	}
}

// named says whether any Rollout names an object. If none does, it returns the one
// that has changed it, nil if there is no such Rollout.
func (r *routeReconciler) named(ctx context.Context, from client.Reader, key types.NamespacedName, changedBy string) (owner *v1alpha1.Rollout, named bool, err error) {
	ro := &v1alpha1.Rollout{}
	switch err := from.Get(ctx, types.NamespacedName{Namespace: key.Namespace, Name: changedBy}, ro, shared); {
	case err == nil && r.isIn(istio.References(ro), key):
		return nil, true, nil // as almost always, without a look at all others
	case err == nil:
		owner = ro
	case !apierrors.IsNotFound(err):
		return nil, false, fmt.Errorf("%s %s: reading Rollout %s: %w", r.kind, key, changedBy, err)
	}
	list := &v1alpha1.RolloutList{}
	err = from.List(ctx, list, shared)
	if apierrors.IsForbidden(err) { // to a controller of one namespace
		err = from.List(ctx, list, client.InNamespace(key.Namespace), shared)
	}
	if err != nil {
		return nil, false, fmt.Errorf("%s %s: listing Rollouts: %w", r.kind, key, err)
	}
	return owner, slices.ContainsFunc(list.Items, func(ro v1alpha1.Rollout) bool { return r.isIn(istio.References(&ro), key) }), nil
}

// isEcho is true for what concerns an object that nobody has changed, or that a Rollout
// still names, as do all whose routes it has.
func (r *routeReconciler) isEcho(key types.NamespacedName, obj client.Object) bool {
	if ro, ok := obj.(*v1alpha1.Rollout); ok {
		return r.isIn(istio.References(ro), key)
	}
	if changedBy(obj) == "" {
		return true
	}
	naming := r.specs.those("", func(f *specFacts) bool { return r.isIn(f.routes, key) })
	stranger := func(owner types.NamespacedName) bool { return !slices.Contains(naming, owner) }
	return len(naming) > 0 && !slices.ContainsFunc(istio.RouteOwners(obj), stranger)
}

// routesOf are the objects that a Rollout may name.
func (r *routeReconciler) routesOf(_ context.Context, ro client.Object) (keys []types.NamespacedName) {
	for _, ref := range istio.References(ro.(*v1alpha1.Rollout)) {
		if ref.Kind == r.kind {
			keys = append(keys, ref.Keys...)
		}
	}
	return keys
}

func (r *routeReconciler) isIn(routes []istio.Reference, key types.NamespacedName) bool {
	return slices.ContainsFunc(routes, func(ref istio.Reference) bool { return ref.Kind == r.kind && ref.Names(key) })
}

package manager

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/control"
)

const (
	// soonest is the shortest time that a queue can wait.
	soonest = time.Millisecond
	// afterConflict is what control.FirstRetry is, after a conflict: the cache needs a
	// moment to have what somebody else has written.
	afterConflict = 50 * time.Millisecond
)

// mount gives each controller a queue and connects what wakes it.
func (r *runner) mount(ctx context.Context, controllers []control.Controller, kinds *optionalKinds) error {
	for _, c := range controllers {
		mounted, err := controller.New(c.Name, r, controller.Options{
			MaxConcurrentReconciles: r.options.Workers[c.Name],
			Reconciler:              r.reconciler(c),
			RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](control.FirstRetry, control.LastRetry),
		})
		if err != nil {
			return fmt.Errorf("set up the controller of %T: %w", c.For, err)
		}
		if err := r.watch(ctx, mounted, c.For, waker{controller: c, keys: itself}, kinds); err != nil {
			return err
		}
		for _, w := range c.Watches {
			if err := r.watch(ctx, mounted, w.Kind, waker{controller: c, keys: w.Keys, same: w.Same}, kinds); err != nil {
				return err
			}
		}
	}
	return nil
}

// analysisAlone picks the controllers of AnalysisRuns.
func analysisAlone(all []control.Controller) []control.Controller {
	return slices.DeleteFunc(slices.Clone(all), func(c control.Controller) bool {
		_, analysis := c.For.(*v1alpha1.AnalysisRun)
		return !analysis
	})
}

// watch connects one kind to a queue: at once if the cluster must have it, else
// as soon as it has.
func (r *runner) watch(ctx context.Context, c controller.Controller, kind client.Object, h handler.EventHandler, kinds *optionalKinds) error {
	gvk, err := apiutil.GVKForObject(kind, r.GetScheme())
	if err != nil {
		return fmt.Errorf("watch %T: %w", kind, err)
	}
	if _, ok := kind.(*unstructured.Unstructured); ok {
		return kinds.watch(ctx, c, gvk.GroupKind(), h)
	}
	mapping, err := r.GetRESTMapper().RESTMapping(gvk.GroupKind(), gvk.Version)
	if meta.IsNoMatchError(err) {
		return noSuchKind(gvk.GroupKind())
	}
	if err != nil {
		return fmt.Errorf("look up %s: %w", gvk.Kind, err)
	}
	if r.options.Namespace != "" && mapping.Scope.Name() == meta.RESTScopeNameRoot {
		return nil // it belongs to no namespace, and we may look at one only
	}
	if err := c.Watch(source.Kind(r.GetCache(), kind, h)); err != nil {
		return fmt.Errorf("watch %s: %w", gvk.Kind, err)
	}
	return nil
}

// noSuchKind says how to get a kind that the cluster must have.
func noSuchKind(kind schema.GroupKind) error {
	return fmt.Errorf("the cluster has no kind %s of %s: install the definitions first, with `kubectl apply --server-side -k config/crd`", kind.Kind, kind.Group)
}

// reconciler turns a time to wake up into a delay. The queue holds each object
// once, with the nearest time at which it is due, and what is taken out takes
// all earlier answers with it: only the last one counts.
//
// What passes is no failure. It is not told as an error; the object is looked at again
// once the cache should have the change, and less and less often if it stays so.
func (r *runner) reconciler(c control.Controller) reconcile.Reconciler {
	conflicts := workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](afterConflict, control.LastRetry)
	return reconcile.Func(func(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
		start := r.clock.Now()
		wake, err := c.Reconcile(ctx, req.NamespacedName)
		end := r.clock.Now()
		if passes(err, c.Name, req.Name) {
			r.meters.Reconciled(ctx, c.Name, req.NamespacedName, end.Sub(start), nil)
			r.options.Log.V(1).Info("Nothing could be written for now", "controller", c.Name, "object", req, "err", err)
			return reconcile.Result{RequeueAfter: conflicts.When(req)}, nil
		}
		conflicts.Forget(req)
		r.meters.Reconciled(ctx, c.Name, req.NamespacedName, end.Sub(start), err)
		if wake.IsZero() {
			return reconcile.Result{}, err
		}
		if err != nil { // a queue looks at no time that comes with an error
			r.options.Log.Error(err, "Reconciler error", "controller", c.Name, "object", req)
		}
		return reconcile.Result{RequeueAfter: max(wake.Sub(end), soonest)}, nil
	})
}

// passes is true for errors that are nobody's fault and end by themselves: somebody else
// has written what we were about to write, most often the ReplicaSet controller its
// status; the namespace is about to go, and the object with it; or the object of this
// controller and this name is gone, which the cache is about to learn.
func passes(err error, controller, name string) bool {
	return apierrors.IsConflict(err) || apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) || gone(err, controller, name)
}

func gone(err error, controller, name string) bool {
	status := apierrors.APIStatus(nil)
	if !apierrors.IsNotFound(err) || !errors.As(err, &status) {
		return false
	}
	missing := status.Status().Details
	return missing != nil && missing.Group == v1alpha1.GroupName && missing.Kind == controller+"s" && missing.Name == name
}

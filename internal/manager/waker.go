package manager

import (
	"context"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/aviary-rollouts/aviary/internal/control"
)

// aMoment is how long a look waits for more of the same where only numbers of pods have
// changed: those of one step rarely start or end alone.
const aMoment = 100 * time.Millisecond

// queue is that of one controller.
type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// waker puts into a queue which objects a change concerns: those of the object as it
// is and, after an update, as it was.
type waker struct {
	controller control.Controller
	keys       func(context.Context, client.Object) []types.NamespacedName
	same       func(was, is client.Object) bool // may be nil
}

var _ handler.EventHandler = waker{}

// itself concerns the object that has changed.
func itself(_ context.Context, obj client.Object) []types.NamespacedName {
	return []types.NamespacedName{client.ObjectKeyFromObject(obj)}
}

// Create tells of an object that is new, to the cluster or to us.
func (w waker) Create(ctx context.Context, e event.CreateEvent, q queue) {
	w.wake(q, e.Object, w.keys(ctx, e.Object), 0)
}

// Update tells of a change, unless it changes nothing that matters.
func (w waker) Update(ctx context.Context, e event.UpdateEvent, q queue) {
	if w.same != nil && w.same(e.ObjectOld, e.ObjectNew) {
		return
	}
	delay := time.Duration(0)
	if numbersOnly(e.ObjectOld, e.ObjectNew) {
		delay = aMoment
	}
	w.wake(q, e.ObjectNew, append(w.keys(ctx, e.ObjectNew), w.keys(ctx, e.ObjectOld)...), delay)
}

// Delete tells of an object that is gone.
func (w waker) Delete(ctx context.Context, e event.DeleteEvent, q queue) {
	for _, key := range w.keys(ctx, e.Object) {
		q.Add(reconcile.Request{NamespacedName: key})
	}
}

// Generic tells of a change that comes from outside the cluster.
func (w waker) Generic(ctx context.Context, e event.GenericEvent, q queue) {
	w.wake(q, e.Object, w.keys(ctx, e.Object), 0)
}

// numbersOnly is true for changes of the status of a ReplicaSet. Nobody waits for those
// as for a change of a spec, a verdict or an end.
func numbersOnly(was, is client.Object) bool {
	_, ok := is.(*appsv1.ReplicaSet)
	return ok && was.GetUID() == is.GetUID() && was.GetGeneration() == is.GetGeneration() && was.GetDeletionTimestamp().Equal(is.GetDeletionTimestamp())
}

// wake queues each key once, after a delay, but for those that are known to need no look.
// What is queued sooner stays so.
func (w waker) wake(q queue, obj client.Object, keys []types.NamespacedName, delay time.Duration) {
	for i, key := range keys {
		if !slices.Contains(keys[:i], key) && (w.controller.Echo == nil || !w.controller.Echo(key, obj)) {
			q.AddAfter(reconcile.Request{NamespacedName: key}, delay)
		}
	}
}

package store

import (
	"context"
	"maps"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/sim/kernel"
)

// Event is one change of one object. Object and Old belong to the store and
// are shared by all receivers, as those of an informer are: a receiver must
// not modify them.
type Event struct {
	// Type is watch.Added, watch.Modified or watch.Deleted.
	Type watch.EventType
	// Object is the object after the change; for a deletion its last state,
	// with the resourceVersion of the deletion.
	Object client.Object
	// Old is the object before the change, nil for an addition.
	Old client.Object
	// Revision is the number of the write.
	Revision Revision
	// Touched is true if Object differs from Old in its version alone.
	Touched bool
}

// subscription is one receiver of the events of a table.
type subscription struct {
	gvk   schema.GroupVersionKind // the version that the receiver wants
	fn    func(Event)
	ended bool
}

// Subscribe calls fn with the objects of a kind that exist, as additions in
// list order, and then with every change, in the order of the writes. All
// calls are kernel events of ClassWatch at the instant of the write. The
// returned function ends the subscription; events on their way are dropped.
func (s *Store) Subscribe(gvk schema.GroupVersionKind, fn func(Event)) (cancel func()) {
	s.catchUp(gvk.GroupKind())
	t := s.tableFor(gvk)
	sub := &subscription{gvk: gvk, fn: fn}
	t.subscribers = append(t.subscribers, sub)
	if len(t.live) > 0 {
		var present []client.Object
		for _, r := range t.live {
			present = append(present, r.head())
		}
		rev := s.rev
		s.kernel.Post(kernel.ClassWatch, t.eventName, func() {
			for _, obj := range present {
				sub.send(t, Event{Type: watch.Added, Object: obj, Revision: rev})
			}
		})
	}
	return func() {
		sub.ended = true
		t.subscribers = slices.DeleteFunc(slices.Clone(t.subscribers), func(x *subscription) bool { return x == sub })
	}
}

// send hands one event to the receiver, in the version that it asked for.
func (sub *subscription) send(t *table, e Event) {
	if sub.ended {
		return
	}
	if sub.gvk.Version != t.gvk.Version && t.layout.goType == nil {
		e.Object, e.Old = inVersion(e.Object, sub.gvk), inVersion(e.Old, sub.gvk)
	}
	sub.fn(e)
}

// inVersion returns an unstructured object under another apiVersion. What is
// inside is shared.
func inVersion(obj client.Object, gvk schema.GroupVersionKind) client.Object {
	if obj == nil {
		return nil
	}
	c := &unstructured.Unstructured{Object: maps.Clone(obj.(*unstructured.Unstructured).Object)}
	c.SetGroupVersionKind(gvk)
	return c
}

// deliver schedules an event for the subscribers of a table.
func (s *Store) deliver(t *table, e Event) {
	if len(t.subscribers) == 0 {
		return
	}
	receivers := t.subscribers // never modified in place beyond its length
	s.kernel.Post(kernel.ClassWatch, t.eventName, func() {
		for _, sub := range receivers {
			sub.send(t, e)
		}
	})
}

// watchBuffer is how many events a watcher may be behind before it is cut off,
// as a slow watcher of an API server is.
const watchBuffer = 1024

// Watch returns the changes of the objects that match. It begins with the
// present objects as additions, unless the options name a resourceVersion.
// Events arrive while the kernel runs and wait in a buffer, since everything
// happens in one thread; a watcher that lets 1024 of them pile up gets an
// Expired error and the end of the channel.
func (a *actor) Watch(ctx context.Context, list client.ObjectList, opts ...client.ListOption) (watch.Interface, error) {
	gvk, t, err := a.store.kindOf(list)
	if err != nil {
		return nil, err
	}
	o := client.ListOptions{}
	o.ApplyOptions(opts)
	match, err := a.store.matcher(t, &o)
	if err != nil {
		return nil, err
	}
	w := &watcher{actor: a, table: t, gvk: gvk, list: list, namespace: o.Namespace, match: match, events: make(chan watch.Event, watchBuffer)}
	op := Op{Verb: "watch", Kind: gvk, Key: types.NamespacedName{Namespace: o.Namespace}}
	err = a.do(ctx, op, func() error {
		sub := &subscription{gvk: gvk, fn: w.receive}
		if v := o.AsListOptions().ResourceVersion; v == "" || v == "0" {
			w.replay()
		}
		t.subscribers = append(t.subscribers, sub)
		w.cancel = func() {
			sub.ended = true
			t.subscribers = slices.DeleteFunc(slices.Clone(t.subscribers), func(x *subscription) bool { return x == sub })
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return w, nil
}

// watcher is a watch.Interface fed by the kernel.
type watcher struct {
	actor     *actor
	table     *table
	gvk       schema.GroupVersionKind
	list      client.ObjectList
	namespace string
	match     func(client.Object) bool
	events    chan watch.Event
	cancel    func()
	stopped   bool
}

// ResultChan returns the buffered channel of events. It is closed by Stop.
func (w *watcher) ResultChan() <-chan watch.Event { return w.events }

// Stop ends the watch; events in the buffer can still be read.
func (w *watcher) Stop() {
	if !w.stopped {
		w.stopped = true
		w.cancel()
		close(w.events)
	}
}

func (w *watcher) replay() {
	for _, r := range span(w.table.live, w.namespace) {
		if obj := r.head(); w.wants(obj) {
			w.send(watch.Added, obj)
		}
	}
}

func (w *watcher) wants(obj client.Object) bool {
	return obj != nil && (w.namespace == "" || obj.GetNamespace() == w.namespace) && (w.match == nil || w.match(obj))
}

// receive translates a change: an object that begins or ceases to match is
// added or deleted for this watcher.
func (w *watcher) receive(e Event) {
	was, is := w.wants(e.Old), e.Type != watch.Deleted && w.wants(e.Object)
	switch {
	case !was && is:
		w.send(watch.Added, e.Object)
	case was && is:
		w.send(watch.Modified, e.Object)
	case was && !is:
		w.send(watch.Deleted, e.Object)
	}
}

func (w *watcher) send(kind watch.EventType, obj client.Object) {
	if w.stopped {
		return
	}
	out, err := w.actor.itemFor(w.list, w.table, w.gvk, obj)
	if err != nil {
		status := apierrors.NewInternalError(err).Status()
		w.offer(watch.Event{Type: watch.Error, Object: &status})
		return
	}
	w.offer(watch.Event{Type: kind, Object: out})
}

// offer puts an event into the buffer; the last place is kept for the error.
func (w *watcher) offer(e watch.Event) {
	if len(w.events) < cap(w.events)-1 {
		w.events <- e
		return
	}
	status := apierrors.NewResourceExpired("too old resource version: the watcher is too slow").Status()
	w.events <- watch.Event{Type: watch.Error, Object: &status}
	w.Stop()
}

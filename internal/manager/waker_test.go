package manager

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/aviary-rollouts/aviary/internal/control"
)

// What a watch tells of is put into the queue for whom it concerns: as the object is
// and as it was, once each, but not for an echo or where nothing that matters changed.
func TestWaker(t *testing.T) {
	labelled := func(owner, resource string) *appsv1.ReplicaSet {
		generation, _ := strconv.ParseInt(resource, 10, 64) // of which each version is one
		return &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Namespace: "n", Labels: map[string]string{"of": owner}, ResourceVersion: resource, Generation: generation}}
	}
	w := waker{
		keys: func(_ context.Context, obj client.Object) []types.NamespacedName {
			return []types.NamespacedName{{Namespace: "n", Name: obj.GetLabels()["of"]}}
		},
		same: func(was, is client.Object) bool { return was.GetResourceVersion() == is.GetResourceVersion() },
	}
	w.controller.Echo = func(key types.NamespacedName, obj client.Object) bool {
		return key.Name == "a" && obj.GetResourceVersion() == "7"
	}
	for _, c := range []struct {
		what string
		tell func(queue)
		want string
	}{
		{"new", func(q queue) { w.Create(t.Context(), event.CreateEvent{Object: labelled("a", "1")}, q) }, "[n/a]"},
		{"new, by us", func(q queue) { w.Create(t.Context(), event.CreateEvent{Object: labelled("a", "7")}, q) }, "[]"},
		{"changed", func(q queue) { update(t, w, q, labelled("a", "1"), labelled("a", "2")) }, "[n/a]"},
		{"changed by us", func(q queue) { update(t, w, q, labelled("a", "6"), labelled("a", "7")) }, "[]"},
		{"handed over by us", func(q queue) { update(t, w, q, labelled("b", "6"), labelled("a", "7")) }, "[n/b]"},
		{"the same", func(q queue) { update(t, w, q, labelled("a", "2"), labelled("a", "2")) }, "[]"},
		{"gone", func(q queue) { w.Delete(t.Context(), event.DeleteEvent{Object: labelled("a", "7")}, q) }, "[n/a]"},
		{"from elsewhere", func(q queue) { w.Generic(t.Context(), event.GenericEvent{Object: labelled("a", "2")}, q) }, "[n/a]"},
	} {
		q := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
		c.tell(q)
		told := []string{}
		for q.Len() > 0 {
			req, _ := q.Get()
			told = append(told, req.String())
		}
		if got := fmt.Sprint(told); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
		q.ShutDown()
	}
	w.controller = control.Controller{} // without echoes
	q := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	defer q.ShutDown()
	if w.Create(t.Context(), event.CreateEvent{Object: labelled("a", "7")}, q); q.Len() != 1 {
		t.Error("without echoes every change wakes")
	}
}

// The look at numbers of pods that change waits a moment for more of them, unless the
// object is looked at for something else: nothing else waits.
func TestNumbersWaitAMoment(t *testing.T) {
	at := func(resource string, generation int64, uid types.UID) *appsv1.ReplicaSet {
		return &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: "a", UID: uid, ResourceVersion: resource, Generation: generation}}
	}
	ending := at("2", 1, "x")
	ending.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)}
	for _, c := range []struct {
		what    string
		was, is client.Object
		want    time.Duration
	}{
		{"a status", at("1", 1, "x"), at("2", 1, "x"), aMoment},
		{"a spec", at("1", 1, "x"), at("2", 2, "x"), 0},
		{"an end", at("1", 1, "x"), ending, 0},
		{"another of the same name", at("1", 1, "x"), at("2", 1, "y"), 0},
		{"another kind", &corev1.Pod{}, &corev1.Pod{}, 0},
	} {
		q := &delays{}
		update(t, waker{keys: itself}, q, c.was, c.is)
		if !slices.Equal(q.noted, []time.Duration{c.want}) {
			t.Errorf("%s: looked at after %v, want %v", c.what, q.noted, c.want)
		}
	}
}

// delays is a queue that notes for how long what is put into it waits, and can do
// nothing else.
type delays struct {
	queue
	noted []time.Duration
}

func (q *delays) AddAfter(_ reconcile.Request, d time.Duration) { q.noted = append(q.noted, d) }

func update(t *testing.T, w waker, q queue, was, is client.Object) {
	t.Helper()
	w.Update(t.Context(), event.UpdateEvent{ObjectOld: was, ObjectNew: is}, q)
}

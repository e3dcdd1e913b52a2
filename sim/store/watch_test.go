package store

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/google/go-cmp/cmp"

	"github.com/aviary-rollouts/aviary/sim/kernel"
)

// recorder subscribes and writes down what arrives.
func recorder(f *fixture, obj client.Object) (events *[]string, cancel func()) {
	events = &[]string{}
	cancel = f.store.Subscribe(kindOf(f, obj), func(e Event) {
		*events = append(*events, fmt.Sprintf("%s %s@%d", e.Type, e.Object.GetName(), e.Revision))
	})
	return events, cancel
}

func TestSubscribe(t *testing.T) {
	f := newFixture(t, Options{})
	b := configMap("b", nil)
	f.must(f.Create(ctx, b))                   // 1
	f.must(f.Create(ctx, configMap("a", nil))) // 2
	got, cancel := recorder(f, b)
	b.Data = map[string]string{"k": "v"}
	f.must(f.Update(ctx, b))                  // 3
	f.must(f.Create(ctx, replicaSet("r", 1))) // 4: another kind
	f.must(f.Delete(ctx, b))                  // 5
	if len(*got) != 0 {
		t.Errorf("events arrived before the kernel ran: %v", *got)
	}
	f.settle()
	want := []string{"ADDED a@2", "ADDED b@2", "MODIFIED b@3", "DELETED b@5"}
	if d := cmp.Diff(want, *got); d != "" {
		t.Error(d)
	}
	f.must(f.Create(ctx, configMap("c", nil)))
	cancel()
	f.must(f.Create(ctx, configMap("d", nil)))
	f.settle()
	if len(*got) != len(want) {
		t.Errorf("events after the end: %v", *got)
	}
}

// All receivers see a write before any sees the next, and deliveries come
// before the controllers of the same instant.
func TestDeliveryOrder(t *testing.T) {
	f := newFixture(t, Options{})
	var got []string
	gvk := corev1.SchemeGroupVersion.WithKind("ConfigMap")
	for _, name := range []string{"x", "y"} {
		f.store.Subscribe(gvk, func(e Event) { got = append(got, name+" "+e.Object.GetName()) })
	}
	f.kernel.Post(kernel.ClassReconcile, "writer", func() {
		f.must(f.Create(ctx, configMap("a", nil)))
		f.must(f.Create(ctx, configMap("b", nil)))
		f.kernel.Post(kernel.ClassReconcile, "reader", func() { got = append(got, "reconcile") })
	})
	f.settle()
	if d := cmp.Diff([]string{"x a", "y a", "x b", "y b", "reconcile"}, got); d != "" {
		t.Error(d)
	}
}

func TestSubscribeForeignVersion(t *testing.T) {
	f := newFixture(t, Options{})
	f.must(f.Create(ctx, unstructuredOf("networking.istio.io/v1alpha3", "VirtualService", "a")))
	var got string
	f.store.Subscribe(unstructuredOf("networking.istio.io/v1", "VirtualService", "").GroupVersionKind(), func(e Event) {
		got = e.Object.(*unstructured.Unstructured).GetAPIVersion()
	})
	f.settle()
	if got != "networking.istio.io/v1" {
		t.Errorf("delivered in version %q", got)
	}
}

// read empties the buffer of a watch.
func read(w watch.Interface) (out []string) {
	for {
		select {
		case e, ok := <-w.ResultChan():
			if !ok {
				return append(out, "end")
			}
			if status, isStatus := e.Object.(*metav1.Status); isStatus {
				out = append(out, fmt.Sprint(e.Type, " ", status.Reason))
				continue
			}
			out = append(out, fmt.Sprint(e.Type, " ", e.Object.(client.Object).GetName()))
		default:
			return out
		}
	}
}

func TestWatch(t *testing.T) {
	f := newFixture(t, Options{})
	make := func(name, namespace, track string) *corev1.ConfigMap {
		cm := configMap(name, nil)
		cm.Namespace, cm.Labels = namespace, map[string]string{"track": track}
		f.must(f.Create(ctx, cm))
		return cm
	}
	a := make("a", "default", "stable")
	make("b", "default", "canary")
	make("c", "other", "stable")
	w, err := f.Watch(ctx, &corev1.ConfigMapList{}, client.InNamespace("default"), client.MatchingLabels{"track": "stable"})
	f.must(err)
	step := func(want ...string) {
		t.Helper()
		f.settle()
		if d := cmp.Diff(want, read(w)); d != "" {
			t.Error(d)
		}
	}
	step("ADDED a")
	a.Data = map[string]string{"k": "v"}
	f.must(f.Update(ctx, a))
	step("MODIFIED a")
	a.Labels["track"] = "canary"
	f.must(f.Update(ctx, a))
	step("DELETED a")
	a.Labels["track"] = "stable"
	f.must(f.Update(ctx, a))
	step("ADDED a")
	d := make("d", "default", "canary")
	f.must(f.Delete(ctx, d))
	step()
	f.must(f.Delete(ctx, a))
	step("DELETED a")
	make("e", "default", "stable")
	f.settle()
	w.Stop()
	w.Stop()
	make("f", "default", "stable")
	step("ADDED e", "end")
}

func TestWatchTypes(t *testing.T) {
	f := newFixture(t, Options{})
	f.must(f.Create(ctx, configMap("a", map[string]string{"k": "v"})))
	u := &unstructured.UnstructuredList{}
	u.SetAPIVersion("v1")
	u.SetKind("ConfigMapList")
	partial := &metav1.PartialObjectMetadataList{}
	partial.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("ConfigMapList"))
	for _, list := range []client.ObjectList{&corev1.ConfigMapList{}, u, partial} {
		w, err := f.Watch(ctx, list)
		f.must(err)
		obj := (<-w.ResultChan()).Object
		var want client.Object
		switch list.(type) {
		case *corev1.ConfigMapList:
			want = &corev1.ConfigMap{}
		case *unstructured.UnstructuredList:
			want = &unstructured.Unstructured{}
		default:
			want = &metav1.PartialObjectMetadata{}
		}
		if fmt.Sprintf("%T", obj) != fmt.Sprintf("%T", want) || obj.GetObjectKind().GroupVersionKind().Kind != "ConfigMap" {
			t.Errorf("watching %T gave %T of kind %s", list, obj, obj.GetObjectKind().GroupVersionKind())
		}
	}
	w, err := f.Watch(ctx, &corev1.ConfigMapList{}, &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: "1"}})
	f.must(err)
	if got := read(w); len(got) != 0 {
		t.Errorf("a watch from a revision began with %v", got)
	}
}

// A watcher that nobody reads is cut off and blocks nobody.
func TestSlowWatcher(t *testing.T) {
	f := newFixture(t, Options{})
	w, err := f.Watch(ctx, &corev1.ConfigMapList{})
	f.must(err)
	for i := range watchBuffer + 50 {
		f.must(f.Create(ctx, configMap(fmt.Sprint("c", i), nil)))
	}
	f.settle()
	got := read(w)
	if n := len(got); n != watchBuffer+1 || got[n-1] != "end" || got[n-2] != "ERROR "+string(metav1.StatusReasonExpired) {
		t.Errorf("%d events, the last are %v", n, got[max(0, n-3):])
	}
}

func TestWatchRefused(t *testing.T) {
	f := newFixture(t, Options{}, Hooks{Before: func(op Op) error {
		if op.Verb == "watch" {
			return apierrors.NewForbidden(corev1.Resource("configmaps"), "", fmt.Errorf("no"))
		}
		return nil
	}})
	if _, err := f.Watch(ctx, &corev1.ConfigMapList{}); !apierrors.IsForbidden(err) {
		t.Errorf("got %v", err)
	}
	if _, err := f.Watch(ctx, &corev1.ConfigMapList{}, client.MatchingFields{"data": "x"}); !apierrors.IsBadRequest(err) {
		t.Errorf("got %v", err)
	}
}

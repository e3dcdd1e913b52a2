package backend

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
)

var began = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// pod is a change of a pod, so many seconds after the beginning.
func pod(version uint64, second int, name, phase string, deleted bool) change {
	return change{version: version, seen: began.Add(time.Duration(second) * time.Second), deleted: deleted, object: &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Pod",
		"metadata": map[string]any{"namespace": "default-zq1x", "name": name, "labels": map[string]any{"app": name}},
		"status":   map[string]any{"phase": phase},
	}}}
}

// phases reads the pods of a view with a client, by name.
func phases(t *testing.T, v *view) map[string]string {
	t.Helper()
	c := past{WithWatch: fake.NewClientBuilder().Build(), view: v, covers: func(schema.GroupVersionKind, string) bool { return true }}
	var list corev1.PodList
	if err := c.List(t.Context(), &list, client.InNamespace("default")); err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for i := range list.Items {
		found[list.Items[i].Name] = string(list.Items[i].Status.Phase)
	}
	return found
}

// A record is read as it was at each time, in the order of versions, whatever the
// order in which the changes were heard of.
func TestViewsOfTheRecord(t *testing.T) {
	r := newRecord("-zq1x")
	r.add(pod(10, 1, "a", "Pending", false))
	r.add(pod(30, 3, "a", "Running", false))
	next, ok := r.since(began.Add(2*time.Second), 0)
	v := r.viewAt(next)
	if got := phases(t, v); !ok || len(got) != 1 || got["a"] != "Pending" || !v.to.Equal(began.Add(3*time.Second)) {
		t.Fatalf("at second 2: %v, until %s", got, v.to)
	}
	r.add(pod(20, 3, "b", "Running", false)) // is late, and belongs after what is in the view
	if v.torn() {
		t.Error("a change that comes after the view has torn it")
	}
	for range 2 {
		if _, ok := v.advance(); !ok {
			t.Fatal("there is no next view")
		}
	}
	if got := phases(t, v); got["a"] != "Running" || got["b"] != "Running" {
		t.Errorf("in the end: %v", got)
	}
	news, ok := v.advance()
	if ok {
		t.Error("there is a view after the last")
	}
	r.add(pod(25, 4, "c", "Running", false))
	if !v.torn() {
		t.Error("a change that belongs into the view has not torn it")
	}
	select {
	case <-news:
	default:
		t.Error("nobody told of the change")
	}
	r.add(pod(40, 5, "a", "Running", true))
	if got := phases(t, r.viewAt(10)); len(got) != 2 {
		t.Errorf("with a deleted: %v", got)
	}
}

// What a scenario wrote itself is waited for.
func TestSinceAVersion(t *testing.T) {
	r := newRecord("-zq1x")
	r.add(pod(10, 1, "a", "Pending", false))
	if _, ok := r.since(began, 20); ok {
		t.Error("version 20 is in a record that ends with 10")
	}
	r.add(pod(20, 2, "a", "Running", false))
	if next, ok := r.since(began, 20); !ok || next != 2 {
		t.Errorf("from index %d, %v", next, ok)
	}
}

// The client answers as an API server does.
func TestReadingInThePast(t *testing.T) {
	r := newRecord("-zq1x")
	r.add(pod(10, 1, "b", "Pending", false))
	r.add(pod(11, 1, "a", "Running", false))
	mapper := meta.NewDefaultRESTMapper(nil)
	mapper.Add(corev1.SchemeGroupVersion.WithKind("Pod"), meta.RESTScopeNamespace)
	c := past{WithWatch: fake.NewClientBuilder().WithRESTMapper(mapper).Build(), view: r.viewAt(2), covers: func(_ schema.GroupVersionKind, namespace string) bool { return namespace != "kube-system" }}
	var found corev1.Pod
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: "default", Name: "b"}, &found); err != nil || found.Status.Phase != corev1.PodPending || found.Kind != "" {
		t.Errorf("got %v, %v", found.Status, err)
	}
	err := c.Get(t.Context(), client.ObjectKey{Namespace: "default", Name: "gone"}, &found)
	if !apierrors.IsNotFound(err) || err.Error() != `pods "gone" not found` {
		t.Errorf("a pod that is not there: %v", err)
	}
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: "kube-system", Name: "b"}, &found); !apierrors.IsNotFound(err) {
		t.Errorf("a pod of the cluster, which has none: %v", err)
	}
	list := &unstructured.UnstructuredList{}
	list.SetAPIVersion("v1")
	list.SetKind("PodList")
	if err := c.List(t.Context(), list); err != nil || len(list.Items) != 2 || list.Items[0].GetName() != "a" || list.Items[0].GetNamespace() != "default" {
		t.Errorf("listed %v, %v", list.Items, err)
	}
	if err := c.List(t.Context(), list, client.MatchingLabelsSelector{Selector: labels.SelectorFromSet(labels.Set{"app": "b"})}); err != nil || len(list.Items) != 1 {
		t.Errorf("with the label: %d, %v", len(list.Items), err)
	}
}

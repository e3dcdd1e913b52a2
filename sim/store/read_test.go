package store

import (
	"context"
	"fmt"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/google/go-cmp/cmp"
)

// names lists namespace/name of the items.
func names(list *unstructured.UnstructuredList) (out []string) {
	for _, u := range list.Items {
		out = append(out, u.GetNamespace()+"/"+u.GetName())
	}
	return out
}

func podList() *unstructured.UnstructuredList {
	l := &unstructured.UnstructuredList{}
	l.SetAPIVersion("v1")
	l.SetKind("PodList")
	return l
}

func TestListSelects(t *testing.T) {
	f := newFixture(t, Options{})
	for i, at := range []types.NamespacedName{{Namespace: "b", Name: "x"}, {Namespace: "a", Name: "y"}, {Namespace: "a", Name: "x"}, {Namespace: "ab", Name: "x"}} {
		p := pod(at.Name, fmt.Sprint("node-", i%2))
		p.Namespace = at.Namespace
		p.Labels = map[string]string{"track": map[bool]string{true: "canary", false: "stable"}[i == 1]}
		f.must(f.Create(ctx, p))
		if i == 2 {
			p.Status.Phase = corev1.PodRunning
			f.must(f.Status().Update(ctx, p))
		}
	}
	canary, err := labels.Parse("track in (canary),track!=stable")
	f.must(err)
	for _, tc := range []struct {
		name string
		opts []client.ListOption
		want []string
	}{
		{"all", nil, []string{"a/x", "a/y", "ab/x", "b/x"}},
		{"a namespace", []client.ListOption{client.InNamespace("a")}, []string{"a/x", "a/y"}},
		{"an empty namespace", []client.ListOption{client.InNamespace("aa")}, nil},
		{"a label", []client.ListOption{client.MatchingLabels{"track": "canary"}}, []string{"a/y"}},
		{"a label expression", []client.ListOption{client.MatchingLabelsSelector{Selector: canary}}, []string{"a/y"}},
		{"a name", []client.ListOption{client.MatchingFields{"metadata.name": "x"}}, []string{"a/x", "ab/x", "b/x"}},
		{"a namespace by field", []client.ListOption{client.MatchingFields{"metadata.namespace": "b"}}, []string{"b/x"}},
		{"a node", []client.ListOption{client.MatchingFields{"spec.nodeName": "node-1"}}, []string{"a/y", "ab/x"}},
		{"a phase", []client.ListOption{client.MatchingFields{"status.phase": "Running"}}, []string{"a/x"}},
		{"not a phase", []client.ListOption{client.MatchingFieldsSelector{Selector: fields.ParseSelectorOrDie("status.phase!=Running,metadata.name=x")}}, []string{"ab/x", "b/x"}},
		{"both", []client.ListOption{client.MatchingLabels{"track": "stable"}, client.MatchingFields{"spec.nodeName": "node-0"}}, []string{"a/x", "b/x"}},
		{"a limit, which is ignored", []client.ListOption{client.Limit(1)}, []string{"a/x", "a/y", "ab/x", "b/x"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			list := podList()
			f.must(f.List(ctx, list, tc.opts...))
			if d := cmp.Diff(tc.want, names(list)); d != "" {
				t.Error(d)
			}
			if list.GetResourceVersion() != "5" {
				t.Errorf("resourceVersion %s", list.GetResourceVersion())
			}
		})
	}
	err = f.List(ctx, podList(), client.MatchingFields{"spec.volumes": "x"})
	wantError(t, err, `Unable to find "v1, Resource=pods" that match label selector "", field selector "spec.volumes=x": field label not supported: spec.volumes`)
}

func TestEventFields(t *testing.T) {
	f := newFixture(t, Options{})
	for i, kind := range []string{"Rollout", "Pod"} {
		f.must(f.Create(ctx, &corev1.Event{
			ObjectMeta:     metav1.ObjectMeta{Namespace: "default", Name: fmt.Sprint("e", i)},
			InvolvedObject: corev1.ObjectReference{Kind: kind, Name: "web", Namespace: "default", UID: types.UID("uid-" + kind)},
			Reason:         "Scaled" + kind, Type: "Normal",
		}))
	}
	for field, value := range map[string]string{
		"involvedObject.kind": "Rollout", "involvedObject.uid": "uid-Rollout", "reason": "ScaledRollout",
	} {
		var list corev1.EventList
		f.must(f.List(ctx, &list, client.MatchingFields{"involvedObject.name": "web", field: value}))
		if len(list.Items) != 1 || list.Items[0].Name != "e0" {
			t.Errorf("%s=%s: %v", field, value, list.Items)
		}
	}
}

// The TypeMeta of what is read is that of the two clients of controller-runtime:
// cached ones fill it in, live ones leave it out of typed objects.
func TestTypeMeta(t *testing.T) {
	f := newFixture(t, Options{})
	live := f.store.Client("user", AsUser())
	f.must(f.Create(ctx, replicaSet("web", 1)))
	for _, tc := range []struct {
		name string
		c    client.Client
		want string
	}{{"cached", f, "ReplicaSet"}, {"live", live, ""}} {
		var rs appsv1.ReplicaSet
		f.must(tc.c.Get(ctx, types.NamespacedName{Namespace: "default", Name: "web"}, &rs))
		var list appsv1.ReplicaSetList
		f.must(tc.c.List(ctx, &list))
		if rs.Kind != tc.want || list.Items[0].Kind != tc.want {
			t.Errorf("%s: Get %q, List %q, want %q", tc.name, rs.Kind, list.Items[0].Kind, tc.want)
		}
		u := unstructuredOf("apps/v1", "ReplicaSet", "web")
		f.must(tc.c.Get(ctx, client.ObjectKeyFromObject(u), u))
		if u.GetKind() != "ReplicaSet" || u.GetAPIVersion() != "apps/v1" {
			t.Errorf("%s: unstructured has kind %q", tc.name, u.GetKind())
		}
	}
	fresh := replicaSet("fresh", 1)
	f.must(f.Create(ctx, fresh))
	if fresh.Kind != "" {
		t.Errorf("a write filled in the TypeMeta: %v", fresh.TypeMeta)
	}
}

func TestMetadataOnly(t *testing.T) {
	f := newFixture(t, Options{})
	f.must(f.Create(ctx, replicaSet("web", 1)))
	f.must(f.Create(ctx, unstructuredOf("networking.istio.io/v1", "VirtualService", "web")))
	for _, gvk := range []schema.GroupVersionKind{
		appsv1.SchemeGroupVersion.WithKind("ReplicaSet"), {Group: "networking.istio.io", Version: "v1", Kind: "VirtualService"},
	} {
		var one metav1.PartialObjectMetadata
		one.SetGroupVersionKind(gvk)
		f.must(f.Get(ctx, types.NamespacedName{Namespace: "default", Name: "web"}, &one))
		var list metav1.PartialObjectMetadataList
		list.SetGroupVersionKind(gvk.GroupVersion().WithKind(gvk.Kind + "List"))
		f.must(f.List(ctx, &list))
		if one.UID == "" || len(list.Items) != 1 || list.Items[0].UID != one.UID || list.Items[0].Kind != gvk.Kind {
			t.Errorf("%s: got %+v and %+v", gvk.Kind, one, list.Items)
		}
		f.must(f.Patch(ctx, &one, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"a":"b"}}}`))))
		if one.Labels["a"] != "b" || one.Kind != gvk.Kind {
			t.Errorf("%s: patched %+v", gvk.Kind, one)
		}
	}
}

// A view that stands still reads what was, while writes meet the present.
func TestStaleView(t *testing.T) {
	f := newFixture(t, Options{})
	var at Revision
	lagging := f.store.Client("lagging", ReadsFrom(func() Revision { return at }))
	see := func() (out []string) {
		var list corev1.ConfigMapList
		f.must(lagging.List(ctx, &list))
		for _, cm := range list.Items {
			out = append(out, cm.Name+"="+cm.Data["k"])
			var one corev1.ConfigMap
			f.must(lagging.Get(ctx, client.ObjectKeyFromObject(&cm), &one))
			if one.Data["k"] != cm.Data["k"] {
				t.Errorf("Get and List disagree about %s at %d", cm.Name, at)
			}
		}
		return out
	}
	b := configMap("b", map[string]string{"k": "1"})
	f.must(f.Create(ctx, b)) // 1
	b.Data["k"] = "2"
	f.must(f.Update(ctx, b))                                           // 2
	f.must(f.Create(ctx, configMap("a", map[string]string{"k": "1"}))) // 3
	f.must(f.Delete(ctx, b))                                           // 4
	f.must(f.Create(ctx, configMap("b", map[string]string{"k": "3"}))) // 5
	for rev, want := range [][]string{nil, {"b=1"}, {"b=2"}, {"a=1", "b=2"}, {"a=1"}, {"a=1", "b=3"}, {"a=1", "b=3"}} {
		at = Revision(rev)
		if d := cmp.Diff(want, see()); d != "" {
			t.Errorf("at revision %d: %s", rev, d)
		}
	}

	at = 2
	var old corev1.ConfigMap
	f.must(lagging.Get(ctx, types.NamespacedName{Namespace: "default", Name: "b"}, &old))
	old.Data["k"] = "4"
	if err := lagging.Update(ctx, &old); !apierrors.IsConflict(err) {
		t.Errorf("a write from a stale view returned %v, want a conflict", err)
	}
}

// Caches of different kinds lag by different amounts.
func TestStaleViewByKind(t *testing.T) {
	f := newFixture(t, Options{})
	c := f.store.Client("lagging", ReadsKindsFrom(func(gvk schema.GroupVersionKind) Revision {
		if gvk.Kind == "Pod" {
			return 0
		}
		return f.store.Revision()
	}))
	f.must(f.Create(ctx, pod("web", "")))
	f.must(f.Create(ctx, configMap("web", nil)))
	key := types.NamespacedName{Namespace: "default", Name: "web"}
	if err := c.Get(ctx, key, &corev1.Pod{}); !apierrors.IsNotFound(err) {
		t.Errorf("pods: %v", err)
	}
	f.must(c.Get(ctx, key, &corev1.ConfigMap{}))
}

func TestHistoryEnds(t *testing.T) {
	f := newFixture(t, Options{HistoryLimit: 10})
	var at Revision
	c := f.store.Client("lagging", ReadsFrom(func() Revision { return at }))
	cm := configMap("a", map[string]string{"k": ""})
	f.must(f.Create(ctx, cm))
	for i := range 30 {
		cm.Data["k"] = fmt.Sprint(i)
		f.must(f.Update(ctx, cm))
		short := configMap(fmt.Sprint("short-", i), nil)
		f.must(f.Create(ctx, short))
		f.must(f.Delete(ctx, short))
	}
	at = f.store.Revision() - 11
	if err := c.Get(ctx, client.ObjectKeyFromObject(cm), cm); !apierrors.IsResourceExpired(err) {
		t.Errorf("reading before the end of history: %v", err)
	}
	at = f.store.Revision() - 10
	f.must(c.Get(ctx, client.ObjectKeyFromObject(cm), cm))
	if cm.Data["k"] != "26" {
		t.Errorf("ten revisions ago the value was %s", cm.Data["k"])
	}
	table := f.store.tableFor(corev1.SchemeGroupVersion.WithKind("ConfigMap"))
	if len(table.dead) > 4 || len(table.records) > 5 || len(table.records[client.ObjectKeyFromObject(cm)].versions) > 6 {
		t.Errorf("history is kept too long: %d dead, %d records, %d versions", len(table.dead), len(table.records),
			len(table.records[client.ObjectKeyFromObject(cm)].versions))
	}
}

func TestHooks(t *testing.T) {
	f := newFixture(t, Options{})
	lost := apierrors.NewTimeoutError("the answer was lost", 1)
	down := apierrors.NewInternalError(fmt.Errorf("etcd is down"))
	var seen []string
	fail := ""
	c := f.store.Client("faulty", Hooks{
		Before: func(op Op) error {
			seen = append(seen, op.String())
			if fail == "before" {
				return down
			}
			return nil
		},
		After: func(op Op) error {
			if fail == "after" && op.Write() {
				return lost
			}
			return nil
		},
	})
	fail = "before"
	if err := c.Create(ctx, configMap("a", nil)); err != error(down) {
		t.Errorf("got %v", err)
	}
	f.gone(configMap("a", nil))
	fail = "after"
	if err := c.Create(ctx, configMap("a", nil)); err != error(lost) {
		t.Errorf("got %v", err)
	}
	get(f, configMap("a", nil))
	f.must(c.Get(ctx, types.NamespacedName{Namespace: "default", Name: "a"}, &corev1.ConfigMap{}))
	fail = ""
	f.must(c.Create(ctx, pod("p", "node")))
	f.must(c.Status().Update(ctx, pod("p", "node")))
	f.must(c.List(ctx, &corev1.PodList{}, client.InNamespace("default")))
	f.must(c.DeleteAllOf(ctx, &corev1.Pod{}, client.InNamespace("default")))
	want := []string{
		"create ConfigMap default/a", "create ConfigMap default/a", "get ConfigMap default/a", "create Pod default/p",
		"update Pod default/p status", "list Pod default/", "deletecollection Pod default/",
	}
	if d := cmp.Diff(want, seen); d != "" {
		t.Error(d)
	}
}

// Who does not get the answer of a write does not know what the server made of it.
func TestLostAnswer(t *testing.T) {
	f := newFixture(t, Options{})
	f.must(f.Create(ctx, pod("p", "node")))
	lost := apierrors.NewTimeoutError("the answer was lost", 1)
	c := f.store.Client("faulty", Hooks{After: func(Op) error { return lost }})
	none := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"a":"b"}}}`))
	known := get(f, pod("p", "node"))
	for what, write := range map[string]func(client.Object) error{
		"create": func(obj client.Object) error { return c.Create(ctx, obj) },
		"update": func(obj client.Object) error { return c.Update(ctx, obj) },
		"patch":  func(obj client.Object) error { return c.Patch(ctx, obj, none) },
		"status": func(obj client.Object) error { return c.Status().Update(ctx, obj) },
	} {
		obj := known.DeepCopy()
		obj.ResourceVersion = ""
		if what == "create" {
			obj = pod("q", "node")
		}
		before := obj.DeepCopy()
		if err := write(obj); err != error(lost) {
			t.Errorf("%s: got %v", what, err)
		}
		if d := cmp.Diff(before, obj); d != "" {
			t.Errorf("%s: the caller knows what the server answered:\n%s", what, d)
		}
	}
	if is := get(f, pod("p", "node")); is.ResourceVersion == known.ResourceVersion {
		t.Error("nothing was written")
	}
}

func TestCancelledContext(t *testing.T) {
	f := newFixture(t, Options{})
	done, cancel := context.WithCancel(ctx)
	cancel()
	wantError(t, f.Create(done, configMap("a", nil)), "create ConfigMap default/a: context canceled")
	f.gone(configMap("a", nil))
}

func TestRange(t *testing.T) {
	f := newFixture(t, Options{})
	for _, name := range []string{"c", "a", "b"} {
		f.must(f.Create(ctx, configMap(name, nil)))
	}
	var got []string
	f.store.Range(corev1.SchemeGroupVersion.WithKind("ConfigMap"), "default", func(o client.Object) bool {
		got = append(got, o.GetName())
		return o.GetName() != "b"
	})
	if d := cmp.Diff([]string{"a", "b"}, got); d != "" {
		t.Error(d)
	}
}

func TestMapper(t *testing.T) {
	f := newFixture(t, Options{APIResources: []metav1.APIResource{
		{Group: "networking.istio.io", Version: "v1", Kind: "VirtualService", Name: "virtualservices", ShortNames: []string{"vs"}, Namespaced: true},
		{Group: "example.com", Version: "v1", Kind: "Fleet", Name: "fleetz"},
	}})
	f.must(f.Create(ctx, unstructuredOf("traefik.io/v1alpha1", "TraefikService", "x")))
	m := f.RESTMapper()
	for in, want := range map[string]string{
		"pods": "/v1, Kind=Pod", "po": "/v1, Kind=Pod", "pod": "/v1, Kind=Pod", "deploy": "apps/v1, Kind=Deployment", "rs": "apps/v1, Kind=ReplicaSet",
		"virtualservice": "networking.istio.io/v1, Kind=VirtualService", "vs": "networking.istio.io/v1, Kind=VirtualService",
		"fleetz": "example.com/v1, Kind=Fleet", "traefikservices": "traefik.io/v1alpha1, Kind=TraefikService",
		"ingress": "networking.k8s.io/v1, Kind=Ingress", "hpa": "autoscaling/v2, Kind=HorizontalPodAutoscaler",
	} {
		gvk, err := m.KindFor(schema.GroupVersionResource{Resource: in})
		if err != nil || gvk.String() != want {
			t.Errorf("KindFor(%q) = %v, %v; want %s", in, gvk, err, want)
		}
	}
	for gk, want := range map[schema.GroupKind]string{
		{Group: "apps", Kind: "ReplicaSet"}:           "apps/v1, Resource=replicasets namespace",
		{Kind: "Node"}:                                "/v1, Resource=nodes root",
		{Group: "example.com", Kind: "Fleet"}:         "example.com/v1, Resource=fleetz root",
		{Group: "traefik.io", Kind: "TraefikService"}: "traefik.io/v1alpha1, Resource=traefikservices namespace",
	} {
		mapping, err := m.RESTMapping(gk)
		if err != nil {
			t.Errorf("RESTMapping(%v): %v", gk, err)
			continue
		}
		if got := mapping.Resource.String() + " " + string(mapping.Scope.Name()); got != want {
			t.Errorf("RESTMapping(%v) = %s, want %s", gk, got, want)
		}
	}
	if _, err := m.KindFor(schema.GroupVersionResource{Resource: "nonsense"}); err == nil {
		t.Error("a resource that nobody has heard of was mapped")
	}
	for obj, want := range map[client.Object]bool{&corev1.Pod{}: true, &corev1.Node{}: false} {
		if got, err := f.IsObjectNamespaced(obj); err != nil || got != want {
			t.Errorf("IsObjectNamespaced(%T) = %v, %v", obj, got, err)
		}
	}
}

package store

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func quantity(s string) resource.Quantity { return resource.MustParse(s) }

func TestFinalizers(t *testing.T) {
	f := newFixture(t, Options{})
	rs := replicaSet("web", 1)
	rs.Finalizers = []string{"example.com/a", "example.com/b"}
	f.must(f.Create(ctx, rs))
	f.must(f.kernel.RunUntil(epoch.Add(10 * time.Second)))
	f.must(f.Delete(ctx, rs))
	rs = get(f, rs)
	if rs.DeletionTimestamp == nil || !rs.DeletionTimestamp.Time.Equal(epoch.Add(10*time.Second)) || *rs.DeletionGracePeriodSeconds != 0 || rs.Generation != 2 {
		t.Fatalf("after Delete: %+v", rs.ObjectMeta)
	}
	revision := f.store.Revision()
	f.must(f.Delete(ctx, rs))
	if f.store.Revision() != revision {
		t.Error("a second Delete wrote")
	}

	more := rs.DeepCopy()
	more.Finalizers = append(more.Finalizers, "example.com/c")
	if err := f.Update(ctx, more); !apierrors.IsInvalid(err) {
		t.Errorf("a finalizer was added to an object that is being deleted: %v", err)
	}
	rs.Finalizers = []string{"example.com/b"}
	f.must(f.Update(ctx, rs))
	get(f, rs)
	var events []string
	f.store.Subscribe(kindOf(f, rs), func(e Event) { events = append(events, string(e.Type)) })
	f.settle()
	f.must(f.Patch(ctx, rs, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))))
	f.settle()
	f.gone(rs)
	if len(events) != 2 || events[1] != "DELETED" {
		t.Errorf("events %v, want the deletion alone after the initial addition", events)
	}
}

func TestGrace(t *testing.T) {
	zero, five, hour := int64(0), int64(5), int64(3600)
	for _, tc := range []struct {
		name   string
		node   string
		phase  corev1.PodPhase
		period *int64 // terminationGracePeriodSeconds
		asked  *int64
		lasts  int64 // seconds of grace that the pod gets; -1: gone at once
	}{
		{"bound", "node", corev1.PodRunning, nil, nil, 30},
		{"bound, own period", "node", corev1.PodRunning, &hour, nil, 3600},
		{"bound, asked", "node", corev1.PodRunning, nil, &five, 5},
		{"bound, forced", "node", corev1.PodRunning, nil, &zero, -1},
		{"unbound", "", corev1.PodPending, nil, nil, -1},
		{"finished", "node", corev1.PodSucceeded, nil, nil, -1},
		{"failed", "node", corev1.PodFailed, nil, &five, -1},
		{"period zero", "node", corev1.PodRunning, &zero, nil, -1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFixture(t, Options{})
			p := pod("web", tc.node)
			p.Spec.TerminationGracePeriodSeconds = tc.period
			f.must(f.Create(ctx, p))
			p.Status.Phase = tc.phase
			f.must(f.Status().Update(ctx, p))
			var opts []client.DeleteOption
			if tc.asked != nil {
				opts = append(opts, client.GracePeriodSeconds(*tc.asked))
			}
			f.must(f.Delete(ctx, p, opts...))
			if tc.lasts < 0 {
				f.gone(p)
				return
			}
			p = get(f, p)
			if *p.DeletionGracePeriodSeconds != tc.lasts || !p.DeletionTimestamp.Time.Equal(epoch.Add(time.Duration(tc.lasts)*time.Second)) {
				t.Fatalf("grace %d until %v", *p.DeletionGracePeriodSeconds, p.DeletionTimestamp)
			}
			f.must(f.Delete(ctx, p, client.GracePeriodSeconds(tc.lasts+1)))
			if got := get(f, p); *got.DeletionGracePeriodSeconds != tc.lasts {
				t.Errorf("a second Delete lengthened the grace to %d", *got.DeletionGracePeriodSeconds)
			}
			f.must(f.Delete(ctx, p, client.GracePeriodSeconds(1)))
			if got := get(f, p); *got.DeletionGracePeriodSeconds != 1 {
				t.Errorf("a second Delete did not shorten the grace: %d", *got.DeletionGracePeriodSeconds)
			}
			f.must(f.Delete(ctx, p, client.GracePeriodSeconds(0))) // the kubelet
			f.gone(p)
		})
	}
}

func TestGracefulKindsOption(t *testing.T) {
	f := newFixture(t, Options{GracefulKinds: map[schema.GroupKind]GraceFunc{{Kind: "ConfigMap"}: func(client.Object) int64 { return 7 }}})
	cm, p := configMap("a", nil), pod("web", "node")
	f.must(f.Create(ctx, cm))
	f.must(f.Create(ctx, p))
	f.must(f.Delete(ctx, cm))
	f.must(f.Delete(ctx, p))
	f.gone(p)
	if got := get(f, cm); *got.DeletionGracePeriodSeconds != 7 {
		t.Errorf("grace %d", *got.DeletionGracePeriodSeconds)
	}
}

func TestPreconditions(t *testing.T) {
	f := newFixture(t, Options{})
	cm := configMap("a", nil)
	f.must(f.Create(ctx, cm))
	other, stale := types.UID("other"), "99"
	for _, tc := range []struct {
		p    client.Preconditions
		want string
	}{
		{client.Preconditions{UID: &other}, `Operation cannot be fulfilled on configmaps "a": the UID in the precondition (other) does not match the UID in record (` + string(cm.UID) + `). The object might have been deleted and then recreated`},
		{client.Preconditions{ResourceVersion: &stale}, `Operation cannot be fulfilled on configmaps "a": the ResourceVersion in the precondition (99) does not match the ResourceVersion in record (1). The object might have been modified`},
		{client.Preconditions{UID: &cm.UID, ResourceVersion: &cm.ResourceVersion}, ""},
	} {
		wantError(t, f.Delete(ctx, cm, tc.p), tc.want)
	}
	wantError(t, f.Delete(ctx, cm), `configmaps "a" not found`)
}

func TestDeleteAllOf(t *testing.T) {
	f := newFixture(t, Options{})
	for _, name := range []string{"c", "a", "b"} {
		cm := configMap(name, nil)
		cm.Labels = map[string]string{"keep": map[bool]string{true: "yes", false: "no"}[name == "b"]}
		f.must(f.Create(ctx, cm))
	}
	elsewhere := configMap("a", nil)
	elsewhere.Namespace = "other"
	elsewhere.Labels = map[string]string{"keep": "no"}
	f.must(f.Create(ctx, elsewhere))
	f.must(f.DeleteAllOf(ctx, &corev1.ConfigMap{}, client.InNamespace("default"), client.MatchingLabels{"keep": "no"}))
	var list corev1.ConfigMapList
	f.must(f.List(ctx, &list))
	if len(list.Items) != 2 || list.Items[0].Name != "b" || list.Items[1].Namespace != "other" {
		t.Errorf("left: %v", list.Items)
	}
	lines := f.texts()
	if got := lines[len(lines)-2:]; got[0] != "test delete ConfigMap default/a rv=5" || got[1] != "test delete ConfigMap default/c rv=6" {
		t.Errorf("order of deletion: %q", got)
	}
}

func TestEviction(t *testing.T) {
	f := newFixture(t, Options{})
	p := pod("web", "node")
	f.must(f.Create(ctx, p))
	budget := true
	f.store.AddHooks(Hooks{Before: func(op Op) error {
		if op.Subresource == "eviction" && budget {
			return apierrors.NewTooManyRequests("Cannot evict pod as it would violate the pod's disruption budget.", 10)
		}
		return nil
	}})
	evict := func() error { return f.SubResource("eviction").Create(ctx, p, eviction(p)) }
	if err := evict(); !apierrors.IsTooManyRequests(err) {
		t.Fatalf("got %v", err)
	}
	if get(f, p).DeletionTimestamp != nil {
		t.Fatal("a refused eviction deleted the pod")
	}
	budget = false
	f.must(evict())
	if got := get(f, p); got.DeletionTimestamp == nil || *got.DeletionGracePeriodSeconds != 30 {
		t.Errorf("evicted: %+v", got.ObjectMeta)
	}
	if err := f.SubResource("eviction").Create(ctx, configMap("a", nil), eviction(p)); !apierrors.IsNotFound(err) {
		t.Errorf("evicting a ConfigMap: %v", err)
	}
	if err := f.SubResource("binding").Create(ctx, p, eviction(p)); !apierrors.IsNotFound(err) {
		t.Errorf("unknown subresource: %v", err)
	}
}

func eviction(p *corev1.Pod) *policyv1.Eviction {
	return &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Namespace: p.Namespace, Name: p.Name}}
}

func TestDeletedStateCarriesNewVersion(t *testing.T) {
	f := newFixture(t, Options{})
	cm := configMap("a", map[string]string{"k": "v"})
	f.must(f.Create(ctx, cm))
	var last Event
	f.store.Subscribe(kindOf(f, cm), func(e Event) { last = e })
	f.must(f.Delete(ctx, cm))
	f.settle()
	if last.Type != "DELETED" || last.Object.GetResourceVersion() != "2" || last.Old.GetResourceVersion() != "1" || last.Object.(*corev1.ConfigMap).Data["k"] != "v" {
		t.Errorf("event %+v", last)
	}
}

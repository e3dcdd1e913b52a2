package control

import (
	"context"
	"errors"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
)

// A view is waited for that lacks a write of ours, and one that may lack a write
// whose answer was lost; the latter not for ever, as it may not have been made.
func TestFreshness(t *testing.T) {
	key := types.NamespacedName{Namespace: "n", Name: "web"}
	now := time.Date(2026, time.January, 5, 9, 0, 0, 0, time.UTC)
	at := func(version string) client.Object {
		return &corev1.Service{ObjectMeta: metav1.ObjectMeta{UID: "u", ResourceVersion: version}}
	}
	wrote := func(f *freshness) { f.wrote(key, at("7"), now) }
	lost := func(f *freshness) { f.outdated(key, at("7"), now) }
	for _, c := range []struct {
		what  string
		do    func(*freshness)
		sees  string
		after time.Duration
		want  bool
	}{
		{"nothing was written", func(*freshness) {}, "6", 0, true},
		{"before our write", wrote, "6", 0, false},
		{"our write", wrote, "7", 0, true},
		{"what was to be replaced", lost, "7", 0, false},
		{"what was to be replaced, for long", lost, "7", forgetAfter, true},
		{"something newer", lost, "8", 0, true},
	} {
		f := newFreshness()
		c.do(f)
		if got := f.sees(key, []client.Object{at(c.sees)}, now.Add(c.after)); got != c.want {
			t.Errorf("%s: fresh is %t", c.what, got)
		}
	}
}

// What may have been created is waited for by kind and name, and not for ever.
func TestFreshnessOfCreations(t *testing.T) {
	key := types.NamespacedName{Namespace: "n", Name: "web"}
	now := time.Date(2026, time.January, 5, 9, 0, 0, 0, time.UTC)
	meta := metav1.ObjectMeta{Name: "web-1", ResourceVersion: "7"}
	for name, c := range map[string]struct {
		sees  []client.Object
		after time.Duration
		want  bool
	}{
		"nothing is there":         {nil, time.Second, false},
		"another kind of the name": {[]client.Object{&corev1.Service{ObjectMeta: meta}}, time.Second, false},
		"it is there":              {[]client.Object{&corev1.Pod{ObjectMeta: meta}}, time.Second, true},
		"it has not come":          {nil, forgetAfter, true},
	} {
		f := newFreshness()
		f.maybeMade(key, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "web-1"}}, now)
		for range 2 {
			if got := f.sees(key, c.sees, now.Add(c.after)); got != c.want {
				t.Errorf("%s: fresh %t, want %t", name, got, c.want)
			}
		}
		if f.forget(key); !f.sees(key, nil, now) {
			t.Errorf("%s: it is remembered of a Rollout that is gone", name)
		}
	}
}

// Only an answer below 500 says that nothing was written, and a conflict is one of
// somebody else who was first: of something new it says that there is none of ours.
func TestUnanswered(t *testing.T) {
	kind := schema.GroupResource{Resource: "services"}
	for _, c := range []struct {
		err         error
		newer, made bool
	}{
		{nil, false, false},
		{apierrors.NewConflict(kind, "web", errors.New("modified")), true, false},
		{apierrors.NewTooManyRequests("later", 1), false, false},
		{apierrors.NewTimeoutError("too slow", 0), true, true},
		{apierrors.NewInternalError(errors.New("leader changed")), true, true},
		{context.DeadlineExceeded, true, true},
	} {
		inner := fake.NewClientBuilder().WithInterceptorFuncs(interceptor.Funcs{
			Create: func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error { return c.err },
			Update: func(context.Context, client.WithWatch, client.Object, ...client.UpdateOption) error { return c.err },
			Patch: func(context.Context, client.WithWatch, client.Object, client.Patch, ...client.PatchOption) error {
				return c.err
			},
			SubResourceUpdate: func(context.Context, client.Client, string, client.Object, ...client.SubResourceUpdateOption) error {
				return c.err
			},
			SubResourcePatch: func(context.Context, client.Client, string, client.Object, client.Patch, ...client.SubResourcePatchOption) error {
				return c.err
			},
		}).Build()
		told, made := 0, false
		u := unanswered{inner, func(client.Object) { told++ }, func(client.Object) { made = true }}
		svc, none := &corev1.Service{}, client.RawPatch(types.MergePatchType, []byte("{}"))
		for _, err := range []error{
			u.Create(t.Context(), svc), u.Update(t.Context(), svc), u.Patch(t.Context(), svc, none),
			u.Status().Update(t.Context(), svc), u.Status().Patch(t.Context(), svc, none),
		} {
			if !errors.Is(err, c.err) {
				t.Errorf("%v became %v", c.err, err)
			}
		}
		if want := map[bool]int{true: 4}[c.newer]; told != want {
			t.Errorf("%v: told of %d writes after which there may be a newer version, want %d", c.err, told, want)
		}
		if made != c.made {
			t.Errorf("%v: told of a creation that may have been made: %t", c.err, made)
		}
	}
}

// A pod that was evicted and still serves in the view makes it too old to decide from;
// one that is on its way out, or gone, does not, and none does for ever.
func TestFreshnessOfEvictions(t *testing.T) {
	key := types.NamespacedName{Namespace: "n", Name: "web"}
	now := time.Date(2026, time.January, 5, 9, 0, 0, 0, time.UTC)
	pod := func(uid types.UID, leaving bool) *corev1.Pod {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{UID: uid}}
		if leaving {
			p.DeletionTimestamp = &metav1.Time{Time: now}
		}
		return p
	}
	for name, c := range map[string]struct {
		pods  []*corev1.Pod
		after time.Duration
		want  bool
	}{
		"it serves":             {[]*corev1.Pod{pod("a", false), pod("b", false)}, time.Second, false},
		"it is on its way out":  {[]*corev1.Pod{pod("a", true), pod("b", false)}, time.Second, true},
		"it is gone":            {[]*corev1.Pod{pod("b", false)}, time.Second, true},
		"it has stayed so long": {[]*corev1.Pod{pod("a", false)}, forgetAfter, true},
	} {
		f := newFreshness()
		f.evicted(key, "a", now)
		for range 2 {
			if got := f.seesEvictions(key, c.pods, now.Add(c.after)); got != c.want {
				t.Errorf("%s: fresh %t, want %t", name, got, c.want)
			}
		}
		if f.forget(key); !f.seesEvictions(key, c.pods, now) {
			t.Errorf("%s: it is remembered of a Rollout that is gone", name)
		}
	}
}

package control

import (
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// TestServices: a Service is let go of if there is no Rollout that points it at its
// versions, as far as the API server knows.
func TestServices(t *testing.T) {
	scheme := newScheme(t)
	key := types.NamespacedName{Namespace: "shop", Name: "active"}
	naming := func(service string) []client.Object {
		ro := &v1alpha1.Rollout{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", Generation: 1}}
		ro.Spec.Strategy.BlueGreen = &v1alpha1.BlueGreenStrategy{ActiveService: service}
		return []client.Object{ro}
	}
	const told = "Normal SwitchService Switched selector for service 'active' from 'abc' to ''"
	for _, tc := range []struct {
		name         string
		manager      string
		cached, live []client.Object
		free         bool
		events       []string
	}{
		{"somebody's own", "", nil, nil, false, nil},
		{"named", "web", naming("active"), nil, false, nil},
		{"of a Rollout that another controller has", "web", nil, ofAnother(naming("active")...), false, nil},
		{"named no longer by a Rollout that another controller has", "web", nil, ofAnother(naming("other")...), false, nil},
		{"named no longer by a Rollout that another controller has now, which the cache does not know yet", "web", naming("other"), ofAnother(naming("other")...), false, nil},
		{"named again, which the cache does not know yet", "web", naming("other"), naming("active"), false, nil},
		{"named no longer", "web", naming("other"), naming("other"), true, []string{told}},
		{"of a Rollout that is gone", "web", nil, nil, true, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			svc := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name, Annotations: map[string]string{"mine": "1"}}}
			svc.Spec.Selector = map[string]string{"app": "web", v1alpha1.DefaultRolloutUniqueLabelKey: "abc"}
			if tc.manager != "" {
				svc.Annotations[v1alpha1.ManagedByRolloutsKey] = tc.manager
			}
			c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(svc).WithObjects(tc.cached...).Build()
			live := fake.NewClientBuilder().WithScheme(scheme).WithObjects(tc.live...).Build()
			var events eventLog
			r := &serviceReconciler{Deps: Deps{Client: c, Live: live, Share: unlabelled(t), Events: &events}, specs: newRolloutSpecs()}
			if wake, err := r.Reconcile(t.Context(), key); err != nil || !wake.IsZero() {
				t.Fatalf("another look at %s, error %v", wake, err)
			}
			want := svc.DeepCopy()
			if tc.free {
				want.Annotations, want.Spec.Selector = map[string]string{"mine": "1"}, map[string]string{"app": "web"}
			}
			got := &corev1.Service{}
			if err := c.Get(t.Context(), key, got); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff([]any{want.Annotations, want.Spec.Selector}, []any{got.Annotations, got.Spec.Selector}); d != "" {
				t.Errorf("the Service (-want +got):\n%s", d)
			}
			if !slices.Equal([]string(events), tc.events) {
				t.Errorf("events %q, want %q", events, tc.events)
			}
		})
	}
}

// ofAnother gives Rollouts to a controller with an instance id.
func ofAnother(rollouts ...client.Object) []client.Object {
	for _, ro := range rollouts {
		ro.SetLabels(map[string]string{v1alpha1.LabelKeyControllerInstanceID: "blue"})
	}
	return rollouts
}

// unlabelled selects the Rollouts of the controller without an instance id.
func unlabelled(t *testing.T) labels.Selector {
	t.Helper()
	s, err := labels.Parse("!" + v1alpha1.LabelKeyControllerInstanceID)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A Service that goes while it is looked at, as when its namespace is deleted, is no error.
func TestServiceThatIsGoneByThen(t *testing.T) {
	scheme := newScheme(t)
	svc := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "active", Annotations: map[string]string{v1alpha1.ManagedByRolloutsKey: "web"}}}
	gone := interceptor.Funcs{Patch: func(context.Context, client.WithWatch, client.Object, client.Patch, ...client.PatchOption) error {
		return apierrors.NewNotFound(corev1.Resource("services"), "active")
	}}
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(svc).WithInterceptorFuncs(gone).Build()
	r := &serviceReconciler{Deps: Deps{Client: c, Live: c}, specs: newRolloutSpecs()}
	if wake, err := r.Reconcile(t.Context(), client.ObjectKeyFromObject(svc)); err != nil || !wake.IsZero() {
		t.Errorf("another look at %s, error %v", wake, err)
	}
}

// TestServicesThatNeedNoLook: that a Rollout points a Service at another version is no
// reason to look whether it still names it, and a change of its spec wakes those only that
// it names no more.
func TestServicesThatNeedNoLook(t *testing.T) {
	ro := &v1alpha1.Rollout{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "u", Generation: 1}}
	ro.Spec.Strategy.BlueGreen = &v1alpha1.BlueGreenStrategy{ActiveService: "active"}
	specs := newRolloutSpecs()
	specs.of(client.ObjectKeyFromObject(ro), ro)
	r := &serviceReconciler{specs: specs}
	of := func(name, manager string) *corev1.Service {
		svc := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}}
		if manager != "" {
			svc.Annotations = map[string]string{v1alpha1.ManagedByRolloutsKey: manager}
		}
		return svc
	}
	for _, tc := range []struct {
		name    string
		service string
		changed client.Object
		want    bool
	}{
		{"nobody's", "active", of("active", ""), true},
		{"named", "active", of("active", "web"), true},
		{"named no longer", "preview", of("preview", "web"), false},
		{"of a Rollout that is not known", "active", of("active", "other"), false},
		{"its Rollout names it", "active", ro, true},
		{"its Rollout does not", "preview", ro, false},
	} {
		if got := r.isEcho(types.NamespacedName{Namespace: "shop", Name: tc.service}, tc.changed); got != tc.want {
			t.Errorf("%s: %t", tc.name, got)
		}
	}
}

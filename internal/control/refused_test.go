package control

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/apply"
	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/internal/rollout"
	"github.com/aviary-rollouts/aviary/internal/traffic"
)

// eventLog is the events that were recorded, without their objects.
type eventLog []string

func (t *eventLog) Event(_ runtime.Object, eventType, reason, message string) {
	*t = append(*t, eventType+" "+reason+" "+message)
}

// A policy that lets no ReplicaSet in is told in the status and by an Event, and the
// update begins once it is gone.
func TestReplicaSetRefused(t *testing.T) {
	key := types.NamespacedName{Namespace: "shop", Name: "web"}
	scheme := newScheme(t)
	labels := map[string]string{"app": "web"}
	ro := &v1alpha1.Rollout{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "1", Generation: 3}}
	ro.Spec.Replicas, ro.Spec.Selector = ptr.To(int32(1)), &metav1.LabelSelector{MatchLabels: labels}
	ro.Spec.Template.Labels, ro.Spec.Template.Spec.Containers = labels, []corev1.Container{{Name: "web", Image: "web:1"}}
	ro.Spec.Strategy.Canary = &v1alpha1.CanaryStrategy{}
	refuse, writes := true, 0
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(ro).WithStatusSubresource(ro).WithInterceptorFuncs(interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
			if _, isReplicaSet := obj.(*appsv1.ReplicaSet); isReplicaSet && refuse {
				return apierrors.NewForbidden(schema.GroupResource{Group: "apps", Resource: "replicasets"}, obj.GetName(), errors.New("no more of them"))
			}
			return c.Create(ctx, obj, opts...)
		},
		SubResourceUpdate: func(ctx context.Context, c client.Client, sub string, obj client.Object, opts ...client.SubResourceUpdateOption) error {
			writes++
			return c.SubResource(sub).Update(ctx, obj, opts...)
		},
	}).Build()
	events, now := &eventLog{}, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	reconcile := Controllers(Deps{Client: c, Clock: clock.Func(func() time.Time { return now }), Events: events})[0].Reconcile
	look := func() v1alpha1.RolloutStatus {
		wake, err := reconcile(context.Background(), key)
		if (err != nil) != refuse || refuse && wake.Sub(now) > 20*time.Second {
			t.Errorf("refuse %t: error %v, looked at again at %s", refuse, err, wake)
		}
		now = now.Add(6 * time.Second)
		if err := c.Get(context.Background(), key, ro); err != nil {
			t.Fatal(err)
		}
		return ro.Status
	}
	status := look()
	name := "web-" + hashIn(t, *events)
	why := `Failed to create new replica set "` + name + `": replicasets.apps "` + name + `" is forbidden: no more of them`
	if status.Phase != v1alpha1.RolloutPhaseProgressing || status.Message != "ReplicaSetCreateError: "+why || status.ObservedGeneration != "3" {
		t.Errorf("status %s, %s, generation %s", status.Phase, status.Message, status.ObservedGeneration)
	}
	if want := "Warning ReplicaSetCreateError " + why; !slices.Contains(*events, want) {
		t.Errorf("events %q, want %q", *events, want)
	}
	if look(); writes != 1 {
		t.Errorf("%d writes of a status that stays the same", writes)
	}
	now = now.Add(10 * time.Minute)
	if status = look(); status.Phase != v1alpha1.RolloutPhaseDegraded || status.Message != "ProgressDeadlineExceeded: "+why {
		t.Errorf("after the deadline: %s, %s", status.Phase, status.Message)
	}
	refuse = false
	if status = look(); status.Phase != v1alpha1.RolloutPhaseProgressing || status.Message != "more replicas need to be updated" {
		t.Errorf("once it may be: %s, %s", status.Phase, status.Message)
	}
}

// hashIn is the hash of the ReplicaSet that the last event names.
func hashIn(t *testing.T, events eventLog) string {
	t.Helper()
	const before = `new replica set "web-`
	for _, e := range slices.Backward(events) {
		if _, rest, ok := strings.Cut(e, before); ok {
			hash, _, _ := strings.Cut(rest, `"`)
			return hash
		}
	}
	t.Fatalf("no event names a ReplicaSet: %q", events)
	return ""
}

// Each refusal is told under the reason that people know it by.
func TestRefusedReasons(t *testing.T) {
	webhook := fmt.Errorf("routing traffic: %w", apierrors.NewForbidden(schema.GroupResource{Resource: "virtualservices"}, "web", errors.New("no hosts")))
	for _, c := range []struct {
		action rollout.Action
		err    error
		want   string
	}{
		{rollout.Route{}, webhook, `TrafficRoutingError virtualservices "web" is forbidden: no hosts`},
		{rollout.Route{}, &traffic.Failure{Reason: traffic.ReasonNoVirtualService, Err: errors.New("VirtualService `web` not found")}, "VirtualServiceNotFound VirtualService `web` not found"},
		{rollout.UpdateReplicaSet{ReplicaSet: &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Name: "web-1"}}}, webhook,
			`ReplicaSetUpdateError Failed to update replica set "web-1": virtualservices "web" is forbidden: no hosts`},
		{rollout.StopRun{}, webhook, `ReconciliationError routing traffic: virtualservices "web" is forbidden: no hosts`},
	} {
		events := &eventLog{}
		r := &rolloutReconciler{Deps: Deps{Events: events}}
		_, err := r.tellRefused(context.Background(), types.NamespacedName{}, &sight{Observed: rollout.Observed{Rollout: &v1alpha1.Rollout{}}}, &apply.RefusedAction{Action: c.action, Err: c.err}, time.Time{})
		if want := (eventLog{"Warning " + c.want}); err != nil || !slices.Equal(*events, want) {
			t.Errorf("%T: %q, %v; want %q", c.action, *events, err, want)
		}
	}
}

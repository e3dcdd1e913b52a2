package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/rollout"
)

// shop is a Rollout with one of each of its objects, behind an API server that has its own
// answer for some writes.
type shop struct {
	client.Client
	ro    *v1alpha1.Rollout
	pod   *corev1.Pod
	svc   *corev1.Service
	rs    *appsv1.ReplicaSet
	wrote []string // what writes were tried, by the types of their objects
}

func newShop(t *testing.T, answer func(client.Object) error) *shop {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{v1alpha1.AddToScheme, corev1.AddToScheme, appsv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	named := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: "shop", Name: name} }
	s := &shop{
		ro: &v1alpha1.Rollout{ObjectMeta: named("web")}, pod: &corev1.Pod{ObjectMeta: named("web-1-x")}, svc: &corev1.Service{ObjectMeta: named("web")},
		rs: &appsv1.ReplicaSet{ObjectMeta: named("web-1"), Spec: appsv1.ReplicaSetSpec{Replicas: ptr.To[int32](1)}},
	}
	all := []client.Object{s.ro, s.pod, s.svc, s.rs}
	s.Client = fake.NewClientBuilder().WithScheme(scheme).WithObjects(all...).WithInterceptorFuncs(interceptor.Funcs{
		Patch: func(ctx context.Context, c client.WithWatch, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
			s.wrote = append(s.wrote, fmt.Sprintf("%T", obj))
			if err := answer(obj); err != nil {
				return err
			}
			return c.Patch(ctx, obj, patch, opts...)
		},
	}).Build()
	for _, obj := range all {
		if err := s.Get(t.Context(), client.ObjectKeyFromObject(obj), obj); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// Pods are dressed when all else is done. What the API server refuses them is told, and
// keeps nothing from being done.
func TestDressesLast(t *testing.T) {
	for name, refusal := range map[string]error{
		"nothing":   nil,
		"a policy":  apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "web-1-x", errors.New("a policy")),
		"a failure": apierrors.NewInternalError(errors.New("busy")),
	} {
		s := newShop(t, func(obj client.Object) error {
			if _, isPod := obj.(*corev1.Pod); isPod {
				return refusal
			}
			return nil
		})
		done, err := Executor{Client: s}.Act(t.Context(), s.ro, []rollout.Action{
			rollout.PatchPod{Pod: s.pod, Labels: map[string]*string{"role": ptr.To("stable")}},
			rollout.SelectPods{Service: s.svc, Hash: "1"},
			rollout.UpdateReplicaSet{ReplicaSet: s.rs, Replicas: 0},
		})
		if want := []string{"*v1.Service", "*v1.ReplicaSet", "*v1.Pod"}; !slices.Equal(s.wrote, want) {
			t.Errorf("%s is refused: wrote %v, want %v", name, s.wrote, want)
		}
		told := errors.As(err, new(*RefusedAction))
		if name != "nothing" && !errors.Is(err, refusal) || told != (name == "a policy") || (done == nil) != (name == "a failure") {
			t.Errorf("%s is refused: %v, error %v", name, done, err)
		}
	}
}

// A policy that refuses the note how long pods stay keeps no traffic from being taken back;
// one that refuses pods does.
func TestRefusedNote(t *testing.T) {
	refusal := apierrors.NewForbidden(schema.GroupResource{Resource: "replicasets"}, "web-1", errors.New("a policy"))
	for replicas, want := range map[int32][]string{1: {"*v1.ReplicaSet", "*v1.Service"}, 2: {"*v1.ReplicaSet"}} {
		s := newShop(t, func(obj client.Object) error {
			if _, isSet := obj.(*appsv1.ReplicaSet); isSet {
				return refusal
			}
			return nil
		})
		done, err := Executor{Client: s}.Act(t.Context(), s.ro, []rollout.Action{
			rollout.SelectPods{Service: s.svc, Hash: "1"},
			rollout.UpdateReplicaSet{ReplicaSet: s.rs, Replicas: replicas, Annotations: map[string]*string{v1alpha1.ServesUntilAnnotation: ptr.To("2026-01-01T00:00:05Z")}},
		})
		if !slices.Equal(s.wrote, want) || !errors.As(err, new(*RefusedAction)) || (done == nil) != (replicas == 2) {
			t.Errorf("%d replicas: wrote %v, want %v; %v, error %v", replicas, s.wrote, want, done, err)
		}
	}
}

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

// Pods are dressed when all else is done. What the API server refuses them is told, and
// keeps nothing from being done.
func TestDressesLast(t *testing.T) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{v1alpha1.AddToScheme, corev1.AddToScheme, appsv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	named := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: "shop", Name: name} }
	ro := &v1alpha1.Rollout{ObjectMeta: named("web")}
	for name, refusal := range map[string]error{
		"nothing":   nil,
		"a policy":  apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "web-1-x", errors.New("a policy")),
		"a failure": apierrors.NewInternalError(errors.New("busy")),
	} {
		pod, svc := &corev1.Pod{ObjectMeta: named("web-1-x")}, &corev1.Service{ObjectMeta: named("web")}
		rs := &appsv1.ReplicaSet{ObjectMeta: named("web-1"), Spec: appsv1.ReplicaSetSpec{Replicas: ptr.To[int32](1)}}
		var wrote []string
		c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(ro.DeepCopy(), pod, svc, rs).WithInterceptorFuncs(interceptor.Funcs{
			Patch: func(ctx context.Context, c client.WithWatch, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
				wrote = append(wrote, fmt.Sprintf("%T", obj))
				if _, isPod := obj.(*corev1.Pod); isPod && refusal != nil {
					return refusal
				}
				return c.Patch(ctx, obj, patch, opts...)
			},
		}).Build()
		for _, obj := range []client.Object{pod, svc, rs, ro} {
			if err := c.Get(context.Background(), client.ObjectKeyFromObject(obj), obj); err != nil {
				t.Fatal(err)
			}
		}
		done, err := Executor{Client: c}.Act(context.Background(), ro, []rollout.Action{
			rollout.PatchPod{Pod: pod, Labels: map[string]*string{"role": ptr.To("stable")}},
			rollout.SelectPods{Service: svc, Hash: "1"},
			rollout.UpdateReplicaSet{ReplicaSet: rs, Replicas: 0},
		})
		if want := []string{"*v1.Service", "*v1.ReplicaSet", "*v1.Pod"}; !slices.Equal(wrote, want) {
			t.Errorf("%s is refused: wrote %v, want %v", name, wrote, want)
		}
		told := errors.As(err, new(*RefusedAction))
		if name != "nothing" && !errors.Is(err, refusal) || told != (name == "a policy") || (done == nil) != (name == "a failure") {
			t.Errorf("%s is refused: %v, error %v", name, done, err)
		}
	}
}

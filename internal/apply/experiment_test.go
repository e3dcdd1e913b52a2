package apply

import (
	"context"
	"errors"
	"maps"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/experiment"
)

// The Service of a template is changed to select what is wanted and nothing else; that the
// API server will never have it so is told by its name.
func TestUpdatesServices(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	policy := apierrors.NewForbidden(schema.GroupResource{Resource: "services"}, "web", errors.New("a policy"))
	for name, refusal := range map[string]error{"nothing": nil, "a policy": policy} {
		svc := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", Labels: map[string]string{"mine": "1"}},
			Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "web", "tier": "back"}, Ports: []corev1.ServicePort{{Port: 80}, {Port: 81}}}}
		c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(svc).WithInterceptorFuncs(interceptor.Funcs{
			Patch: func(ctx context.Context, c client.WithWatch, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
				if refusal != nil {
					return refusal
				}
				return c.Patch(ctx, obj, patch, opts...)
			},
		}).Build()
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(svc), svc); err != nil {
			t.Fatal(err)
		}
		wanted := map[string]string{"app": "web", "hash": "2"}
		err := Executor{Client: c}.Experiment(t.Context(), &v1alpha1.Experiment{}, experiment.Plan{Actions: []experiment.Action{
			experiment.UpdateService{Service: svc, Labels: wanted, Selector: wanted, Ports: []corev1.ServicePort{{Port: 90}}},
		}})
		if refusal != nil {
			if refused := (*RefusedError)(nil); !errors.As(err, &refused) || refused.Object != (experiment.Object{Kind: "Service", Name: "web"}) {
				t.Errorf("%s refuses it: error %v", name, err)
			}
			continue
		}
		got := &corev1.Service{}
		if err := errors.Join(err, c.Get(t.Context(), client.ObjectKeyFromObject(svc), got)); err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(got.Spec.Selector, wanted) || len(got.Spec.Ports) != 1 || got.Spec.Ports[0].Port != 90 || got.Labels["mine"] != "1" || got.Labels["hash"] != "2" {
			t.Errorf("the Service is %+v", got)
		}
	}
}

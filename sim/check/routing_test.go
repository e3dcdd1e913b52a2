package check_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/sim/check"
)

func TestRouting(t *testing.T) {
	start := func(t *testing.T, ready int) *bench {
		b := newBench(t, check.NewRouting())
		ro := b.rollout(func(ro *v1alpha1.Rollout) { ro.Spec.Strategy.Canary.TrafficRouting = &v1alpha1.RolloutTrafficRouting{} })
		b.set(ro, "old", 5, 5)
		b.set(ro, "new", 1, ready)
		for name, hash := range map[string]string{"stable": "old", "canary": "new"} {
			b.do(b.client.Create(t.Context(), &corev1.Service{
				ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name},
				Spec:       corev1.ServiceSpec{Selector: map[string]string{v1alpha1.DefaultRolloutUniqueLabelKey: hash}, Ports: []corev1.ServicePort{{Port: 80}}},
			}))
		}
		return b
	}
	split := func(canary, stable int32) func(*v1alpha1.RolloutStatus) {
		return func(s *v1alpha1.RolloutStatus) {
			s.Canary.Weights = &v1alpha1.TrafficWeights{
				Canary: v1alpha1.WeightDestination{Weight: canary, ServiceName: "canary"},
				Stable: v1alpha1.WeightDestination{Weight: stable, ServiceName: "stable"},
			}
		}
	}
	t.Run("sound", func(t *testing.T) {
		b := start(t, 1)
		b.status(split(20, 80))
		b.settled()
	})
	t.Run("shares that do not add up", func(t *testing.T) {
		b := start(t, 1)
		b.status(split(20, 70))
		b.broken("routing: rollout default/web: the shares add up to 90, not 100")
	})
	t.Run("a share for nobody", func(t *testing.T) {
		b := start(t, 0)
		b.status(split(20, 80))
		b.broken("Service canary has 20 % of the requests and no ready pod")
	})
	t.Run("more after the abort", func(t *testing.T) {
		b := start(t, 1)
		aborted := func(canary int32) {
			b.status(func(s *v1alpha1.RolloutStatus) { split(canary, 100-canary)(s); s.Abort = true })
		}
		aborted(20)
		b.settled()
		aborted(40)
		b.broken("the canary's share rises from 20 to 40 after the abort")
	})
}

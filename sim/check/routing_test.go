package check_test

import (
	"fmt"
	"testing"
	"time"

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
	split := func(canary, stable int32) func(*v1alpha1.RolloutStatus) { return recorded(stable, canary) }
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

// Where the mesh tells who has which share, the record does not.
func TestRoutingAsTheMeshWasTold(t *testing.T) {
	for _, c := range []struct {
		name           string
		stable, canary int64
		because        string // empty: allowed
	}{
		{"the record is behind", 100, 0, ""},
		{"the mesh is ahead", 80, 20, "routing: rollout default/web: Service canary has 20 % of the requests and no ready pod"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := routed(t, 0, check.NewRouting())
			b.status(recorded(80, 20))
			b.split(c.stable, c.canary)
			if c.because == "" {
				b.settled()
			} else {
				b.broken(c.because)
			}
		})
	}
}

// A person who takes all pods and wants some again has nobody's promise until the
// controller knows.
func TestRoutingAfterScalingToNothing(t *testing.T) {
	b := routed(t, 2, check.NewRouting())
	b.status(recorded(100, 0))
	replicas := func(n int32) { b.person(func() { b.spec(func(ro *v1alpha1.Rollout) { ro.Spec.Replicas = &n }) }) }
	replicas(0)
	b.scale("old", 0)
	for i := range 5 {
		b.remove("replicaset-controller", fmt.Sprintf("web-old-%d", i+1))
	}
	b.settled()
	replicas(5)
	b.sleep(time.Second)
	b.status(func(*v1alpha1.RolloutStatus) {}) // it knows, and asks for none
	b.broken("Service stable has 100 % of the requests and no ready pod")
}

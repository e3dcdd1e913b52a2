package rollout

import (
	"fmt"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// populate gives a ReplicaSet its pods, all of them ready.
func (d *desk) populate(rs *appsv1.ReplicaSet) {
	for i := range specReplicas(rs) {
		d.o.Pods = append(d.o.Pods, &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{
				Name: fmt.Sprintf("%s-%d", rs.Name, i), CreationTimestamp: metav1.NewTime(d.now),
				OwnerReferences: []metav1.OwnerReference{{Name: rs.Name, Controller: ptr.To(true)}},
			},
			Status: corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}},
		})
	}
}

// A restart in the middle of an update of ten pods, four of them new, may miss
// two at once: of all together where they serve the same users, of each version
// where those of the stable one are all there.
func TestEvictionsAtOnce(t *testing.T) {
	two := intstr.FromInt32(2)
	routed := func(c *v1alpha1.CanaryStrategy) {
		c.TrafficRouting = &v1alpha1.RolloutTrafficRouting{Istio: &v1alpha1.IstioTrafficRouting{}}
	}
	tests := []struct {
		name        string
		change      func(*v1alpha1.CanaryStrategy)
		stable, new int
	}{
		{"pods make the weight", func(*v1alpha1.CanaryStrategy) {}, 2, 0},
		{"routed", routed, 2, 2},
		{"routed, stable pods make way", func(c *v1alpha1.CanaryStrategy) { routed(c); c.DynamicStableScale = true }, 2, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := routedDesk(t, func(c *v1alpha1.CanaryStrategy) {
				c.TrafficRouting, c.MaxUnavailable = nil, &two
				test.change(c)
			}, weight(40), pauseFor(nil))
			d.o.Rollout.Spec.Replicas = ptr.To[int32](10)
			d.settle().image("v2").heard()
			for _, rs := range d.o.ReplicaSets {
				d.populate(rs)
			}
			d.now = d.now.Add(time.Minute)
			d.o.Rollout.Spec.RestartAt = &metav1.Time{Time: d.now}
			evicted := map[string]int{}
			for _, a := range Decide(d.o, d.now).Actions {
				if e, ok := a.(EvictPod); ok {
					evicted[e.Pod[:len(e.Pod)-len("-0")]]++
				}
			}
			if s, n := evicted[d.o.ReplicaSets[0].Name], evicted[d.o.ReplicaSets[1].Name]; s != test.stable || n != test.new {
				t.Errorf("%d stable and %d new pods are evicted at once, want %d and %d", s, n, test.stable, test.new)
			}
		})
	}
}

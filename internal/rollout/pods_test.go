package rollout

import (
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

func TestNeedsPods(t *testing.T) {
	at := metav1.NewTime(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	role := &v1alpha1.PodTemplateMetadata{Labels: map[string]string{"role": "canary"}}
	for _, tc := range []struct {
		name   string
		change func(ro *v1alpha1.Rollout, rs *appsv1.ReplicaSet)
		want   Pods
	}{
		{"all is well", func(*v1alpha1.Rollout, *appsv1.ReplicaSet) {}, NoPods},
		{"a pod is not ready", func(_ *v1alpha1.Rollout, rs *appsv1.ReplicaSet) { rs.Status.ReadyReplicas = 2 }, PendingPods},
		{"the ReplicaSet was scaled just now", func(_ *v1alpha1.Rollout, rs *appsv1.ReplicaSet) { rs.Generation = 5 }, PendingPods},
		{"a restart is due", func(ro *v1alpha1.Rollout, _ *appsv1.ReplicaSet) { ro.Spec.RestartAt = &at }, EveryPod},
		{"a restart is over", func(ro *v1alpha1.Rollout, _ *appsv1.ReplicaSet) {
			ro.Spec.RestartAt, ro.Status.RestartedAt = &at, &at
		}, NoPods},
		{"canary pods are marked", func(ro *v1alpha1.Rollout, _ *appsv1.ReplicaSet) { ro.Spec.Strategy.Canary.CanaryMetadata = role }, EveryPod},
		{"stable pods are marked", func(ro *v1alpha1.Rollout, _ *appsv1.ReplicaSet) { ro.Spec.Strategy.Canary.StableMetadata = role }, EveryPod},
		{"preview pods are marked", func(ro *v1alpha1.Rollout, _ *appsv1.ReplicaSet) {
			ro.Spec.Strategy = v1alpha1.RolloutStrategy{BlueGreen: &v1alpha1.BlueGreenStrategy{PreviewMetadata: role}}
		}, EveryPod},
		{"pods were marked", func(_ *v1alpha1.Rollout, rs *appsv1.ReplicaSet) {
			rs.Annotations = map[string]string{v1alpha1.EphemeralMetadataAnnotation: `{"labels":{"role":"canary"}}`}
		}, EveryPod},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ro := &v1alpha1.Rollout{Spec: v1alpha1.RolloutSpec{Strategy: v1alpha1.RolloutStrategy{Canary: &v1alpha1.CanaryStrategy{}}}}
			rs := &appsv1.ReplicaSet{
				ObjectMeta: metav1.ObjectMeta{Generation: 4},
				Spec:       appsv1.ReplicaSetSpec{Replicas: ptr.To(int32(3))},
				Status:     appsv1.ReplicaSetStatus{ReadyReplicas: 3, ObservedGeneration: 4},
			}
			tc.change(ro, rs)
			if got := NeedsPods(Observed{Rollout: ro, ReplicaSets: []*appsv1.ReplicaSet{rs}}); got != tc.want {
				t.Errorf("NeedsPods = %v, want %v", got, tc.want)
			}
		})
	}
}

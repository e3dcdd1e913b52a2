package rollout

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// TestAdopt: what an earlier Rollout left behind is taken before anything else is
// decided, but not by a Rollout that is about to go.
func TestAdopt(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	left := &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Name: "web-1"}}
	o := Observed{
		Rollout:  &v1alpha1.Rollout{Spec: v1alpha1.RolloutSpec{Replicas: ptr.To[int32](2)}},
		Template: &corev1.PodTemplateSpec{},
		Orphans:  []*appsv1.ReplicaSet{left},
	}
	if diff := cmp.Diff([]Action{AdoptReplicaSet{left}}, Decide(o, now).Actions); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	o.Rollout.DeletionTimestamp = &metav1.Time{Time: now}
	if got := Decide(o, now).Actions; len(got) > 0 {
		t.Errorf("a Rollout that is being deleted does %v", got)
	}
}

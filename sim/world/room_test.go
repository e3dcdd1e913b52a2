package world_test

import (
	"errors"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/sim/world"
)

// TestRoom ends a simulation before a mistyped number takes all memory.
func TestRoom(t *testing.T) {
	many := ptr.To[int32](1_000_000_000)
	for want, obj := range map[string]client.Object{
		"ReplicaSet default/web": replicaSet(1, func(rs *appsv1.ReplicaSet) { rs.Spec.Replicas = many }),
		"Job default/load":       newJob("x:1", corev1.RestartPolicyNever, func(s *batchv1.JobSpec) { s.Parallelism, s.Completions = many, many }),
	} {
		c := newCluster(t, world.Options{})
		c.do(c.Client().Create(t.Context(), obj))
		var full *world.RoomError
		if err := c.Settle(); !errors.As(err, &full) || full.Workload != want || full.Pods != *many {
			t.Errorf("%v, want that %s asks for too many pods", err, want)
		}
	}
}

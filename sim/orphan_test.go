package sim_test

import (
	"context"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/sim"
	"github.com/aviary-rollouts/aviary/sim/fault"
)

// A Rollout that is deleted with --cascade=orphan leaves its ReplicaSets, also where the
// controller sees that they belong to nobody before it sees that the Rollout goes: it
// does not take them back.
func TestOrphansAreNotTakenBackByARolloutThatGoes(t *testing.T) {
	s := start(t, sim.Options{Objects: plainCanary()})
	sleep(t, s, time.Minute)
	f, err := fault.Parse("stale:age=5s,ReplicaSet=0s,Pod=0s")
	if err != nil {
		t.Fatal(err)
	}
	s.Faults().Add(f)
	ctx := context.Background()
	ro := &v1alpha1.Rollout{ObjectMeta: metav1.ObjectMeta{Namespace: mockServer.Namespace, Name: mockServer.Name}}
	if err := s.Client().Delete(ctx, ro, client.PropagationPolicy(metav1.DeletePropagationOrphan)); err != nil {
		t.Fatal(err)
	}
	sleep(t, s, time.Minute)
	var left appsv1.ReplicaSetList
	if err := s.Client().List(ctx, &left); err != nil {
		t.Fatal(err)
	}
	if len(left.Items) != 1 || len(left.Items[0].OwnerReferences) > 0 || left.Items[0].Status.ReadyReplicas != 5 {
		t.Errorf("%d ReplicaSets are left, want one with 5 pods that belongs to nobody:\n%s", len(left.Items), timeline(s))
	}
}

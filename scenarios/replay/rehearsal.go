package replay

import (
	"context"
	"fmt"
	"math"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/scenarios/backend"
)

// rehearsal is a simulator that notes at the end of each sleep how the pods and the
// Rollouts are.
type rehearsal struct {
	*backend.Sim

	line  int                        // of the command that runs
	ready map[int]*backend.Readiness // by the lines of commands
}

// forever is longer than any sleep.
const forever = math.MaxInt64 * time.Nanosecond

// Sleep lets virtual time pass, and looks at the pods and the Rollouts.
func (r *rehearsal) Sleep(ctx context.Context, d time.Duration) error {
	if err := r.Sim.Sleep(ctx, d); err != nil {
		return err
	}
	var pods corev1.PodList
	if err := r.Client().List(ctx, &pods); err != nil {
		return fmt.Errorf("look at the simulated pods: %w", err)
	}
	var rollouts v1alpha1.RolloutList
	if err := r.Client().List(ctx, &rollouts); err != nil {
		return fmt.Errorf("look at the simulated Rollouts: %w", err)
	}
	since, starting := backend.ReadinessOf(pods.Items)
	ready := &backend.Readiness{Count: len(since), Starting: starting, Lag: forever, Resting: map[types.NamespacedName]string{}}
	if len(since) > 0 {
		ready.Lag = r.Clock().Now().Sub(since[len(since)-1])
	}
	for i := range rollouts.Items {
		if place, ok := backend.RestOf(&rollouts.Items[i]); ok {
			ready.Resting[client.ObjectKeyFromObject(&rollouts.Items[i])] = place
		}
	}
	r.ready[r.line] = ready
	return nil
}

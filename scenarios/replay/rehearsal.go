package replay

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/aviary-rollouts/aviary/scenarios/backend"
)

// rehearsal is a simulator that notes at the end of each sleep how the pods are.
type rehearsal struct {
	*backend.Sim

	line  int                        // of the command that runs
	ready map[int]*backend.Readiness // by the lines of commands
}

// Sleep lets virtual time pass, and looks at the pods.
func (r *rehearsal) Sleep(ctx context.Context, d time.Duration) error {
	if err := r.Sim.Sleep(ctx, d); err != nil {
		return err
	}
	var pods corev1.PodList
	if err := r.Client().List(ctx, &pods); err != nil {
		return fmt.Errorf("look at the simulated pods: %w", err)
	}
	count, last := backend.ReadinessOf(pods.Items)
	r.ready[r.line] = &backend.Readiness{Count: count, Lag: r.Clock().Now().Sub(last)}
	return nil
}

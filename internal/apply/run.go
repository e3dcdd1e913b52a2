package apply

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// createRun creates an AnalysisRun. A name that is taken means that the decision
// was made from a stale view: the error brings another look.
func (e Executor) createRun(ctx context.Context, wanted *v1alpha1.AnalysisRun) error {
	run := wanted.DeepCopy()
	if err := e.Client.Create(ctx, run); err != nil {
		return fmt.Errorf("creating AnalysisRun %s: %w", run.Name, err)
	}
	e.wrote(run)
	return nil
}

// stopRun asks an AnalysisRun to end.
func (e Executor) stopRun(ctx context.Context, run *v1alpha1.AnalysisRun) error {
	return e.patch(ctx, run.DeepCopy(), nil, map[string]any{"terminate": true})
}

// deleteRun deletes an AnalysisRun; its measurements and jobs go with it.
func (e Executor) deleteRun(ctx context.Context, run *v1alpha1.AnalysisRun) error {
	if err := e.Client.Delete(ctx, run, client.Preconditions{UID: &run.UID}); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("deleting AnalysisRun %s: %w", run.Name, err)
	}
	return nil
}

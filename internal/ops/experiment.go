package ops

import (
	"context"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// GetExperiment reads an Experiment. A wrong name is explained by the names that
// exist.
func GetExperiment(ctx context.Context, c client.Client, key types.NamespacedName) (*v1alpha1.Experiment, error) {
	e := &v1alpha1.Experiment{}
	if err := Experiments.get(ctx, c, key, e); err != nil {
		return nil, err
	}
	return e, nil
}

// RetryExperiment makes the controller forget what came of an Experiment: it
// starts again, with new AnalysisRuns. That it was terminated is forgotten, too,
// or the next attempt would end where it begins.
func RetryExperiment(ctx context.Context, c client.Client, key types.NamespacedName) error {
	return Experiments.patch(ctx, c, key, "retry", fields{"spec": fields{"terminate": nil}, "status": nil})
}

// TerminateExperiment ends an Experiment now.
func TerminateExperiment(ctx context.Context, c client.Client, key types.NamespacedName) error {
	return Experiments.patch(ctx, c, key, "terminate", terminate)
}

// TerminateAnalysisRun ends an AnalysisRun now: it measures no more.
func TerminateAnalysisRun(ctx context.Context, c client.Client, key types.NamespacedName) error {
	return AnalysisRuns.patch(ctx, c, key, "terminate", terminate)
}

var terminate = fields{"spec": fields{"terminate": true}}

package ops

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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

// RetryExperiment starts an Experiment again, unless it is that of a step and its
// Rollout waits for it no more: that ends it at once, and all that would come of it is
// that nobody can read any more why it failed.
func RetryExperiment(ctx context.Context, c client.Client, key types.NamespacedName) error {
	e, err := GetExperiment(ctx, c, key)
	if apierrors.IsForbidden(err) { // who may only retry need not be able to look
		return ForgetExperiment(ctx, c, key)
	}
	if err != nil {
		return err
	}
	owner := metav1.GetControllerOf(e)
	if owner == nil || owner.Kind != v1alpha1.KindRollout {
		return ForgetExperiment(ctx, c, key)
	}
	ro := &v1alpha1.Rollout{}
	err = c.Get(ctx, types.NamespacedName{Namespace: key.Namespace, Name: owner.Name}, ro)
	switch {
	case apierrors.IsNotFound(err), apierrors.IsForbidden(err):
	case err != nil:
		return fmt.Errorf("retry experiment %q: reading its rollout %q: %w", key.Name, owner.Name, err)
	case ro.Status.Abort:
		return fmt.Errorf("retry experiment %q: rollout %q was aborted and would end it at once: use retry rollout %s, which makes a new one", key.Name, ro.Name, ro.Name)
	case ro.Status.Canary.CurrentExperiment != key.Name:
		return fmt.Errorf("retry experiment %q: rollout %q waits for it no more and would end it at once", key.Name, ro.Name)
	}
	return ForgetExperiment(ctx, c, key)
}

// ForgetExperiment makes the controller forget what came of an Experiment: it
// starts again, with new AnalysisRuns. That it was terminated is forgotten, too,
// or the next attempt would end where it begins.
func ForgetExperiment(ctx context.Context, c client.Client, key types.NamespacedName) error {
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

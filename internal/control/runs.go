package control

import (
	"context"
	"fmt"
	"maps"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/equal"
	"github.com/aviary-rollouts/aviary/internal/rollout"
)

// readRuns reads the AnalysisRuns and Experiments of the namespace and tells those
// that a Rollout controls from the others.
func (r *rolloutReconciler) readRuns(ctx context.Context, o *rollout.Observed, read *[]client.Object) error {
	list := &v1alpha1.AnalysisRunList{}
	if err := r.Client.List(ctx, list, client.InNamespace(o.Rollout.Namespace), shared); err != nil {
		return fmt.Errorf("listing AnalysisRuns: %w", err)
	}
	for i := range list.Items {
		if run := &list.Items[i]; metav1.IsControlledBy(run, o.Rollout) {
			o.Runs = append(o.Runs, run)
			*read = append(*read, run)
		} else {
			o.OtherRuns = append(o.OtherRuns, run)
		}
	}
	experiments := &v1alpha1.ExperimentList{}
	if err := r.Client.List(ctx, experiments, client.InNamespace(o.Rollout.Namespace), shared); err != nil {
		return fmt.Errorf("listing Experiments: %w", err)
	}
	for i := range experiments.Items {
		if e := &experiments.Items[i]; metav1.IsControlledBy(e, o.Rollout) {
			o.Experiments = append(o.Experiments, e)
			*read = append(*read, e)
		} else {
			o.OtherExperiments = append(o.OtherExperiments, e)
		}
	}
	return nil
}

// usersOfTemplate finds the Rollouts whose analyses name a template, directly or
// not; a cluster-wide template may be named from any namespace.
func (r *rolloutReconciler) usersOfTemplate(_ context.Context, obj client.Object) []types.NamespacedName {
	return r.specs.those(obj.GetNamespace(), func(f *specFacts) bool { return len(f.templates) > 0 })
}

// sameVerdict is true for changes of an AnalysisRun that only its own controller
// looks at: those who wait for a run see its verdict and not its measurements.
func sameVerdict(was, is client.Object) bool {
	a, ok := was.(*v1alpha1.AnalysisRun)
	b, ok2 := is.(*v1alpha1.AnalysisRun)
	return ok && ok2 && a.UID == b.UID && a.Status.Phase == b.Status.Phase && a.Status.Message == b.Status.Message &&
		a.Spec.Terminate == b.Spec.Terminate && a.DeletionTimestamp.Equal(b.DeletionTimestamp) &&
		maps.Equal(a.Labels, b.Labels) && maps.Equal(a.Annotations, b.Annotations) &&
		equal.Objects(&a.OwnerReferences, &b.OwnerReferences)
}

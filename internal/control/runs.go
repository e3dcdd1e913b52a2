package control

import (
	"context"
	"fmt"
	"maps"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
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

// readAnswering reads how many pods of the current Experiment are available, if it may get
// requests.
func (r *rolloutReconciler) readAnswering(ctx context.Context, o *rollout.Observed) error {
	current := o.Rollout.Status.Canary.CurrentExperiment
	i := slices.IndexFunc(o.Experiments, func(e *v1alpha1.Experiment) bool { return e.Name == current })
	if i < 0 || !hasService(o.Experiments[i]) || !routedByIstio(o.Rollout) {
		return nil
	}
	e, list := o.Experiments[i], &appsv1.ReplicaSetList{}
	if err := r.Client.List(ctx, list, client.InNamespace(e.Namespace), OwnedBy(e.UID), shared); err != nil {
		return fmt.Errorf("listing ReplicaSets of Experiment %s: %w", e.Name, err)
	}
	o.Answering = map[string]int32{}
	for i := range list.Items {
		if rs := &list.Items[i]; metav1.IsControlledBy(rs, e) {
			o.Answering[rs.Labels[v1alpha1.DefaultRolloutUniqueLabelKey]] += rs.Status.AvailableReplicas
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

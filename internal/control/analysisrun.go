package control

import (
	"context"
	"fmt"
	"maps"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/metric"
	"github.com/aviary-rollouts/aviary/internal/metric/job"
	"github.com/aviary-rollouts/aviary/internal/metric/providers"
)

// analysisRunReconciler observes one AnalysisRun, measures what analysis.Due asks
// for, and applies what analysis.Assess makes of it.
type analysisRunReconciler struct {
	Deps
	fresh   *freshness
	echoes  *echoes
	metrics *metric.Registry
}

func newAnalysisRunReconciler(d Deps) *analysisRunReconciler {
	return &analysisRunReconciler{Deps: d, fresh: newFreshness(), echoes: newEchoes(), metrics: providers.New(d.Client, d.HTTP, d.Clock, d.Metrics)}
}

// Reconcile brings one AnalysisRun a step forward.
func (r *analysisRunReconciler) Reconcile(ctx context.Context, key types.NamespacedName) (time.Time, error) {
	now := r.Clock.Now()
	run := &v1alpha1.AnalysisRun{}
	if err := r.Client.Get(ctx, key, run, shared); err != nil {
		if apierrors.IsNotFound(err) {
			r.fresh.forget(key)
			r.echoes.forget(key)
			return time.Time{}, nil
		}
		return time.Time{}, fmt.Errorf("analysisrun %s: reading it: %w", key, err)
	}
	switch {
	case run.DeletionTimestamp != nil:
		return time.Time{}, nil // its Jobs go with it, by owner reference
	case !r.fresh.sees(key, []client.Object{run}, now):
		return r.echoes.again(key, now), nil
	}
	plan, err := r.metrics.Plan(ctx, run, metric.Hooks{})
	if err != nil {
		return time.Time{}, fmt.Errorf("analysisrun %s: %w", key, err)
	}
	executor := r.fresh.executor(r.Client, key, now, func(obj client.Object) {
		// What was measured has been assessed: until the wake there is nothing to do.
		r.echoes.expect(key, []version{versionOf(obj)})
	})
	if err := executor.AnalysisRun(ctx, run, plan); err != nil {
		return time.Time{}, err
	}
	for _, note := range plan.Why {
		if note.Event {
			r.Events.Event(run, note.EventType(), note.Reason, note.Message)
		}
	}
	for _, trim := range plan.Trimmed {
		if err := r.metrics.Collect(ctx, run, trim); err != nil {
			return time.Time{}, fmt.Errorf("analysisrun %s: %w", key, err)
		}
	}
	return plan.Wake, nil
}

// sameOutcome is true for changes of a Job that leave open how it ends, as that a pod
// of it has started.
func sameOutcome(was, is client.Object) bool {
	a, ok := was.(*batchv1.Job)
	b, ok2 := is.(*batchv1.Job)
	return ok && ok2 && a.UID == b.UID && a.DeletionTimestamp.Equal(b.DeletionTimestamp) &&
		equality.Semantic.DeepEqual(a.Status.Conditions, b.Status.Conditions) &&
		maps.Equal(a.Labels, b.Labels) && maps.Equal(a.Annotations, b.Annotations)
}

// runOfJob finds the run that a Job measures for. A Job in another namespace has
// no owner, so that it is told by its label and annotations.
func (r *analysisRunReconciler) runOfJob(_ context.Context, obj client.Object) []types.NamespacedName {
	if obj.GetLabels()[v1alpha1.AnalysisRunUIDLabelKey] == "" {
		return nil
	}
	key := types.NamespacedName{
		Namespace: obj.GetAnnotations()[v1alpha1.AnalysisRunNamespaceAnnotationKey],
		Name:      obj.GetAnnotations()[v1alpha1.AnalysisRunNameAnnotationKey],
	}
	if key.Name == "" || key.Namespace == "" {
		return nil
	}
	return []types.NamespacedName{key}
}

// runOfPod wakes only for what the status of a Job does not tell: an image that
// cannot be pulled.
func (r *analysisRunReconciler) runOfPod(ctx context.Context, obj client.Object) []types.NamespacedName {
	pod, ok := obj.(*corev1.Pod)
	owner := metav1.GetControllerOfNoCopy(obj)
	if !ok || owner == nil || owner.Kind != "Job" || job.WaitsForImage(pod) == "" {
		return nil
	}
	j := &batchv1.Job{}
	if err := r.Client.Get(ctx, types.NamespacedName{Namespace: pod.Namespace, Name: owner.Name}, j, shared); err != nil {
		return nil // the Job is gone, and its run was woken by that
	}
	return r.runOfJob(ctx, j)
}

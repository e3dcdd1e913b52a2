package cli

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/ops"
	"github.com/aviary-rollouts/aviary/internal/view"
)

// fetchRollout reads a Rollout and everything in its namespace that its tree may
// show.
func fetchRollout(ctx context.Context, c client.Client, key types.NamespacedName) (view.Objects, error) {
	ro, err := ops.Get(ctx, c, key)
	if err != nil {
		return view.Objects{}, err
	}
	o, err := children(ctx, c, rollout, key)
	if err != nil {
		return o, err
	}
	o.Rollout = ro
	o.Workload, err = workload(ctx, c, ro)
	return o, err
}

// children reads everything in the namespace of an object that its tree may
// show.
func children(ctx context.Context, c client.Client, parent noun, key types.NamespacedName) (view.Objects, error) {
	var (
		replicaSets appsv1.ReplicaSetList
		pods        corev1.PodList
		experiments v1alpha1.ExperimentList
		runs        v1alpha1.AnalysisRunList
		jobs        batchv1.JobList
	)
	inNamespace := client.InNamespace(key.Namespace)
	// Experiments label their ReplicaSets and pods with a hash, too.
	hashed := client.HasLabels{v1alpha1.DefaultRolloutUniqueLabelKey}
	for _, read := range []struct {
		list client.ObjectList
		only client.ListOption
	}{
		{&replicaSets, hashed},
		{&pods, hashed},
		{&experiments, inNamespace},
		{&runs, inNamespace},
		{&jobs, client.HasLabels{v1alpha1.AnalysisRunUIDLabelKey}},
	} {
		// Nobody writes to what a tree shows, so that a server in memory need not copy it.
		err := c.List(ctx, read.list, inNamespace, read.only, client.UnsafeDisableDeepCopy)
		if err != nil && !meta.IsNoMatchError(err) { // a cluster without Experiments has none
			return view.Objects{}, fmt.Errorf("get %s %q: %w", parent.Name, key.Name, err)
		}
	}
	return view.Objects{
		ReplicaSets: replicaSets.Items, Pods: pods.Items,
		Experiments: experiments.Items, AnalysisRuns: runs.Items, Jobs: jobs.Items,
	}, nil
}

// workload reads what spec.workloadRef names; nil if it names nothing or what
// it names does not exist, which the status of the Rollout will say.
func workload(ctx context.Context, c client.Client, ro *v1alpha1.Rollout) (metav1.Object, error) {
	found, err := ops.Workload(ctx, c, ro)
	switch {
	case apierrors.IsNotFound(err), meta.IsNoMatchError(err), err == nil && found == nil:
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("get rollout %q: %w", ro.Name, err)
	}
	return found, nil
}

// summary reads one Rollout and sums it up.
func summary(ctx context.Context, c client.Client, key types.NamespacedName) (view.Summary, error) {
	ro, err := ops.Get(ctx, c, key)
	if err != nil {
		return view.Summary{}, err
	}
	w, err := workload(ctx, c, ro)
	if err != nil {
		return view.Summary{}, err
	}
	return view.Summarize(ro, w), nil
}

package apply

import (
	"context"
	"encoding/json"
	"fmt"
	"sort"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/analysis"
	"github.com/aviary-rollouts/aviary/internal/experiment"
	"github.com/aviary-rollouts/aviary/internal/rollout"
)

// RefusedError is returned when the API server will not have an object that an
// Experiment needs, however often it is asked.
type RefusedError struct {
	Object experiment.Object
	// Err is what the API server said.
	Err error
}

// Error names the object and says why.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("the API server refuses %s %s: %v", e.Object.Kind, e.Object.Name, e.Err)
}

// Unwrap returns what the API server said.
func (e *RefusedError) Unwrap() error { return e.Err }

// Experiment carries out the plan of one Experiment, which must be as observed.
func (e Executor) Experiment(ctx context.Context, observed *v1alpha1.Experiment, plan experiment.Plan) error {
	key := client.ObjectKeyFromObject(observed)
	actions := append([]experiment.Action(nil), plan.Actions...)
	sort.SliceStable(actions, func(i, j int) bool { return experimentStage(actions[i]) < experimentStage(actions[j]) })
	for _, a := range actions {
		if err := e.actFor(ctx, a); err != nil {
			return fmt.Errorf("experiment %s: %w", key, err)
		}
	}
	if analysis.SameStatus(&observed.Status, &plan.Status) {
		return nil
	}
	patch, err := experimentStatusPatch(observed, plan.Status)
	if err != nil {
		return fmt.Errorf("experiment %s: encoding the status: %w", key, err)
	}
	written := observed.DeepCopy()
	if err := e.Client.Patch(ctx, written, client.RawPatch(types.MergePatchType, patch)); err != nil {
		return fmt.Errorf("experiment %s: writing the status: %w", key, err)
	}
	e.wrote(written)
	return nil
}

// experimentStage orders the actions: create, grow, runs, describe, shrink, delete.
func experimentStage(a experiment.Action) int {
	switch a := a.(type) {
	case experiment.CreateReplicaSet, experiment.CreateService:
		return 0
	case experiment.UpdateReplicaSet:
		switch from := *a.ReplicaSet.Spec.Replicas; {
		case a.Replicas > from:
			return 1
		case a.Replicas < from:
			return 4
		}
		return 3
	case experiment.StartRun, experiment.StopRun:
		return 2
	}
	return 5 // DeleteReplicaSet, DeleteService
}

func (e Executor) actFor(ctx context.Context, a experiment.Action) error {
	switch a := a.(type) {
	case experiment.CreateReplicaSet:
		return e.createOrRefuse(ctx, "ReplicaSet", a.ReplicaSet.DeepCopy())
	case experiment.CreateService:
		return e.createOrRefuse(ctx, "Service", a.Service.DeepCopy())
	case experiment.StartRun:
		return e.createOrRefuse(ctx, "AnalysisRun", a.Run.DeepCopy())
	case experiment.StopRun:
		return e.terminate(ctx, a.Run.DeepCopy())
	case experiment.UpdateReplicaSet:
		return e.updateReplicaSet(ctx, rollout.UpdateReplicaSet{
			ReplicaSet: a.ReplicaSet, Replicas: a.Replicas, Annotations: a.Annotations, MinReadySeconds: a.MinReadySeconds,
		})
	case experiment.DeleteReplicaSet:
		return e.deleteReplicaSet(ctx, a.ReplicaSet)
	case experiment.DeleteService:
		return e.delete(ctx, a.Service)
	}
	return fmt.Errorf("unknown action %T", a)
}

// createOrRefuse tells an object that the API server will never have from one
// that may be created the next time.
func (e Executor) createOrRefuse(ctx context.Context, kind string, obj client.Object) error {
	err := e.create(ctx, obj)
	if apierrors.IsInvalid(err) || apierrors.IsForbidden(err) || apierrors.IsBadRequest(err) {
		return &RefusedError{experiment.Object{Kind: kind, Name: obj.GetName()}, err}
	}
	return err
}

// experimentStatusPatch changes the status of an Experiment and nothing else: the
// status is no subresource, and a spec that we do not know all of must survive.
// The patch is refused if somebody changed the Experiment since it was read.
func experimentStatusPatch(observed *v1alpha1.Experiment, status v1alpha1.ExperimentStatus) ([]byte, error) {
	was, err := fields(observed.Status)
	if err != nil {
		return nil, err
	}
	next, err := fields(status)
	if err != nil {
		return nil, err
	}
	change := map[string]any{}
	for name := range was {
		change[name] = nil // removed, unless it is there next
	}
	for name, value := range next {
		change[name] = value
		if string(was[name]) == string(value) {
			delete(change, name)
		}
	}
	return json.Marshal(map[string]any{"metadata": map[string]any{"resourceVersion": observed.ResourceVersion}, "status": change})
}

// fields is the JSON of each field of v.
func fields(v any) (map[string]json.RawMessage, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	m := map[string]json.RawMessage{}
	return m, json.Unmarshal(data, &m)
}

package apply

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sort"

	corev1 "k8s.io/api/core/v1"
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
	written := &v1alpha1.Experiment{TypeMeta: observed.TypeMeta, ObjectMeta: identity(observed)}
	if err := e.Client.Patch(ctx, written, experimentStatus{observed, plan.Status}); err != nil {
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
	case experiment.UpdateService:
		return 3
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
	case experiment.UpdateService:
		return refusal("Service", a.Service.Name, e.updateService(ctx, a))
	case experiment.DeleteService:
		return e.delete(ctx, a.Service)
	}
	return fmt.Errorf("unknown action %T", a)
}

func (e Executor) createOrRefuse(ctx context.Context, kind string, obj client.Object) error {
	return refusal(kind, obj.GetName(), e.create(ctx, obj))
}

// refusal tells an object that the API server will never have from one that may be
// written the next time.
func refusal(kind, name string, err error) error {
	if Refuses(err) {
		return &RefusedError{experiment.Object{Kind: kind, Name: name}, err}
	}
	return err
}

// updateService makes a Service select what it should, and nothing else.
func (e Executor) updateService(ctx context.Context, a experiment.UpdateService) error {
	selector := pointers(a.Selector)
	for key := range a.Service.Spec.Selector {
		if _, wanted := selector[key]; !wanted {
			selector[key] = nil
		}
	}
	return e.merge(ctx, &corev1.Service{ObjectMeta: identity(a.Service)}, change{
		metadataChange{Labels: a.Labels, ResourceVersion: a.Service.ResourceVersion},
		specChange{Selector: selector, Ports: a.Ports},
	})
}

// experimentStatus is a merge patch that changes the status of an Experiment and
// nothing else: the status is no subresource, and a spec that we do not know all of must
// survive. The patch is refused if somebody changed the Experiment since it was read.
type experimentStatus struct {
	observed *v1alpha1.Experiment
	status   v1alpha1.ExperimentStatus
}

// Type is that of a merge patch.
func (experimentStatus) Type() types.PatchType { return types.MergePatchType }

// PatchGo changes an Experiment as a server changes it that is sent the JSON, for servers
// that live in this process. It reports false where the two ways would differ, in times
// with a part of a second; the Experiment is then as it was.
func (p experimentStatus) PatchGo(obj client.Object) bool {
	ex, ok := obj.(*v1alpha1.Experiment)
	if !ok || p.hasFractions() {
		return false
	}
	ex.ResourceVersion = p.observed.ResourceVersion
	ex.Status = v1alpha1.ExperimentStatus{}
	p.status.DeepCopyInto(&ex.Status)
	return true
}

// hasFractions reports whether a time has a part of a second, which JSON drops.
func (p experimentStatus) hasFractions() bool {
	return partsOfSeconds(p.status.AvailableAt) ||
		slices.ContainsFunc(p.status.TemplateStatuses, func(t v1alpha1.TemplateStatus) bool { return partsOfSeconds(t.LastTransitionTime) }) ||
		slices.ContainsFunc(p.status.Conditions, func(c v1alpha1.ExperimentCondition) bool {
			return partsOfSeconds(&c.LastUpdateTime, &c.LastTransitionTime)
		})
}

// Data returns the patch as JSON: the fields that differ.
func (p experimentStatus) Data(client.Object) ([]byte, error) {
	was, err := fields(p.observed.Status)
	if err != nil {
		return nil, err
	}
	next, err := fields(p.status)
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
	return json.Marshal(map[string]any{"metadata": map[string]any{"resourceVersion": p.observed.ResourceVersion}, "status": change})
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

// Package apply is the executor: the only code that writes what a decision asks for.
//
// It sorts the actions of a plan by stage, so that capacity comes before
// traffic and traffic moves before capacity goes, writes the status last and
// skips what is already so. It stops at the first error; what is left is
// derived again by the next reconcile. What pods wear because of their role comes
// after all else: it may be a request for each of many pods, and somebody may refuse it. Every write of an object carries the
// resource version that the decision saw, so a decision made from a stale view
// is refused and not carried out.
package apply

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/podtemplate"
	"github.com/aviary-rollouts/aviary/internal/rollout"
	"github.com/aviary-rollouts/aviary/internal/traffic"
	"github.com/aviary-rollouts/aviary/internal/traffic/router"
)

// ErrNameTaken is returned when the ReplicaSet of a new revision cannot be
// created because its name belongs to somebody else.
var ErrNameTaken = errors.New("the name of the new ReplicaSet is taken by an object that this Rollout does not control")

// Executor carries out plans.
type Executor struct {
	Client client.Client
	// Router moves traffic. It may be nil where no plan asks for it.
	Router router.Interface
	// Routed is told what the router changed, for events. It may be nil.
	Routed func(traffic.Change)
	// Wrote is told of every object that was written, as the server returned
	// it. It may be nil.
	Wrote func(client.Object)
}

// Act carries out what is to be done for one Rollout, which must be as observed. It
// returns what the server answered about the Rollout itself, if it was asked, and no more
// than what tells its version otherwise: none of the writes is one of the whole. What the
// API server refuses comes back as a [RefusedAction]; with the Rollout, if nothing was
// left to be done but what pods wear, or nothing else is missing than the note how long
// pods stay that lose requests.
func (e Executor) Act(ctx context.Context, observed *v1alpha1.Rollout, actions []rollout.Action) (*v1alpha1.Rollout, error) {
	if len(actions) == 0 {
		return observed, nil // as most looks end
	}
	ro := &v1alpha1.Rollout{TypeMeta: observed.TypeMeta, ObjectMeta: identity(observed)}
	actions = slices.Clone(actions)
	slices.SortStableFunc(actions, func(a, b rollout.Action) int { return stage(a) - stage(b) })
	var put error // what is refused and keeps nothing else waiting
	for _, a := range actions {
		err := e.act(ctx, observed, ro, a)
		if err == nil {
			continue
		}
		err = noting(a, fmt.Errorf("rollout %s: %w", client.ObjectKeyFromObject(ro), err))
		switch refused := errors.As(err, new(*RefusedAction)); {
		case refused && rollout.Dresses(a):
			return ro, err
		case refused && rollout.Outlasts(a):
			put = err
		default:
			return nil, err
		}
	}
	return ro, put
}

// Report writes the status of a Rollout, which must be as Act returned it and is left so.
// Of everything else the server takes nothing but the version that was seen. It returns
// the version that the server made of it.
func (e Executor) Report(ctx context.Context, seen *v1alpha1.Rollout, status v1alpha1.RolloutStatus) (version string, err error) {
	ro := &v1alpha1.Rollout{TypeMeta: seen.TypeMeta, ObjectMeta: identity(seen), Status: status}
	if err := e.Client.Status().Update(ctx, ro); err != nil {
		return "", fmt.Errorf("rollout %s: writing the status: %w", client.ObjectKeyFromObject(ro), err)
	}
	e.wrote(ro)
	return ro.ResourceVersion, nil
}

// stage orders the actions: create, grow, describe, select, route, shrink, delete, dress.
func stage(a rollout.Action) int {
	if rollout.Dresses(a) {
		return 8
	}
	switch a := a.(type) {
	case rollout.SetReplicas:
		return 0
	case rollout.CreateReplicaSet, rollout.AdoptReplicaSet:
		return 1
	case rollout.CreateRun, rollout.StopRun, rollout.CreateExperiment, rollout.StopExperiment:
		return 5
	case rollout.UpdateReplicaSet:
		switch from := *a.ReplicaSet.Spec.Replicas; {
		case a.Replicas > from:
			return 2
		case a.Replicas < from:
			return 6
		}
		return 3
	case rollout.AnnotateRollout:
		return 3
	case rollout.SelectPods:
		return 4
	case rollout.Route:
		return 5
	case rollout.EvictPod, rollout.ScaleWorkload:
		return 6
	}
	return 7 // what is deleted
}

func (e Executor) act(ctx context.Context, observed, ro *v1alpha1.Rollout, a rollout.Action) error {
	switch a := a.(type) {
	case rollout.SetReplicas:
		return e.patch(ctx, ro, nil, specChange{Replicas: &a.Replicas})
	case rollout.AnnotateRollout:
		return e.patch(ctx, ro, pointers(a.Annotations), specChange{})
	case rollout.AdoptReplicaSet:
		return e.adopt(ctx, observed, a.ReplicaSet)
	case rollout.CreateReplicaSet:
		return e.createReplicaSet(ctx, ro, a.ReplicaSet)
	case rollout.UpdateReplicaSet:
		return e.updateReplicaSet(ctx, a)
	case rollout.SelectPods:
		return e.selectPods(ctx, ro, a)
	case rollout.Route:
		return e.route(ctx, observed, a)
	case rollout.PatchPod:
		return e.dress(ctx, a)
	case rollout.EvictPod:
		return e.evict(ctx, ro.Namespace, a.Pod)
	case rollout.ScaleWorkload:
		return e.scaleWorkload(ctx, ro.Namespace, a)
	case rollout.CreateRun:
		return e.create(ctx, a.Run.DeepCopy())
	case rollout.StopRun:
		return e.terminate(ctx, a.Run.DeepCopy())
	case rollout.DeleteRun:
		return e.delete(ctx, a.Run)
	case rollout.CreateExperiment:
		return e.create(ctx, a.Experiment.DeepCopy())
	case rollout.StopExperiment:
		return e.terminate(ctx, a.Experiment.DeepCopy())
	case rollout.DeleteExperiment:
		return e.delete(ctx, a.Experiment)
	case rollout.DeleteReplicaSet:
		return e.deleteReplicaSet(ctx, a.ReplicaSet)
	}
	return fmt.Errorf("unknown action %T", a)
}

// patch writes annotations (nil removes one) and fields of the spec, and nothing
// else: what a newer API server knows and we do not must survive. It refuses if
// somebody has changed the object since it was read. obj becomes what the
// server returns.
func (e Executor) patch(ctx context.Context, obj client.Object, annotations map[string]*string, spec specChange) error {
	return e.merge(ctx, obj, change{metadataChange{Annotations: annotations, ResourceVersion: obj.GetResourceVersion()}, spec})
}

// merge writes a patch. obj becomes what the server returns.
func (e Executor) merge(ctx context.Context, obj client.Object, patch client.Patch) error {
	if err := e.Client.Patch(ctx, obj, patch); err != nil {
		return fmt.Errorf("patching %T %s: %w", obj, obj.GetName(), err)
	}
	e.wrote(obj)
	return nil
}

// identity is what a patch needs of an object that was observed.
func identity(obj client.Object) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: obj.GetNamespace(), Name: obj.GetName(), UID: obj.GetUID(), ResourceVersion: obj.GetResourceVersion()}
}

func pointers(values map[string]string) map[string]*string {
	p := make(map[string]*string, len(values))
	for k, v := range values {
		p[k] = &v
	}
	return p
}

// adopt makes the Rollout the owner of a ReplicaSet, provided that it is still as it was
// observed. One that is deleted with --cascade=orphan lets go of its ReplicaSets first,
// which may be in the view when its own end is not: what it took back would be deleted
// with it.
func (e Executor) adopt(ctx context.Context, ro *v1alpha1.Rollout, rs *appsv1.ReplicaSet) error {
	if err := e.unchanged(ctx, ro); err != nil {
		return fmt.Errorf("adopting ReplicaSet %s: %w", rs.Name, err)
	}
	owners := append(slices.Clone(rs.OwnerReferences), *metav1.NewControllerRef(ro, v1alpha1.SchemeGroupVersion.WithKind(v1alpha1.KindRollout)))
	data, err := json.Marshal(map[string]any{"metadata": map[string]any{"resourceVersion": rs.ResourceVersion, "ownerReferences": owners}})
	if err != nil {
		return fmt.Errorf("encoding the owners of ReplicaSet %s: %w", rs.Name, err)
	}
	return e.merge(ctx, &appsv1.ReplicaSet{ObjectMeta: identity(rs)}, client.RawPatch(types.MergePatchType, data))
}

// unchanged asks the API server whether an object is still as it was observed: the
// error is Conflict or NotFound if not. Nothing is written.
func (e Executor) unchanged(ctx context.Context, ro *v1alpha1.Rollout) error {
	nothing := fmt.Appendf(nil, `{"metadata":{"uid":%q,"resourceVersion":%q}}`, ro.UID, ro.ResourceVersion)
	return e.Client.Patch(ctx, &v1alpha1.Rollout{ObjectMeta: identity(ro)}, client.RawPatch(types.MergePatchType, nothing), client.DryRunAll)
}

func (e Executor) createReplicaSet(ctx context.Context, ro *v1alpha1.Rollout, wanted *appsv1.ReplicaSet) error {
	rs := wanted.DeepCopy()
	err := e.Client.Create(ctx, rs)
	if apierrors.IsAlreadyExists(err) {
		taken := &appsv1.ReplicaSet{}
		if err := e.Client.Get(ctx, client.ObjectKeyFromObject(rs), taken); err != nil {
			return fmt.Errorf("looking at ReplicaSet %s, whose name is taken: %w", rs.Name, err)
		}
		if metav1.IsControlledBy(taken, ro) {
			return nil // we made it before, and the view was stale
		}
		return fmt.Errorf("creating ReplicaSet %s: %w", rs.Name, ErrNameTaken)
	}
	if err != nil {
		return fmt.Errorf("creating ReplicaSet %s: %w", rs.Name, err)
	}
	e.wrote(rs)
	return nil
}

func (e Executor) updateReplicaSet(ctx context.Context, a rollout.UpdateReplicaSet) error {
	spec := specChange{Template: templatePatch(a)}
	if a.Replicas != *a.ReplicaSet.Spec.Replicas {
		spec.Replicas = &a.Replicas
	}
	if a.MinReadySeconds != a.ReplicaSet.Spec.MinReadySeconds {
		spec.MinReadySeconds = &a.MinReadySeconds
	}
	return e.patch(ctx, &appsv1.ReplicaSet{ObjectMeta: identity(a.ReplicaSet)}, a.Annotations, spec)
}

// templatePatch is what changes in the pod template; pods that run keep theirs.
func templatePatch(a rollout.UpdateReplicaSet) map[string]any {
	patch, metadata := map[string]any{}, map[string]any{}
	if len(a.PodLabels) > 0 {
		metadata["labels"] = a.PodLabels
	}
	if len(a.PodAnnotations) > 0 {
		metadata["annotations"] = a.PodAnnotations
	}
	if len(metadata) > 0 {
		patch["metadata"] = metadata
	}
	if a.DropAntiAffinity {
		patch["spec"] = map[string]any{"affinity": map[string]any{"podAntiAffinity": ownAntiAffinity(a.ReplicaSet)}}
	}
	return patch
}

// ownAntiAffinity is a patch that leaves the template of a ReplicaSet the rules of its
// user. A merge patch removes only what it names: a list of which nothing is left must be
// there as null, while the other keeps its rules.
func ownAntiAffinity(rs *appsv1.ReplicaSet) any {
	rest := podtemplate.Apart(rs.Spec.Template.Spec.Affinity, nil, "")
	if rest == nil || rest.PodAntiAffinity == nil {
		return nil
	}
	lists := map[string]any{"requiredDuringSchedulingIgnoredDuringExecution": nil, "preferredDuringSchedulingIgnoredDuringExecution": nil}
	if required := rest.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution; len(required) > 0 {
		lists["requiredDuringSchedulingIgnoredDuringExecution"] = required
	}
	if preferred := rest.PodAntiAffinity.PreferredDuringSchedulingIgnoredDuringExecution; len(preferred) > 0 {
		lists["preferredDuringSchedulingIgnoredDuringExecution"] = preferred
	}
	return lists
}

func (e Executor) selectPods(ctx context.Context, ro *v1alpha1.Rollout, a rollout.SelectPods) error {
	return e.point(ctx, a.Service, &ro.Name, &a.Hash)
}

// LetGo leaves a Service that a Rollout has pointed at one of its versions as its owner
// made it, if it is still as it was seen.
func (e Executor) LetGo(ctx context.Context, seen *corev1.Service) error {
	return e.point(ctx, seen, nil, nil)
}

// point lets a Service select the pods with a template hash, on behalf of a Rollout; nil
// for those of all, and nobody.
func (e Executor) point(ctx context.Context, svc *corev1.Service, manager, hash *string) error {
	annotations := map[string]*string{v1alpha1.ManagedByRolloutsKey: manager}
	selector := map[string]*string{v1alpha1.DefaultRolloutUniqueLabelKey: hash}
	return e.patch(ctx, &corev1.Service{ObjectMeta: identity(svc)}, annotations, specChange{Selector: selector})
}

// route asks the router; what it did before an error is still told.
func (e Executor) route(ctx context.Context, ro *v1alpha1.Rollout, a rollout.Route) error {
	changes, err := e.Router.Apply(ctx, ro, a.Routing)
	for _, c := range changes {
		if e.Routed != nil {
			e.Routed(c)
		}
	}
	if err != nil {
		return fmt.Errorf("routing traffic: %w", err)
	}
	return nil
}

// dress changes the metadata of a running pod. A pod that has gone needs none.
func (e Executor) dress(ctx context.Context, a rollout.PatchPod) error {
	metadata := map[string]any{}
	if len(a.Labels) > 0 {
		metadata["labels"] = a.Labels
	}
	if len(a.Annotations) > 0 {
		metadata["annotations"] = a.Annotations
	}
	data, err := json.Marshal(map[string]any{"metadata": metadata})
	if err != nil {
		return fmt.Errorf("encoding the metadata of pod %s: %w", a.Pod.Name, err)
	}
	pod := &corev1.Pod{ObjectMeta: identity(a.Pod)}
	if err := e.Client.Patch(ctx, pod, client.RawPatch(types.MergePatchType, data)); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("patching pod %s: %w", a.Pod.Name, err)
	}
	return nil
}

// evict asks for an eviction. A disruption budget that refuses is no error: the
// pod is asked for again later.
func (e Executor) evict(ctx context.Context, namespace, name string) error {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	err := e.Client.SubResource("eviction").Create(ctx, pod, &policyv1.Eviction{ObjectMeta: pod.ObjectMeta})
	if apierrors.IsNotFound(err) || apierrors.IsTooManyRequests(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("evicting pod %s: %w", name, err)
	}
	return nil
}

func (e Executor) scaleWorkload(ctx context.Context, namespace string, a rollout.ScaleWorkload) error {
	meta := metav1.ObjectMeta{Namespace: namespace, Name: a.Name}
	var obj client.Object = &appsv1.Deployment{ObjectMeta: meta}
	if a.Kind == "ReplicaSet" {
		obj = &appsv1.ReplicaSet{ObjectMeta: meta}
	}
	patch := fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, a.Replicas)
	if err := e.Client.Patch(ctx, obj, client.RawPatch(types.MergePatchType, patch)); err != nil {
		return fmt.Errorf("scaling %s %s to %d: %w", a.Kind, a.Name, a.Replicas, err)
	}
	e.wrote(obj)
	return nil
}

func (e Executor) deleteReplicaSet(ctx context.Context, rs *appsv1.ReplicaSet) error {
	err := e.Client.Delete(ctx, rs, client.Preconditions{UID: &rs.UID, ResourceVersion: &rs.ResourceVersion})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("deleting ReplicaSet %s: %w", rs.Name, err)
	}
	return nil
}

func (e Executor) wrote(obj client.Object) {
	if e.Wrote != nil {
		e.Wrote(obj)
	}
}

package world

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/internal/control"
	"github.com/aviary-rollouts/aviary/sim/label"
)

// burst is how many pods one sync creates or deletes at most.
const burst = 500

// replicaSets is the ReplicaSet controller. It counts the pods that it owns and
// that are neither ended nor terminating; claim.go says which it owns.
type replicaSets struct {
	world     *World
	client    client.Client
	selectors map[types.NamespacedName]podSelector
	strays    map[types.NamespacedName][]types.NamespacedName // pods of a ReplicaSet whose labels it does not select
	pods      corev1.PodList                                  // what was listed last, for its memory
	reported  map[types.NamespacedName]string                 // the resource version of a ReplicaSet that the last report made
}

// podSelector is the selector of a ReplicaSet, which cannot change as long as it
// lives.
type podSelector struct {
	labels.Selector
	of types.UID
}

func (r *replicaSets) row() control.Controller {
	return control.Controller{
		Name: "replicaset-controller", For: &appsv1.ReplicaSet{}, Echo: r.knows, Reconcile: r.reconcile,
		Watches: []control.Watch{{Kind: &corev1.Pod{}, Keys: r.concerns, Same: sameMember}},
	}
}

// sameMember is true for changes of a pod that leave the counts of its ReplicaSet as they
// are, such as that a node has it or that its image was pulled.
func sameMember(was, is client.Object) bool {
	a, b := was.(*corev1.Pod), is.(*corev1.Pod)
	return active(a) == active(b) && readySince(a).Equal(readySince(b)) && maps.Equal(a.Labels, b.Labels) &&
		sameOwner(metav1.GetControllerOfNoCopy(a), metav1.GetControllerOfNoCopy(b))
}

func sameOwner(a, b *metav1.OwnerReference) bool {
	return a == b || a != nil && b != nil && a.UID == b.UID
}

// knows reports whether a change is the status that this controller reported itself.
func (r *replicaSets) knows(key types.NamespacedName, obj client.Object) bool {
	_, ok := obj.(*appsv1.ReplicaSet)
	return ok && r.reported[key] == obj.GetResourceVersion()
}

// ownerKeys names the controlling owner of an object if it is of a kind.
func ownerKeys(kind string) func(context.Context, client.Object) []types.NamespacedName {
	return func(_ context.Context, obj client.Object) []types.NamespacedName {
		if ref := metav1.GetControllerOfNoCopy(obj); ref != nil && ref.Kind == kind {
			return []types.NamespacedName{{Namespace: obj.GetNamespace(), Name: ref.Name}}
		}
		return nil
	}
}

func (r *replicaSets) reconcile(ctx context.Context, key types.NamespacedName) (time.Time, error) {
	rs := &appsv1.ReplicaSet{}
	if err := r.client.Get(ctx, key, rs); err != nil {
		if apierrors.IsNotFound(err) {
			delete(r.selectors, key)
			delete(r.strays, key)
			delete(r.reported, key)
			return time.Time{}, nil
		}
		return time.Time{}, fmt.Errorf("read ReplicaSet %s: %w", key, err)
	}
	if err := r.release(ctx, rs); err != nil {
		return time.Time{}, err
	}
	pods, err := r.activePods(ctx, rs)
	if err != nil {
		return time.Time{}, err
	}
	var manageErr error
	if rs.DeletionTimestamp == nil {
		manageErr = r.manage(ctx, rs, pods)
	}
	status, wake := replicaSetStatus(rs, pods, manageErr, r.world.kernel.Now())
	return wake, errors.Join(manageErr, r.report(ctx, rs, status))
}

// activePods lists the pods that count: owned, not ended, not terminating.
func (r *replicaSets) activePods(ctx context.Context, rs *appsv1.ReplicaSet) ([]*corev1.Pod, error) {
	selector, err := r.selector(rs)
	if err != nil {
		return nil, err
	}
	if err := r.client.List(ctx, &r.pods, client.InNamespace(rs.Namespace), client.MatchingLabelsSelector{Selector: selector}); err != nil {
		return nil, fmt.Errorf("list the pods of ReplicaSet %s/%s: %w", rs.Namespace, rs.Name, err)
	}
	var pods []*corev1.Pod
	for i := range r.pods.Items {
		pod := &r.pods.Items[i]
		if !active(pod) {
			continue
		}
		if metav1.GetControllerOfNoCopy(pod) == nil && rs.DeletionTimestamp == nil {
			if pod, err = r.adopt(ctx, rs, pod); err != nil {
				return nil, err
			}
		}
		if metav1.IsControlledBy(pod, rs) {
			pods = append(pods, pod)
		}
	}
	return pods, nil
}

func (r *replicaSets) selector(rs *appsv1.ReplicaSet) (labels.Selector, error) {
	key := client.ObjectKeyFromObject(rs)
	if known := r.selectors[key]; known.of == rs.UID {
		return known.Selector, nil
	}
	selector, err := metav1.LabelSelectorAsSelector(rs.Spec.Selector)
	if err != nil {
		return nil, fmt.Errorf("selector of ReplicaSet %s: %w", key, err)
	}
	r.selectors[key] = podSelector{selector, rs.UID}
	return selector, nil
}

func active(pod *corev1.Pod) bool {
	return pod.DeletionTimestamp == nil && pod.Status.Phase != corev1.PodSucceeded && pod.Status.Phase != corev1.PodFailed
}

// manage creates or deletes pods until their number is spec.replicas.
func (r *replicaSets) manage(ctx context.Context, rs *appsv1.ReplicaSet, pods []*corev1.Pod) error {
	if err := r.world.room("ReplicaSet", rs, wantedReplicas(rs.Spec.Replicas)); err != nil {
		return err
	}
	diff := int(wantedReplicas(rs.Spec.Replicas)) - len(pods)
	for range min(diff, burst) {
		if err := r.createPod(ctx, rs); err != nil {
			return err
		}
	}
	if diff >= 0 {
		return nil
	}
	slices.SortStableFunc(pods, deleteFirst)
	for _, pod := range pods[:min(-diff, burst)] {
		uid := pod.UID
		err := r.client.Delete(ctx, pod, client.Preconditions{UID: &uid})
		if err := client.IgnoreNotFound(err); err != nil {
			return fmt.Errorf("delete pod %s/%s: %w", pod.Namespace, pod.Name, err)
		}
	}
	return nil
}

func wantedReplicas(n *int32) int32 {
	if n == nil {
		return 1
	}
	return *n
}

func (r *replicaSets) createPod(ctx context.Context, rs *appsv1.ReplicaSet) error {
	if err := r.world.admitPod(ctx, r.client, rs.Namespace, rs.Name+"-"); err != nil {
		return err
	}
	pod := &corev1.Pod{ObjectMeta: *rs.Spec.Template.ObjectMeta.DeepCopy(), Spec: *rs.Spec.Template.Spec.DeepCopy()}
	pod.Namespace, pod.Name, pod.GenerateName = rs.Namespace, "", rs.Name+"-"
	pod.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(rs, appsv1.SchemeGroupVersion.WithKind("ReplicaSet"))}
	pod.Status.Phase = corev1.PodPending
	if err := r.world.inject(ctx, r.client, pod); err != nil {
		return err
	}
	if err := r.client.Create(ctx, pod); err != nil {
		return fmt.Errorf("create a pod of ReplicaSet %s/%s: %w", rs.Namespace, rs.Name, err)
	}
	return nil
}

// admitPod is the quota's admission plugin.
func (w *World) admitPod(ctx context.Context, c client.Client, namespace, name string) error {
	limit, limited := w.quotas[namespace]
	if !limited {
		return nil
	}
	var pods corev1.PodList
	if err := c.List(ctx, &pods, client.InNamespace(namespace)); err != nil {
		return fmt.Errorf("count the pods of namespace %s: %w", namespace, err)
	}
	if used := len(pods.Items); used >= limit {
		why := fmt.Errorf("exceeded quota: pods, requested: pods=1, used: pods=%d, limited: pods=%d", used, limit)
		return apierrors.NewForbidden(corev1.Resource("pods"), name, why)
	}
	return nil
}

// deleteFirst orders pods by how little is lost with them: unassigned before
// assigned, pending before unknown before running, not ready before ready,
// cheaper (pod-deletion-cost) before dearer, later ready before earlier, more
// restarts before fewer, younger before older. The real one also looks at how
// the owner's other pods share the nodes.
func deleteFirst(a, b *corev1.Pod) int {
	return cmp.Or(
		falseFirst(a.Spec.NodeName != "", b.Spec.NodeName != ""),
		cmp.Compare(phaseRank(a.Status.Phase), phaseRank(b.Status.Phase)),
		falseFirst(podReady(a), podReady(b)),
		cmp.Compare(deletionCost(a), deletionCost(b)),
		laterFirst(readySince(a), readySince(b)),
		-cmp.Compare(maxRestarts(a), maxRestarts(b)),
		laterFirst(a.CreationTimestamp.Time, b.CreationTimestamp.Time),
		cmp.Compare(a.Name, b.Name),
	)
}

func falseFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

func laterFirst(a, b time.Time) int { return b.Compare(a) }

func phaseRank(p corev1.PodPhase) int {
	switch p {
	case corev1.PodPending, "":
		return 0
	case corev1.PodUnknown:
		return 1
	}
	return 2
}

func podReady(pod *corev1.Pod) bool { return !readySince(pod).IsZero() }

// readySince is when the pod became ready; zero if it is not.
func readySince(pod *corev1.Pod) time.Time {
	if c := podCondition(pod.Status.Conditions, corev1.PodReady); c != nil && c.Status == corev1.ConditionTrue {
		return c.LastTransitionTime.Time
	}
	return time.Time{}
}

// deletionCost is the annotation's number; anything else counts as 0.
func deletionCost(pod *corev1.Pod) int64 {
	cost, err := strconv.ParseInt(pod.Annotations[corev1.PodDeletionCost], 10, 32)
	if err != nil {
		return 0
	}
	return cost
}

func maxRestarts(pod *corev1.Pod) (n int32) {
	for i := range pod.Status.ContainerStatuses {
		n = max(n, pod.Status.ContainerStatuses[i].RestartCount)
	}
	return n
}

// replicaSetStatus counts the pods and says when the count of available ones
// changes by time alone; zero if it does not.
func replicaSetStatus(rs *appsv1.ReplicaSet, pods []*corev1.Pod, manageErr error, now time.Time) (appsv1.ReplicaSetStatus, time.Time) {
	status := appsv1.ReplicaSetStatus{ObservedGeneration: rs.Generation, Conditions: rs.Status.Conditions}
	delay := time.Duration(rs.Spec.MinReadySeconds) * time.Second
	var wake time.Time
	for _, pod := range pods {
		status.Replicas++
		if label.All(pod.Labels, rs.Spec.Template.Labels) {
			status.FullyLabeledReplicas++
		}
		since := readySince(pod)
		if since.IsZero() {
			continue
		}
		status.ReadyReplicas++
		if at := since.Add(delay); now.Before(at) {
			wake = earliest(wake, at)
		} else {
			status.AvailableReplicas++
		}
	}
	status.Conditions = failureCondition(status.Conditions, manageErr, now)
	return status, wake
}

// failureCondition sets or removes ReplicaFailure.
func failureCondition(old []appsv1.ReplicaSetCondition, err error, now time.Time) []appsv1.ReplicaSetCondition {
	i := slices.IndexFunc(old, func(c appsv1.ReplicaSetCondition) bool { return c.Type == appsv1.ReplicaSetReplicaFailure })
	if err == nil {
		if i >= 0 {
			return slices.Delete(slices.Clone(old), i, i+1)
		}
		return old
	}
	if i >= 0 {
		return old
	}
	return append(slices.Clone(old), appsv1.ReplicaSetCondition{
		Type: appsv1.ReplicaSetReplicaFailure, Status: corev1.ConditionTrue, Reason: "FailedCreate",
		Message: err.Error(), LastTransitionTime: apiTime(now),
	})
}

// report writes the status if it is news.
func (r *replicaSets) report(ctx context.Context, rs *appsv1.ReplicaSet, status appsv1.ReplicaSetStatus) error {
	old := &rs.Status
	if old.Replicas == status.Replicas && old.FullyLabeledReplicas == status.FullyLabeledReplicas &&
		old.ReadyReplicas == status.ReadyReplicas && old.AvailableReplicas == status.AvailableReplicas &&
		old.ObservedGeneration == status.ObservedGeneration && slices.Equal(old.Conditions, status.Conditions) {
		return nil
	}
	rs.Status = status
	if err := r.client.Status().Update(ctx, rs); err != nil {
		return fmt.Errorf("report ReplicaSet %s/%s: %w", rs.Namespace, rs.Name, err)
	}
	r.reported[client.ObjectKeyFromObject(rs)] = rs.ResourceVersion
	return nil
}

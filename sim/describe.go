package sim

import (
	"fmt"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/sim/store"
)

// Describe says in a few words what a write changed, for the trace: the fields
// that a reader of a rollout follows.
//
//	ReplicaSet: "replicas 5 -> 4", "available 4 -> 5"
//	Rollout:    "step 0 -> 1, phase Progressing -> Paused"
func Describe(e store.Event) string {
	switch obj := e.Object.(type) {
	case *v1alpha1.Rollout:
		old, _ := e.Old.(*v1alpha1.Rollout)
		return describeRollout(old, obj)
	case *appsv1.ReplicaSet:
		old, _ := e.Old.(*appsv1.ReplicaSet)
		return describeReplicaSet(old, obj)
	case *corev1.Pod:
		return describePod(obj)
	case *corev1.Service:
		old, _ := e.Old.(*corev1.Service)
		return describeService(old, obj)
	}
	return ""
}

// changes collects "what from -> to" for values that differ.
type changes []string

func add[T comparable](c *changes, what string, from, to T) {
	if from != to {
		*c = append(*c, fmt.Sprintf("%s %s -> %s", what, orNone(fmt.Sprint(from)), orNone(fmt.Sprint(to))))
	}
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func (c changes) String() string { return strings.Join(c, ", ") }

func describeRollout(old, now *v1alpha1.Rollout) string {
	if old == nil {
		old = &v1alpha1.Rollout{}
	}
	var c changes
	add(&c, "replicas", deref(old.Spec.Replicas), deref(now.Spec.Replicas))
	add(&c, "image", images(&old.Spec.Template), images(&now.Spec.Template))
	add(&c, "paused", old.Spec.Paused, now.Spec.Paused)
	add(&c, "abort", old.Status.Abort, now.Status.Abort)
	add(&c, "step", deref(old.Status.CurrentStepIndex), deref(now.Status.CurrentStepIndex))
	add(&c, "stable", old.Status.StableRS, now.Status.StableRS)
	add(&c, "phase", old.Status.Phase, now.Status.Phase)
	add(&c, "message", old.Status.Message, now.Status.Message)
	return c.String()
}

func describeReplicaSet(old, now *appsv1.ReplicaSet) string {
	if old == nil {
		old = &appsv1.ReplicaSet{}
	}
	var c changes
	add(&c, "replicas", deref(old.Spec.Replicas), deref(now.Spec.Replicas))
	add(&c, "pods", old.Status.Replicas, now.Status.Replicas)
	add(&c, "ready", old.Status.ReadyReplicas, now.Status.ReadyReplicas)
	add(&c, "available", old.Status.AvailableReplicas, now.Status.AvailableReplicas)
	return c.String()
}

// describePod shows what `kubectl get pods` would: a reason if there is one,
// else the phase and whether it is ready.
func describePod(pod *corev1.Pod) string {
	if pod.DeletionTimestamp != nil {
		return "Terminating"
	}
	for _, s := range pod.Status.ContainerStatuses {
		if w := s.State.Waiting; w != nil && w.Reason != "" {
			return w.Reason
		}
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
			return "Ready"
		}
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			return c.Reason
		}
	}
	if pod.Status.Phase == corev1.PodPending && pod.Spec.NodeName != "" {
		return "bound to " + pod.Spec.NodeName
	}
	return string(pod.Status.Phase)
}

func describeService(old, now *corev1.Service) string {
	if old == nil {
		old = &corev1.Service{}
	}
	var c changes
	add(&c, "selects", old.Spec.Selector[v1alpha1.DefaultRolloutUniqueLabelKey], now.Spec.Selector[v1alpha1.DefaultRolloutUniqueLabelKey])
	return c.String()
}

func deref(n *int32) string {
	if n == nil {
		return ""
	}
	return strconv.Itoa(int(*n))
}

func images(t *corev1.PodTemplateSpec) string {
	var list []string
	for _, c := range t.Spec.Containers {
		list = append(list, c.Image)
	}
	return strings.Join(list, " ")
}

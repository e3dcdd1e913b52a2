package check

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// ownership: a Rollout has at most one ReplicaSet per hash, each carries its
// hash in its labels, its selector and its template, and the pods of a
// ReplicaSet that is gone are on their way out.
type ownership struct{}

// NewOwnership returns the check of who owns what.
func NewOwnership() Check { return ownership{} }

func (ownership) Name() string { return "ownership" }

func (ownership) Event(s *State, c Change) error {
	switch obj := c.Object.(type) {
	case *appsv1.ReplicaSet:
		if c.Family == nil || c.Deleted {
			return nil
		}
		return replicaSet(c.Family, obj)
	case *corev1.Pod:
		ref := metav1.GetControllerOfNoCopy(obj)
		if c.Old == nil && ref != nil && ref.Kind == "ReplicaSet" && s.sets[ref.UID] == nil {
			return fmt.Errorf("pod %s/%s was created for ReplicaSet %s, which does not exist", obj.Namespace, obj.Name, ref.Name)
		}
	}
	return nil
}

func replicaSet(f *Family, rs *appsv1.ReplicaSet) error {
	hash := rs.Labels[v1alpha1.DefaultRolloutUniqueLabelKey]
	if hash == "" {
		return fmt.Errorf("rollout %s: ReplicaSet %s has no label %s", f.Key(), rs.Name, v1alpha1.DefaultRolloutUniqueLabelKey)
	}
	if rs.Spec.Selector == nil || rs.Spec.Selector.MatchLabels[v1alpha1.DefaultRolloutUniqueLabelKey] != hash ||
		rs.Spec.Template.Labels[v1alpha1.DefaultRolloutUniqueLabelKey] != hash {
		return fmt.Errorf("rollout %s: ReplicaSet %s is labelled %s, but its selector or its template is not", f.Key(), rs.Name, hash)
	}
	for _, set := range f.Sets {
		if set.Hash() == hash && set.ReplicaSet.UID != rs.UID {
			return fmt.Errorf("rollout %s: ReplicaSets %s and %s have the same hash %s", f.Key(), set.ReplicaSet.Name, rs.Name, hash)
		}
	}
	return nil
}

func (ownership) Instant(s *State) error {
	for owner, pods := range s.pods {
		if s.sets[owner] != nil {
			continue
		}
		for _, pod := range pods.all {
			if ref := metav1.GetControllerOfNoCopy(pod); active(pod) && ref.Kind == "ReplicaSet" {
				return fmt.Errorf("pod %s/%s outlives its ReplicaSet %s", pod.Namespace, pod.Name, ref.Name)
			}
		}
		if len(pods.all) == 0 {
			delete(s.pods, owner)
		}
	}
	return nil
}

package rollout

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// Pods says which pods a decision looks at.
type Pods int

// There are more pods than anything else, and most of the time none is looked at.
const (
	NoPods Pods = iota
	// PendingPods are those that have not started yet, one of which may be a pod that
	// cannot be scheduled.
	PendingPods
	// EveryPod is looked at for a restart, and to give pods the metadata of their role.
	EveryPod
)

// NeedsPods says which pods of what else was observed a decision looks at.
func NeedsPods(o Observed) Pods {
	if restartDue(o.Rollout) || hasRoleMetadata(o.Rollout.Spec.Strategy) || slices.ContainsFunc(o.ReplicaSets, wearsRole) {
		return EveryPod
	}
	for _, rs := range o.ReplicaSets {
		if rs.Status.ReadyReplicas < specReplicas(rs) || rs.Status.ObservedGeneration < rs.Generation {
			return PendingPods
		}
	}
	return NoPods
}

// restartDue is true from spec.restartAt being set until the restart is over.
func restartDue(ro *v1alpha1.Rollout) bool {
	at := ro.Spec.RestartAt
	return at != nil && (ro.Status.RestartedAt == nil || !ro.Status.RestartedAt.Equal(at))
}

func hasRoleMetadata(s v1alpha1.RolloutStrategy) bool {
	if bg := s.BlueGreen; bg != nil {
		return bg.PreviewMetadata != nil || bg.ActiveMetadata != nil
	}
	return s.Canary != nil && (s.Canary.CanaryMetadata != nil || s.Canary.StableMetadata != nil)
}

// wearsRole is true for a ReplicaSet whose pods have had the metadata of a role.
func wearsRole(rs *appsv1.ReplicaSet) bool {
	return rs.Annotations[v1alpha1.EphemeralMetadataAnnotation] != ""
}

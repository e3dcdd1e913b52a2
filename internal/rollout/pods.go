package rollout

import (
	appsv1 "k8s.io/api/apps/v1"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// NeedsPods says whether a decision looks at the pods of what else was observed: for a
// restart, to give them the metadata of their role, or because some are not ready, of
// which one may be a pod that cannot be scheduled. Most of the time none of that is so,
// and there are more pods than anything else.
func NeedsPods(o Observed) bool {
	if restartDue(o.Rollout) || hasRoleMetadata(o.Rollout.Spec.Strategy) {
		return true
	}
	for _, rs := range o.ReplicaSets {
		if rs.Status.ReadyReplicas < specReplicas(rs) || rs.Status.ObservedGeneration < rs.Generation || wearsRole(rs) {
			return true
		}
	}
	return false
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

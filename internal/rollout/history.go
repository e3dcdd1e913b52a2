package rollout

import "k8s.io/utils/ptr"

const defaultRevisionHistoryLimit int32 = 10

// deleteHistory deletes the oldest ReplicaSets without pods, beyond the
// revisionHistoryLimit.
func (d *decision) deleteHistory() {
	if d.status.StableRS != d.was.StableRS {
		return // the record still names one of them as the stable one
	}
	if d.held() || d.newRS == nil {
		return
	}
	limit := ptr.Deref(d.spec.RevisionHistoryLimit, defaultRevisionHistoryLimit)
	var kept int32
	for _, rs := range d.older { // highest revision first
		if kept++; kept <= limit {
			continue
		}
		empty := specReplicas(rs) == 0 && rs.Status.Replicas == 0 && rs.Status.ObservedGeneration >= rs.Generation
		if empty && rs.DeletionTimestamp == nil && d.updates[rs.Name] == nil {
			d.do(DeleteReplicaSet{ReplicaSet: rs})
		}
	}
}

package rollout

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/analysis"
)

// count fills the counters of the status from the ReplicaSets.
func (d *decision) count() {
	s := d.status
	s.Replicas, s.ReadyReplicas, s.AvailableReplicas, s.UpdatedReplicas = 0, 0, 0, 0
	for _, rs := range d.all {
		s.Replicas += rs.Status.Replicas
		s.ReadyReplicas += rs.Status.ReadyReplicas
		s.AvailableReplicas += rs.Status.AvailableReplicas
	}
	if d.newRS != nil {
		s.UpdatedReplicas = d.newRS.Status.Replicas
	}
	s.HPAReplicas = s.Replicas
	switch {
	case d.Hashes.Selector != "":
		s.Selector = d.Hashes.Selector
	case d.Selector != nil:
		s.Selector = metav1.FormatLabelSelector(d.Selector)
	}
	if d.spec.Strategy.BlueGreen != nil {
		d.countActive()
	}
}

// countActive counts, for blue/green, only the pods that users reach.
func (d *decision) countActive() {
	s := d.status
	s.ReadyReplicas, s.AvailableReplicas, s.HPAReplicas = 0, 0, 0
	for _, rs := range d.all {
		if hashOf(rs) == s.BlueGreen.ActiveSelector {
			s.ReadyReplicas, s.AvailableReplicas, s.HPAReplicas = rs.Status.ReadyReplicas, rs.Status.AvailableReplicas, rs.Status.Replicas
		}
	}
	if s.BlueGreen.ActiveSelector == "" || d.Selector == nil {
		return
	}
	selector := d.Selector.DeepCopy()
	selector.MatchLabels = with(selector.MatchLabels, v1alpha1.DefaultRolloutUniqueLabelKey, s.BlueGreen.ActiveSelector)
	s.Selector = metav1.FormatLabelSelector(selector)
}

// setConditions writes every condition of the status.
func (d *decision) setConditions() {
	if d.refused() {
		d.setCondition(v1alpha1.InvalidSpec, corev1.ConditionTrue, v1alpha1.InvalidSpecReason, d.invalidMessage())
		return
	}
	d.dropCondition(v1alpha1.InvalidSpec)
	d.setProgressing()
	d.setBool(v1alpha1.RolloutAvailable, d.hasAvailability(), v1alpha1.AvailableReason, "Rollout has minimum availability", "Rollout does not have minimum availability")
	if d.paused() || d.condition(v1alpha1.RolloutPaused) != nil {
		d.setBool(v1alpha1.RolloutPaused, d.paused(), v1alpha1.RolloutPausedReason, "Rollout is paused", "Rollout is paused")
	}
	d.setBool(v1alpha1.RolloutCompleted, d.fullyPromoted(), v1alpha1.RolloutCompletedReason, "RolloutCompleted", "RolloutCompleted")
	d.setBool(v1alpha1.RolloutHealthy, d.healthy(), v1alpha1.RolloutHealthyReason, "Rollout is healthy", "Rollout is not healthy")
	d.setReplicaFailure()
}

func (d *decision) invalidMessage() string {
	return fmt.Sprintf("The Rollout %q is invalid: %s", d.Rollout.Name, d.Invalid)
}

// hasAvailability is true when users reach as many pods as spec.replicas.
func (d *decision) hasAvailability() bool { return d.status.AvailableReplicas >= d.n }

// healthy is stricter than the phase: no pod of another revision may be left.
func (d *decision) healthy() bool {
	whole := d.complete() && d.stepIndex() == d.stepCount()
	if d.spec.Strategy.Canary != nil {
		return whole && d.status.Replicas == d.n
	}
	return whole
}

// setReplicaFailure passes on that a ReplicaSet cannot make its pods, the new one first.
func (d *decision) setReplicaFailure() {
	for _, rs := range append(d.all[:0:0], d.newRS, d.stableRS) {
		if rs == nil {
			continue
		}
		for _, c := range rs.Status.Conditions {
			if string(c.Type) == string(v1alpha1.RolloutReplicaFailure) && c.Status == corev1.ConditionTrue {
				d.setCondition(v1alpha1.RolloutReplicaFailure, c.Status, c.Reason, c.Message)
				return
			}
		}
	}
	d.dropCondition(v1alpha1.RolloutReplicaFailure)
}

func (d *decision) setBool(t v1alpha1.RolloutConditionType, value bool, reason, yes, no string) {
	if value {
		d.setCondition(t, corev1.ConditionTrue, reason, yes)
	} else {
		d.setCondition(t, corev1.ConditionFalse, reason, no)
	}
}

// setCondition writes a condition unless its status and reason are already so:
// the first message of an abort is the one that is kept.
func (d *decision) setCondition(t v1alpha1.RolloutConditionType, status corev1.ConditionStatus, reason, message string) {
	c := d.condition(t)
	if c != nil && c.Status == status && c.Reason == reason && t != v1alpha1.InvalidSpec {
		return
	}
	if c != nil && c.Status == status && c.Reason == reason && c.Message == message {
		return
	}
	d.touchCondition(t, status, reason, message)
}

// touchCondition writes a condition and its update time even if nothing changed.
func (d *decision) touchCondition(t v1alpha1.RolloutConditionType, status corev1.ConditionStatus, reason, message string) {
	now := analysis.Second(d.now)
	next := v1alpha1.RolloutCondition{Type: t, Status: status, Reason: reason, Message: message, LastUpdateTime: now, LastTransitionTime: now}
	if c := d.condition(t); c != nil {
		if c.Status == status {
			next.LastTransitionTime = c.LastTransitionTime
		}
		*c = next
		return
	}
	d.status.Conditions = append(d.status.Conditions, next)
}

func (d *decision) dropCondition(t v1alpha1.RolloutConditionType) {
	for i := range d.status.Conditions {
		if d.status.Conditions[i].Type == t {
			d.status.Conditions = append(d.status.Conditions[:i], d.status.Conditions[i+1:]...)
			return
		}
	}
}

// condition returns a pointer into the next status; nil if there is none.
func (d *decision) condition(t v1alpha1.RolloutConditionType) *v1alpha1.RolloutCondition {
	for i := range d.status.Conditions {
		if d.status.Conditions[i].Type == t {
			return &d.status.Conditions[i]
		}
	}
	return nil
}

package experiment

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/analysis"
)

// Reasons of the conditions that only Experiments have.
const (
	runningReason   = "ExperimentRunning"
	completedReason = "ExperimentCompleted"
)

// setConditions writes every condition of the status.
func (d *decision) setConditions() {
	if d.Invalid != "" {
		d.setCondition(v1alpha1.InvalidExperimentSpec, true, v1alpha1.InvalidSpecReason, d.invalidMessage())
		return
	}
	name, phase := d.Experiment.Name, d.status.Phase
	d.dropCondition(v1alpha1.InvalidExperimentSpec)
	switch late := d.late(); {
	case late != "":
		d.setCondition(v1alpha1.ExperimentProgressing, false, v1alpha1.TimedOutReason, late)
	case d.status.AvailableAt == nil:
		d.setCondition(v1alpha1.ExperimentProgressing, true, v1alpha1.ReplicaSetUpdatedReason, fmt.Sprintf("Experiment %q is progressing.", name))
	default:
		d.setCondition(v1alpha1.ExperimentProgressing, true, v1alpha1.NewRSAvailableReason, fmt.Sprintf("Experiment %q has all of its templates available.", name))
	}
	running := "is running"
	if phase != v1alpha1.AnalysisPhaseRunning {
		running = "is not running"
	}
	d.setCondition(v1alpha1.ExperimentRunning, phase == v1alpha1.AnalysisPhaseRunning, runningReason, fmt.Sprintf("Experiment %q %s.", name, running))
	completed := fmt.Sprintf("Experiment %q is not complete.", name)
	if phase.Completed() {
		completed = fmt.Sprintf("Experiment %q has completed: %s.", name, phase)
	}
	d.setCondition(v1alpha1.ExperimentCompleted, phase.Completed(), completedReason, completed)
	d.setReplicaFailure()
}

// late is the message of a version that did not serve in time; empty if none.
func (d *decision) late() string {
	for _, v := range d.versions {
		if v.status.Status == v1alpha1.TemplateStatusFailed {
			return v.status.Message
		}
	}
	return ""
}

// setReplicaFailure passes on that a ReplicaSet cannot make its pods.
func (d *decision) setReplicaFailure() {
	for _, v := range d.versions {
		if v.rs == nil {
			continue
		}
		for _, c := range v.rs.Status.Conditions {
			if string(c.Type) == string(v1alpha1.ExperimentReplicaFailure) && c.Status == corev1.ConditionTrue {
				d.setCondition(v1alpha1.ExperimentReplicaFailure, true, c.Reason, c.Message)
				return
			}
		}
	}
	d.dropCondition(v1alpha1.ExperimentReplicaFailure)
}

// setCondition writes a condition unless it is already so.
func (d *decision) setCondition(t v1alpha1.ExperimentConditionType, value bool, reason, message string) {
	now := analysis.Second(d.now)
	next := v1alpha1.ExperimentCondition{Type: t, Status: corev1.ConditionFalse, Reason: reason, Message: message, LastUpdateTime: now, LastTransitionTime: now}
	if value {
		next.Status = corev1.ConditionTrue
	}
	c := conditionOf(d.status, t)
	if c == nil {
		d.status.Conditions = append(d.status.Conditions, next)
		return
	}
	if c.Status == next.Status && c.Reason == reason && c.Message == message {
		return
	}
	if c.Status == next.Status {
		next.LastTransitionTime = c.LastTransitionTime
	}
	*c = next
}

func (d *decision) dropCondition(t v1alpha1.ExperimentConditionType) {
	d.status.Conditions = slices.DeleteFunc(d.status.Conditions, func(c v1alpha1.ExperimentCondition) bool { return c.Type == t })
}

// conditionOf returns a pointer into a status; nil if it has no such condition.
func conditionOf(s *v1alpha1.ExperimentStatus, t v1alpha1.ExperimentConditionType) *v1alpha1.ExperimentCondition {
	for i := range s.Conditions {
		if s.Conditions[i].Type == t {
			return &s.Conditions[i]
		}
	}
	return nil
}

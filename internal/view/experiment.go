package view

import (
	"fmt"
	"strings"
	"time"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// ExperimentInfo is an Experiment as people look at it by itself.
type ExperimentInfo struct {
	Experiment
	Namespace string
	Message   string
	// Images lists the images of all its pods, sorted by name, with the
	// templates that they belong to.
	Images []Image
}

// OneExperiment builds the tree of one Experiment as of now; o.Rollout is not
// looked at.
func OneExperiment(e *v1alpha1.Experiment, o Objects, now time.Time) ExperimentInfo {
	info := ExperimentInfo{Experiment: o.experiment(e, now), Namespace: e.Namespace, Message: experimentMessage(e)}
	info.Images = images([]Revision{{Experiments: []Experiment{info.Experiment}}})
	return info
}

// experimentMessage is what an Experiment says, or what its templates wait for.
func experimentMessage(e *v1alpha1.Experiment) string {
	if e.Status.Message != "" || e.Status.Phase.Completed() {
		return e.Status.Message
	}
	var waiting []string
	for _, t := range e.Status.TemplateStatuses {
		if t.Message != "" {
			waiting = append(waiting, fmt.Sprintf("template %s: %s", t.Name, t.Message))
		}
	}
	return strings.Join(waiting, "; ")
}

// ExperimentSummary is a row of `list experiments`.
type ExperimentSummary struct {
	Namespace string
	Name      string
	// Status is the phase of the Experiment.
	Status string
	// Duration is how long it runs, as it was written; empty if no time is set.
	Duration string
	// Remaining is the time until it ends by itself; negative if it does not, or
	// not yet, run towards a time.
	Remaining time.Duration
	// Age is the time since it was created; negative if unknown.
	Age time.Duration
}

// SummarizeExperiment sums an Experiment up.
//
//	duration 3h, available since 61m, Running: 119m remain
//	the same, Pending or Successful:           -1, nothing is counted down
func SummarizeExperiment(e *v1alpha1.Experiment, now time.Time) ExperimentSummary {
	s := ExperimentSummary{
		Namespace: e.Namespace, Name: e.Name, Status: runStatus(string(e.Status.Phase)),
		Duration: string(e.Spec.Duration), Remaining: -1, Age: age(e, now),
	}
	length, err := e.Spec.Duration.Duration()
	if since := e.Status.AvailableAt; since != nil && s.Duration != "" && err == nil && !e.Status.Phase.Completed() {
		s.Remaining = max(0, since.Add(length).Sub(now))
	}
	return s
}

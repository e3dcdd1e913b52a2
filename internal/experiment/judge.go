package experiment

import (
	"fmt"
	"time"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/analysis"
)

// judge says in which phase the Experiment is.
func (d *decision) judge() {
	phase, message := d.worst()
	switch {
	case d.over():
	case d.Invalid != "":
		d.end(v1alpha1.AnalysisPhaseError, d.invalidMessage())
	case phase != v1alpha1.AnalysisPhaseSuccessful:
		d.end(phase, message)
	case d.spec.Terminate:
		d.endWell("Experiment Terminated")
	case d.status.AvailableAt == nil && !d.available():
		d.status.Phase = v1alpha1.AnalysisPhasePending
		d.awaitPods()
	default:
		d.goOn()
	}
}

// worst is the worst of what versions and runs have come to, with its message;
// Successful if nothing has gone wrong.
func (d *decision) worst() (v1alpha1.AnalysisPhase, string) {
	worst, message := v1alpha1.AnalysisPhaseSuccessful, ""
	consider := func(phase v1alpha1.AnalysisPhase, why string) {
		if phase.Completed() && analysis.Worse(phase, worst) {
			worst, message = phase, why
		}
	}
	for _, v := range d.versions {
		consider(v1alpha1.AnalysisPhase(v.status.Status), v.status.Message)
	}
	for _, entry := range d.status.AnalysisRuns {
		consider(entry.Phase, entry.Message)
	}
	return worst, message
}

// available is true when every version serves.
func (d *decision) available() bool {
	for _, v := range d.versions {
		if v.status.Status != v1alpha1.TemplateStatusRunning {
			return false
		}
	}
	return true
}

// awaitPods notes which versions are not there yet.
func (d *decision) awaitPods() {
	for _, v := range d.versions {
		if v.status.Status != v1alpha1.TemplateStatusRunning {
			d.waiting("template %s has %d of %d pods available", v.spec.Name, v.status.AvailableReplicas, v.replicas())
		}
	}
}

// goOn starts the Experiment, or sees whether it has reached its end.
func (d *decision) goOn() {
	if d.status.AvailableAt == nil {
		at := d.stamp()
		d.status.AvailableAt = &at
		d.enter(v1alpha1.AnalysisPhaseRunning, "")
	}
	if err := d.announceRuns(); err != nil {
		d.end(v1alpha1.AnalysisPhaseError, err.Error())
		return
	}
	d.checkEnd()
}

// checkEnd ends the Experiment when its required runs have ended, or, if none is
// required, when its duration is over. Without either it goes on until it is
// terminated.
func (d *decision) checkEnd() {
	required, left := 0, 0
	for _, ref := range d.spec.Analyses {
		if !ref.RequiredForCompletion {
			continue
		}
		required++
		if entry := entryOf(d.status, ref.Name); entry == nil || !entry.Phase.Completed() {
			left++
		}
	}
	length, err := d.spec.Duration.Duration()
	switch {
	case required > 0 && left == 0:
		d.endWell("Required AnalysisRuns completed")
	case required > 0:
		d.waiting("running until %d of %d required analyses have completed", left, required)
	case d.spec.Duration == "" || err != nil:
		d.waiting("running until it is terminated")
	default:
		d.awaitEnd(d.status.AvailableAt.Add(length))
	}
}

func (d *decision) awaitEnd(end time.Time) {
	if d.now.Before(end) {
		d.waiting("running for another %s", end.Sub(d.now))
		d.wakeAt(end)
		return
	}
	d.endWell("")
}

// endWell ends an Experiment in which nothing has gone wrong. Runs that go on
// are asked to stop first, and their last word still counts: one that finds the
// version bad in the very last moment must not be overlooked.
func (d *decision) endWell(message string) {
	if d.stopRuns() {
		d.ending = true
		if d.status.Phase == "" {
			d.status.Phase = v1alpha1.AnalysisPhasePending
		}
		d.waiting("its AnalysisRuns are about to end")
		return
	}
	d.end(v1alpha1.AnalysisPhaseSuccessful, message)
}

// end is the end. Versions that were running until now have done their part.
func (d *decision) end(phase v1alpha1.AnalysisPhase, message string) {
	for _, v := range d.versions {
		if !v.status.Status.Completed() {
			d.setVersion(v, v1alpha1.TemplateStatusSuccessful, "")
		}
	}
	d.enter(phase, message)
}

// enter writes the phase.
func (d *decision) enter(phase v1alpha1.AnalysisPhase, message string) {
	from := d.status.Phase
	d.status.Phase, d.status.Message = phase, message
	if from == phase {
		return
	}
	if from == "" {
		from = v1alpha1.AnalysisPhasePending
	}
	d.transition("Experiment", "Experiment", string(from), string(phase), message)
}

func (d *decision) invalidMessage() string {
	return fmt.Sprintf("The Experiment %q is invalid: %s", d.Experiment.Name, d.Invalid)
}

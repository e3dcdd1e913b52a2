package rehearse

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/analysis"
	"github.com/aviary-rollouts/aviary/internal/lint"
)

// refused is what ends an update whose Experiment cannot be made, whatever the new version
// does. It has the step, counted from 0, the field and what is wrong with it.
var refused = regexp.MustCompile(`The Experiment "[^"]*?-(\d+)(?:\.\d+)?" is invalid: spec\.([^:]+): (.+)$`)

// experiments says where the experiment of a step is written wrongly in a way that shows
// only when the step is reached, so that it ends the update of a good version, too.
func (r *Report) experiments(e *evidence) {
	for _, c := range lint.Crowded(e.rollout) {
		r.warn("weight", c.Step+1, "step %d experiment %s", c.Step+1, c)
	}
	r.endlessExperiments(e)
	r.shortExperiments(e)
	if step, field, problem := e.wrongExperiment(r.Outcome.Message); step >= 0 && r.Outcome.Verdict == Aborted {
		path := fmt.Sprintf("spec.strategy.canary.steps[%d].experiment%s", step, field)
		r.warn("mistake", step+1, "step %d experiment cannot run until this is corrected: %s:%d: %s: %s: %s",
			step+1, e.object.File, e.object.LineOf(path), e.object, path, problem)
	}
}

// endlessExperiments finds experiments that nothing ends but a person, or a version that
// is found bad.
func (r *Report) endlessExperiments(e *evidence) {
	c := e.rollout.Spec.Strategy.Canary
	if c == nil {
		return
	}
	for i, s := range c.Steps {
		if s.Experiment == nil {
			continue
		}
		required := false
		for _, u := range e.uses {
			if u.step != i+1 || u.kind != "experiment" || !u.required {
				continue
			}
			required = true
			if m := slices.IndexFunc(u.metrics, analysis.RunsForever); m >= 0 {
				r.warn("waits", i+1, "step %d experiment waits for an analysis whose metric %q is measured for ever; give the metric a count, or remove requiredForCompletion and give the experiment a duration",
					i+1, u.metrics[m].Name)
			}
		}
		if !required && s.Experiment.Duration == "" {
			r.warn("waits", i+1, "step %d experiment has no duration, and no analysis with requiredForCompletion: it runs until a person ends it; run kubectl argo rollouts terminate experiment",
				i+1)
		}
	}
}

// shortExperiments finds experiments that are over before a metric of theirs can fail.
func (r *Report) shortExperiments(e *evidence) {
	c := e.rollout.Spec.Strategy.Canary
	required := func(a v1alpha1.RolloutExperimentStepAnalysisTemplateRef) bool { return a.RequiredForCompletion }
	for _, u := range e.uses {
		if c == nil || u.kind != "experiment" {
			continue
		}
		experiment := c.Steps[u.step-1].Experiment
		length, err := experiment.Duration.Duration()
		if err != nil || slices.ContainsFunc(experiment.Analyses, required) {
			continue // it has no duration, or one that is passed over
		}
		for i := range u.metrics {
			m := &u.metrics[i]
			if need, limit, known := earliestFailure(m); known && need >= Duration(length) { // at that very moment, it ends first
				r.warn("too-slow", u.step, "metric %q of %s cannot stop the update: with failureLimit %d it fails %s after its start at the earliest, and the experiment is over after %s; lower failureLimit or interval, or make duration longer, or set requiredForCompletion",
					m.Name, u.place, limit, need, Duration(length))
			}
		}
	}
}

// wrongExperiment finds the step that a message is about, counted from 0, the field in
// its experiment and what is wrong; -1 if it is about none.
func (e *evidence) wrongExperiment(message string) (step int, field, problem string) {
	c := e.rollout.Spec.Strategy.Canary
	if c == nil {
		return -1, "", ""
	}
	m := refused.FindStringSubmatch(message)
	if m == nil {
		return -1, "", ""
	}
	step, err := strconv.Atoi(m[1])
	if err != nil || step >= len(c.Steps) || c.Steps[step].Experiment == nil {
		return -1, "", ""
	}
	return step, "." + m[2], m[3]
}

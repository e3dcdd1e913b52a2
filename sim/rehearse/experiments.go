package rehearse

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// What ends an update whose Experiment cannot be made, whatever the new version does.
var (
	// refused has the step, counted from 0, the field and what is wrong with it.
	refused = regexp.MustCompile(`The Experiment "[^"]*?-(\d+)(?:\.\d+)?" is invalid: spec\.([^:]+): (.+)$`)
	// unmade has the name of the analysis and what is wrong with it.
	unmade = regexp.MustCompile(`AnalysisTemplate verification failed for analysis '([^']+)': (.+)$`)
)

// experiments says where the experiment of a step is written wrongly. Nobody refuses
// that before the step is reached, so that it ends the update of a good version, too.
func (r *Report) experiments(e *evidence) {
	if step, field, problem, remedy := e.wrongExperiment(r.Outcome.Message); step >= 0 && r.Outcome.Verdict == Aborted {
		path := fmt.Sprintf("spec.strategy.canary.steps[%d].experiment%s", step, field)
		r.warn("mistake", step+1, "step %d experiment cannot run until this is corrected: %s:%d: %s: %s: %s%s",
			step+1, e.object.File, e.object.LineOf(path), e.object, path, problem, remedy)
	}
}

// wrongExperiment finds the step that a message is about, counted from 0, the field in
// its experiment, what is wrong and what to do; -1 if it is about none.
func (e *evidence) wrongExperiment(message string) (step int, field, problem, remedy string) {
	c := e.rollout.Spec.Strategy.Canary
	if c == nil {
		return -1, "", "", ""
	}
	if m := refused.FindStringSubmatch(message); m != nil {
		step, err := strconv.Atoi(m[1])
		if err != nil || step >= len(c.Steps) || c.Steps[step].Experiment == nil {
			return -1, "", "", ""
		}
		if strings.Contains(m[3], "names no template") {
			remedy = "; it has " + strings.Join(templateNames(c.Steps[step].Experiment), " and ")
		}
		return step, "." + m[2], m[3], remedy
	}
	m := unmade.FindStringSubmatch(message)
	if m == nil {
		return -1, "", "", ""
	}
	for i, s := range c.Steps {
		if s.Experiment == nil {
			continue
		}
		named := func(a v1alpha1.RolloutExperimentStepAnalysisTemplateRef) bool { return a.Name == m[1] }
		if j := slices.IndexFunc(s.Experiment.Analyses, named); j >= 0 {
			field, remedy := unmadeField(m[2])
			return i, fmt.Sprintf(".analyses[%d]%s", j, field), m[2], remedy
		}
	}
	return -1, "", "", ""
}

func templateNames(e *v1alpha1.RolloutExperimentStep) (names []string) {
	for _, t := range e.Templates {
		names = append(names, t.Name)
	}
	return names
}

// unmadeField is the field of an analysis that cannot be made, and what to do.
func unmadeField(problem string) (field, remedy string) {
	switch {
	case strings.HasSuffix(problem, "was not resolved"):
		return ".args", "; give that argument a value under args there, or a default in the template"
	case strings.HasSuffix(problem, "not found"):
		return ".templateName", "; add its manifest with -f, or correct the name"
	}
	return "", ""
}

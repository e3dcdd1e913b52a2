package validate

import (
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/analysis"
)

// ExperimentAnalysis is an analysis of the Experiment that a canary step makes.
type ExperimentAnalysis struct {
	// Field is where the step describes it.
	Field *field.Path
	// Spec is the description.
	Spec *v1alpha1.RolloutExperimentStepAnalysisTemplateRef
}

// ExperimentAnalyses lists the analyses of the Experiments that the steps of a Rollout
// make.
func ExperimentAnalyses(ro *v1alpha1.Rollout) []ExperimentAnalysis {
	c := ro.Spec.Strategy.Canary
	if c == nil {
		return nil
	}
	var list []ExperimentAnalysis
	for i := range c.Steps {
		e := c.Steps[i].Experiment
		if e == nil {
			continue
		}
		for j := range e.Analyses {
			at := stepsPath.Index(i).Child("experiment", "analyses").Index(j)
			list = append(list, ExperimentAnalysis{at, &e.Analyses[j]})
		}
	}
	return list
}

// Templates is the template that it names, as the list that an analysis has.
func (a ExperimentAnalysis) Templates() []v1alpha1.AnalysisTemplateRef {
	return []v1alpha1.AnalysisTemplateRef{{TemplateName: a.Spec.TemplateName, ClusterScope: a.Spec.ClusterScope}}
}

// Problems is what [Templates] lists of it, from what joining its templates has yielded.
// A metric without end is none: the duration of the Experiment, or a person, ends it.
func (a ExperimentAnalysis) Problems(flat v1alpha1.AnalysisTemplateSpec, err error) field.ErrorList {
	at := a.Field.Child("templateName")
	if err == nil {
		err = analysis.Validate(flat.Metrics)
	}
	if err != nil {
		return field.ErrorList{field.Invalid(at, a.Spec.TemplateName, err.Error())}
	}
	errs := Values(flat, analysis.Written(a.Spec.Args), false, a.Field.Child("args"))
	for _, arg := range flat.Args {
		supplied := slices.ContainsFunc(a.Spec.Args, func(s v1alpha1.AnalysisRunArgument) bool { return s.Name == arg.Name })
		if from := arg.ValueFrom; !supplied && arg.Value == nil && (from == nil || from.SecretKeyRef == nil && from.FieldRef == nil) {
			errs = append(errs, field.Invalid(a.Field.Child("args"), arg.Name, "missing analysis arguments in rollout spec"))
		}
	}
	return errs
}

// askedInVain finds the arguments that the metrics of an analysis ask for and that none
// of its templates declares: nobody can supply them.
func askedInVain(flat v1alpha1.AnalysisTemplateSpec, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, wrong := range undeclared(flat.Metrics, flat.Args, at) {
		errs = append(errs, field.Invalid(at, wrong.BadValue, wrong.Detail))
	}
	return errs
}

package validate

import (
	"slices"

	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/analysis"
	"github.com/aviary-rollouts/aviary/internal/experiment"
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

// StepRules lists the rules of the Experiments that the steps of a Rollout make that
// match no metric: see [ExperimentRules].
func StepRules(ro *v1alpha1.Rollout, library analysis.Library) field.ErrorList {
	c := ro.Spec.Strategy.Canary
	if c == nil {
		return nil
	}
	var errs field.ErrorList
	for i := range c.Steps {
		if e := c.Steps[i].Experiment; e != nil {
			errs = append(errs, ExperimentRules(writtenExperiment(e), library, stepsPath.Index(i).Child("experiment"))...)
		}
	}
	return errs
}

// ExperimentRules lists the rules of an Experiment at a path that match a metric of none
// of its analyses. What else is wrong with a template is said elsewhere: as long as one
// cannot be read, nobody knows which metrics there are.
func ExperimentRules(spec *v1alpha1.ExperimentSpec, library analysis.Library, path *field.Path) field.ErrorList {
	if len(spec.Analyses) == 0 || len(spec.DryRun)+len(spec.MeasurementRetention) == 0 {
		return nil
	}
	names := sets.New[string]()
	for _, ref := range experiment.References(spec) {
		flat, err := analysis.Flatten(library, []v1alpha1.AnalysisTemplateRef{ref})
		if err != nil {
			return nil
		}
		for _, m := range flat.Metrics {
			names.Insert(m.Name)
		}
	}
	var metrics []v1alpha1.Metric
	for _, name := range sets.List(names) {
		metrics = append(metrics, v1alpha1.Metric{Name: name})
	}
	return rules(spec.DryRun, spec.MeasurementRetention, metrics, path)
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

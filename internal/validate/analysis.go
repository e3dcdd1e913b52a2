package validate

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/analysis"
)

// AnalysisRef is an analysis of a strategy.
type AnalysisRef struct {
	// Field is where the strategy describes it.
	Field *field.Path
	// Spec is the description.
	Spec *v1alpha1.RolloutAnalysis
	// Finite is true where the update waits for the end of the analysis.
	Finite bool
}

// The paths of what has analyses in a canary.
var (
	stepsPath          = strategyPath.Child("canary", "steps")
	canaryAnalysisPath = strategyPath.Child("canary", "analysis")
)

// Analyses lists the analyses of a strategy.
func Analyses(ro *v1alpha1.Rollout) []AnalysisRef {
	var list []AnalysisRef
	if c := ro.Spec.Strategy.Canary; c != nil {
		for i := range c.Steps {
			if a := c.Steps[i].Analysis; a != nil {
				list = append(list, AnalysisRef{stepsPath.Index(i).Child("analysis"), a, true})
			}
		}
		if a := c.Analysis; a != nil {
			list = append(list, AnalysisRef{canaryAnalysisPath, &a.RolloutAnalysis, false})
		}
	}
	if b := ro.Spec.Strategy.BlueGreen; b != nil {
		if a := b.PrePromotionAnalysis; a != nil {
			list = append(list, AnalysisRef{field.NewPath("spec", "strategy", "blueGreen", "prePromotionAnalysis"), a, true})
		}
		if a := b.PostPromotionAnalysis; a != nil {
			list = append(list, AnalysisRef{field.NewPath("spec", "strategy", "blueGreen", "postPromotionAnalysis"), a, true})
		}
	}
	return list
}

// Templates lists what is wrong with the templates that the analyses of a
// Rollout refer to, and those of the Experiments that its steps make: missing, not
// to be merged, without end where the update waits for the end, or with arguments
// that nobody supplies; and with the rules and the arguments that the Rollout adds.
func Templates(ro *v1alpha1.Rollout, library analysis.Library) field.ErrorList {
	var errs field.ErrorList
	for _, ref := range Analyses(ro) {
		flat, err := analysis.Flatten(library, ref.Spec.Templates)
		errs = append(errs, ref.Problems(flat, err)...)
		if err == nil {
			errs = append(errs, askedInVain(flat, ref.Field.Child("templates"))...)
		}
	}
	for _, a := range ExperimentAnalyses(ro) {
		flat, err := analysis.Flatten(library, a.Templates())
		errs = append(errs, a.Problems(flat, err)...)
		if err == nil {
			errs = append(errs, askedInVain(flat, a.Field.Child("templateName"))...)
		}
	}
	return append(errs, StepRules(ro, library)...)
}

// Problems is what [Templates] lists of one analysis, from what joining its templates
// has yielded.
func (ref AnalysisRef) Problems(flat v1alpha1.AnalysisTemplateSpec, err error) field.ErrorList {
	at := ref.Field.Child("templates")
	if err != nil {
		return field.ErrorList{field.Invalid(at, ref.names(), err.Error())}
	}
	var errs field.ErrorList
	if err := analysis.Validate(flat.Metrics); err != nil {
		errs = append(errs, field.Invalid(at, ref.names(), err.Error()))
	}
	for _, m := range flat.Metrics {
		if ref.Finite && analysis.RunsForever(m) {
			errs = append(errs, field.Invalid(at, ref.names(),
				"AnalysisTemplate "+ref.names()+" has metric "+m.Name+" which runs indefinitely. Invalid value for count: "+countText(m)))
		}
	}
	if len(errs) == 0 {
		errs = Values(flat, analysis.Written(ref.Spec.Args), ref.Finite, ref.Field.Child("args"))
	}
	errs = append(errs, metadata(ref.Spec.AnalysisRunMetadata.Labels, ref.Spec.AnalysisRunMetadata.Annotations, ref.Field.Child("analysisRunMetadata"))...)
	errs = append(errs, rules(ref.Spec.DryRun, ref.Spec.MeasurementRetention, flat.Metrics, ref.Field)...)
	errs = append(errs, Conflicts(flat.MeasurementRetention, ref.Spec.MeasurementRetention, ref.Field)...)
	errs = append(errs, suppliedArgs(ref.Spec.Args, ref.Field.Child("args"))...)
	supplied := map[string]bool{}
	for _, a := range ref.Spec.Args {
		supplied[a.Name] = true
	}
	for _, a := range flat.Args {
		if !supplied[a.Name] && a.Value == nil && a.ValueFrom == nil {
			errs = append(errs, field.Invalid(ref.Field.Child("args"), a.Name, "missing analysis arguments in rollout spec"))
		}
	}
	return errs
}

// Values lists the metrics that cannot be measured with the values of arguments, at a path,
// that are known before there is a run; the rest of templates is taken to be right. finite
// is true where somebody waits for the end of the analysis.
func Values(flat v1alpha1.AnalysisTemplateSpec, supplied []v1alpha1.Argument, finite bool, path *field.Path) field.ErrorList {
	known := analysis.Known(flat.Args, supplied)
	var errs field.ErrorList
	for _, m := range flat.Metrics {
		filled, err := analysis.PutValues(m, known)
		if err == nil {
			err = analysis.Validate([]v1alpha1.Metric{filled})
		}
		switch {
		case err != nil:
			why := strings.TrimPrefix(err.Error(), "metrics[0]: ")
			errs = append(errs, field.Invalid(path, valuesFor(m, known), fmt.Sprintf("with these values metric %q cannot be measured: %s", m.Name, why)))
		case finite && analysis.RunsForever(filled):
			errs = append(errs, field.Invalid(path, valuesFor(m, known), fmt.Sprintf("with these values metric %q runs indefinitely. Invalid value for count: %s", m.Name, countText(filled))))
		}
	}
	return errs
}

// valuesFor lists the values that a metric asks for: count=0, interval=10s.
func valuesFor(m v1alpha1.Metric, known map[string]string) string {
	names, err := analysis.Placeholders(m)
	if err != nil {
		return m.Name
	}
	var list []string
	for _, name := range names {
		if value, has := known[name]; has {
			list = append(list, name+"="+value)
		}
	}
	return strings.Join(list, ", ")
}

// suppliedArgs checks the arguments that a Rollout gives to an analysis. A field
// that is named must be one that a Rollout can have; whether it has it is seen
// when the run is made.
func suppliedArgs(list []v1alpha1.AnalysisRunArgument, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, arg := range list {
		from, at := arg.ValueFrom, path.Index(i).Child("valueFrom")
		switch {
		case from == nil:
		case from.PodTemplateHashValue != nil:
			revisions := []v1alpha1.ValueFromPodTemplateHash{v1alpha1.Stable, v1alpha1.Latest}
			errs = append(errs, oneOf(*from.PodTemplateHashValue, revisions, at.Child("podTemplateHashValue"))...)
		case from.FieldRef != nil:
			if err := analysis.CheckField(from.FieldRef.FieldPath); err != nil {
				errs = append(errs, field.Invalid(at.Child("fieldRef", "fieldPath"), from.FieldRef.FieldPath, err.Error()))
			}
		}
	}
	return errs
}

func countText(m v1alpha1.Metric) string {
	if m.Count == nil {
		return "<nil>"
	}
	return m.Count.String()
}

// names joins the names of the templates, for messages.
func (ref AnalysisRef) names() string {
	text := ""
	for i, t := range ref.Spec.Templates {
		if i > 0 {
			text += ", "
		}
		text += t.TemplateName
	}
	return text
}

package lint

import (
	"maps"
	"regexp"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/analysis"
	"github.com/aviary-rollouts/aviary/internal/experiment"
	"github.com/aviary-rollouts/aviary/internal/manifest"
	"github.com/aviary-rollouts/aviary/internal/validate"
)

// Templates collects the templates of files that can be used in a namespace; an
// empty one means any.
func Templates(objects []manifest.Object, namespace string) analysis.Library {
	library := analysis.Library{}
	for _, o := range objects {
		switch t := o.Object.(type) {
		case *v1alpha1.AnalysisTemplate:
			if t.Namespace == namespace || t.Namespace == "" || namespace == "" {
				library[v1alpha1.AnalysisTemplateRef{TemplateName: t.Name}] = &t.Spec
			}
		case *v1alpha1.ClusterAnalysisTemplate:
			library[v1alpha1.AnalysisTemplateRef{TemplateName: t.Name, ClusterScope: true}] = &t.Spec
		}
	}
	return library
}

// template checks a template, joined with those that it refers to if they are
// all in the files.
func (r *report) template(ref v1alpha1.AnalysisTemplateRef, spec *v1alpha1.AnalysisTemplateSpec) {
	r.joined(ref, spec)
	r.texts(spec.Metrics, func(t text) *mistake { return mistakeInTemplate(t, spec.Args) })
	r.flaws(spec.Metrics)
}

// flaws adds what keeps metrics from being measured.
func (r *report) flaws(metrics []v1alpha1.Metric) {
	for i := range metrics {
		for _, f := range flawsOf(&metrics[i]) {
			path := field.NewPath("spec", "metrics").Index(i).String() + "." + f.field
			if f.here {
				r.warn(path, "%s", f.text)
			} else {
				r.error(path, "%s", f.text)
			}
		}
	}
}

// texts adds the mistakes in what metrics ask.
func (r *report) texts(metrics []v1alpha1.Metric, mistakeIn func(text) *mistake) {
	for i := range metrics {
		for _, t := range textsOf(&metrics[i]) {
			if wrong := mistakeIn(t); wrong != nil {
				r.mistaken(field.NewPath("spec", "metrics").Index(i), t, wrong)
			}
		}
	}
}

// mistakeInTemplate is what is wrong with a text of a template whatever its users give it:
// the defaults are only what they may have given.
func mistakeInTemplate(t text, args []v1alpha1.Argument) *mistake {
	wrong := t.mistake(analysis.Known(args, nil))
	if wrong == nil || t.mistake(nil) == nil {
		return nil
	}
	return wrong
}

// mistaken adds a mistake in a text of the metric at a path.
func (r *report) mistaken(metric *field.Path, t text, wrong *mistake) {
	if path := metric.String() + "." + t.field; wrong.unsure {
		r.warn(path, "%s", t.describe(wrong))
	} else {
		r.error(path, "%s", t.describe(wrong))
	}
}

// joined checks a template together with those that it refers to.
func (r *report) joined(ref v1alpha1.AnalysisTemplateRef, spec *v1alpha1.AnalysisTemplateSpec) {
	refs := []v1alpha1.AnalysisTemplateRef{ref}
	library := Templates(r.all, r.object.GetNamespace())
	if r.missingTemplates(field.NewPath("spec", "templates"), library, refs) {
		r.add(validate.AnalysisTemplate(spec, nil), nil)
		return
	}
	joined, err := analysis.Flatten(library, refs)
	if err == nil {
		r.add(validate.AnalysisTemplate(spec, &joined), nil)
		return
	}
	errs := validate.AnalysisTemplate(spec, nil)
	r.add(errs, nil)
	switch {
	case len(spec.Templates) > 0:
		r.error("spec.templates", "%v", err)
	case len(errs) == 0: // it contradicts itself in a way that only joining shows
		r.error("spec", "%v", err)
	}
}

// missingTemplates says whether templates are not in the files, and warns of names that
// may be misspelt.
func (r *report) missingTemplates(path *field.Path, library analysis.Library, refs []v1alpha1.AnalysisTemplateRef) bool {
	missing := library.Missing(refs)
	for _, m := range missing {
		kind := v1alpha1.KindAnalysisTemplate
		if m.ClusterScope {
			kind = v1alpha1.KindClusterAnalysisTemplate
		}
		r.missing(path.String(), kind, m.TemplateName)
	}
	return len(missing) > 0
}

var part = regexp.MustCompile(`\b(metrics|dryRun|measurementRetention)\[\d+\]`)

// run checks an AnalysisRun: its arguments are all there is.
func (r *report) run(run *v1alpha1.AnalysisRun) {
	errs := validate.Metrics(run.Spec.Metrics)
	r.add(errs, nil)
	if problem := analysis.Read(run).Problem(); problem != "" && len(errs) == 0 {
		path := "spec"
		if at := part.FindString(problem); at != "" {
			path += "." + at
		}
		r.error(path, "%s", problem)
	}
	known := analysis.Known(run.Spec.Args, nil)
	r.texts(run.Spec.Metrics, func(t text) *mistake { return t.mistake(known) })
	r.flaws(run.Spec.Metrics)
}

// experiment checks an Experiment and its analyses.
func (r *report) experiment(e *v1alpha1.Experiment) {
	r.add(validate.Experiment(e), nil)
	library := Templates(r.all, e.Namespace)
	var conflicts field.ErrorList // of the first analysis that has some: most are those of the next, too
	for i, ref := range experiment.References(&e.Spec) {
		flat := r.experimentAnalysis(field.NewPath("spec", "analyses").Index(i), library, ref, e.Spec.Analyses[i].Args)
		if len(conflicts) == 0 {
			conflicts = validate.Conflicts(flat.MeasurementRetention, e.Spec.MeasurementRetention, field.NewPath("spec"))
		}
	}
	r.add(conflicts, nil)
	r.add(validate.ExperimentRules(&e.Spec, library, field.NewPath("spec")), nil)
}

// experimentAnalysis checks an analysis of an Experiment if its templates are all in the
// files, and returns those joined.
func (r *report) experimentAnalysis(path *field.Path, library analysis.Library, ref v1alpha1.AnalysisTemplateRef, supplied []v1alpha1.Argument) (flat v1alpha1.AnalysisTemplateSpec) {
	refs := []v1alpha1.AnalysisTemplateRef{ref}
	if ref.TemplateName == "" || r.missingTemplates(path.Child("templateName"), library, refs) {
		return flat
	}
	flat, err := analysis.Flatten(library, refs)
	if err != nil {
		r.error(path.Child("templateName").String(), "%v", err)
		return flat
	}
	if _, err := analysis.NewSpec(flat, valued(supplied)); err != nil {
		r.error(path.Child("args").String(), "%v", err)
	}
	if analysis.Validate(flat.Metrics) == nil {
		r.add(validate.Values(flat, supplied, false, path.Child("args")), nil)
	}
	r.arguments(path.Child("args"), flat, supplied)
	return flat
}

// arguments checks what a user of templates gives them: an argument that none declares,
// which the run goes on without, and with the default of the one that was meant; and
// values with which a text cannot be read that is right by itself.
func (r *report) arguments(path *field.Path, flat v1alpha1.AnalysisTemplateSpec, supplied []v1alpha1.Argument) {
	for i, name := range analysis.Unasked(flat.Args, supplied) {
		if name != "" {
			r.warn(path.Index(i).Child("name").String(), "no template declares the argument %q: it is left out", name)
		}
	}
	known := analysis.Known(flat.Args, supplied)
	maps.DeleteFunc(known, func(_, value string) bool { return strings.Contains(value, "{{") }) // an Experiment will tell
	for i := range flat.Metrics {
		for _, t := range textsOf(&flat.Metrics[i]) {
			if wrong := t.mistake(known); wrong != nil && mistakeInTemplate(t, flat.Args) == nil {
				r.error(path.String(), "with these values %s of metric %q cannot be read: %s", t.field, flat.Metrics[i].Name, t.describe(wrong))
			}
		}
	}
}

// valued gives arguments whose value is elsewhere one: here it only matters
// that there is one.
func valued(args []v1alpha1.Argument) []v1alpha1.Argument {
	var all []v1alpha1.Argument
	for _, arg := range args {
		if arg.Value == nil && arg.ValueFrom != nil {
			arg.Value = &arg.Name
		}
		all = append(all, arg)
	}
	return all
}

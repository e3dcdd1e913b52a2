package lint

import (
	"regexp"

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
	refs := []v1alpha1.AnalysisTemplateRef{ref}
	library := Templates(r.all, r.object.GetNamespace())
	missing := library.Missing(refs)
	for _, m := range missing {
		r.missingTemplate("spec.templates", m)
	}
	if len(missing) > 0 {
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

func (r *report) missingTemplate(path string, ref v1alpha1.AnalysisTemplateRef) {
	kind := v1alpha1.KindAnalysisTemplate
	if ref.ClusterScope {
		kind = v1alpha1.KindClusterAnalysisTemplate
	}
	r.missing(path, kind, ref.TemplateName)
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
}

// experiment checks an Experiment and the analyses whose templates are all in
// the files.
func (r *report) experiment(e *v1alpha1.Experiment) {
	r.add(validate.Experiment(e), nil)
	library := Templates(r.all, e.Namespace)
	for i, ref := range experiment.References(&e.Spec) {
		path := field.NewPath("spec", "analyses").Index(i)
		refs := []v1alpha1.AnalysisTemplateRef{ref}
		missing := library.Missing(refs)
		for _, m := range missing {
			r.missingTemplate(path.Child("templateName").String(), m)
		}
		if len(missing) > 0 || ref.TemplateName == "" {
			continue
		}
		flat, err := analysis.Flatten(library, refs)
		if err != nil {
			r.error(path.Child("templateName").String(), "%v", err)
			continue
		}
		if _, err := analysis.NewSpec(flat, valued(e.Spec.Analyses[i].Args)); err != nil {
			r.error(path.Child("args").String(), "%v", err)
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

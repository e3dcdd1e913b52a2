package lint

import (
	"regexp"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
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
// the files. path is where it is written: spec, or the step that makes it.
func (r *report) experiment(e *v1alpha1.Experiment, path *field.Path) {
	for _, err := range validate.Experiment(e) {
		r.error(path.String()+strings.TrimPrefix(err.Field, "spec"), "%s", err.ErrorBody())
	}
	library := Templates(r.all, e.Namespace)
	for i, ref := range experiment.References(&e.Spec) {
		path := path.Child("analyses").Index(i)
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
		args := valued(e.Spec.Analyses[i].Args)
		if _, err := analysis.NewSpec(flat, args); err != nil {
			r.error(path.Child("args").String(), "%v", err)
		}
		r.unasked(path.Child("args"), flat.Args, args)
	}
}

// stepExperiments checks the Experiments that the steps of a Rollout make. Nobody
// refuses those before their step is reached, in the middle of an update.
func (r *report) stepExperiments(ro *v1alpha1.Rollout) {
	c := ro.Spec.Strategy.Canary
	if c == nil || ro.Spec.WorkloadRef != nil {
		return
	}
	ro = ro.DeepCopy()
	revision := &appsv1.ReplicaSet{Spec: appsv1.ReplicaSetSpec{Selector: ro.Spec.Selector, Template: ro.Spec.Template}}
	for i := range c.Steps {
		step := ro.Spec.Strategy.Canary.Steps[i].Experiment
		if step == nil {
			continue
		}
		for j := range step.Analyses {
			for k := range step.Analyses[j].Args {
				if arg := &step.Analyses[j].Args[k]; arg.ValueFrom != nil {
					arg.Value, arg.ValueFrom = arg.Name, nil // what it is shows when the step is reached
				}
			}
		}
		path := field.NewPath("spec", "strategy", "canary", "steps").Index(i).Child("experiment")
		made, err := experiment.ForStep(experiment.Step{Rollout: ro, Index: int32(i), Stable: revision, Canary: revision}, ro.Name)
		if err != nil {
			r.error(path.String(), "%v", err)
			continue
		}
		r.experiment(made, path)
	}
}

// unasked warns of arguments that no template declares: the run goes on without
// them, and with the default of the one that was meant.
func (r *report) unasked(path *field.Path, declared, supplied []v1alpha1.Argument) {
	for i, name := range analysis.Unasked(declared, supplied) {
		if name == "" {
			continue
		}
		r.warn(path.Index(i).Child("name").String(), "no template declares the argument %q: it is left out", name)
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

package validate

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/analysis"
)

const (
	nothingToMeasure = "a template has metrics, or templates that have some"
	otherLimit       = "the rule for %q that a template has, or that stands before this one, keeps %d: give both the same limit, or leave this one out"
)

// AnalysisTemplate lists what is wrong with a template before anybody uses it.
// flat is the template joined with those that it refers to: arguments and names
// of metrics may come from there. If it is nil they are not looked at.
func AnalysisTemplate(t, flat *v1alpha1.AnalysisTemplateSpec) field.ErrorList {
	path := field.NewPath("spec")
	var errs field.ErrorList
	if len(t.Metrics)+len(t.Templates) == 0 {
		errs = append(errs, field.Required(path.Child("metrics"), nothingToMeasure))
	}
	errs = append(errs, Metrics(t.Metrics)...)
	names := sets.New[string]()
	for i, arg := range t.Args {
		if names.Has(arg.Name) {
			errs = append(errs, field.Duplicate(path.Child("args").Index(i).Child("name"), arg.Name))
		}
		names.Insert(arg.Name)
	}
	if flat == nil {
		return errs
	}
	errs = append(errs, undeclared(t.Metrics, flat.Args, path.Child("metrics"))...)
	return append(errs, rules(t.DryRun, t.MeasurementRetention, flat.Metrics, path)...)
}

// Metrics lists what is wrong with the metrics of a template or a run, each by
// itself. Values that still wait for an argument are not looked at, nor is what is
// written in a language of its own.
func Metrics(list []v1alpha1.Metric) field.ErrorList {
	path := field.NewPath("spec", "metrics")
	names := sets.New[string]()
	var errs field.ErrorList
	for i, m := range list {
		at := path.Index(i)
		if names.Has(m.Name) {
			errs = append(errs, field.Duplicate(at.Child("name"), m.Name))
		}
		names.Insert(m.Name)
		if err := analysis.Validate([]v1alpha1.Metric{m}); err != nil {
			errs = append(errs, field.Invalid(at, m.Name, strings.TrimPrefix(err.Error(), "metrics[0]: ")))
		}
	}
	return errs
}

// undeclared finds arguments that metrics ask for and nobody can supply.
func undeclared(list []v1alpha1.Metric, args []v1alpha1.Argument, path *field.Path) field.ErrorList {
	var declared []string
	for _, arg := range args {
		declared = append(declared, arg.Name)
	}
	var errs field.ErrorList
	for i, m := range list {
		asked, err := analysis.Placeholders(m)
		if err != nil {
			errs = append(errs, field.Invalid(path.Index(i), m.Name, err.Error()))
		}
		for _, name := range asked {
			if !slices.Contains(declared, name) {
				errs = append(errs, field.Invalid(path.Index(i), "{{args."+name+"}}", undeclaredText(declared)))
			}
		}
	}
	return errs
}

func undeclaredText(declared []string) string {
	if len(declared) == 0 {
		return "the template declares no arguments"
	}
	return "the template declares only the arguments " + strings.Join(declared, ", ")
}

// rules finds rules that match no metric, as the run will say.
func rules(dryRun []v1alpha1.DryRun, retention []v1alpha1.MeasurementRetention, metrics []v1alpha1.Metric, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	check := func(rule string, spec v1alpha1.AnalysisRunSpec, at *field.Path) {
		for _, m := range metrics {
			// Only the name matters; the rest of a metric may wait for arguments.
			named := v1alpha1.Metric{Name: m.Name, Provider: v1alpha1.MetricProvider{Web: &v1alpha1.WebMetric{}}}
			spec.Metrics = append(spec.Metrics, named)
		}
		if _, why, found := strings.Cut(analysis.ReadSpec(&spec).Problem(), "[0]: "); found {
			errs = append(errs, field.Invalid(at.Child("metricName"), rule, why))
		}
	}
	for i, r := range dryRun {
		check(r.MetricName, v1alpha1.AnalysisRunSpec{DryRun: dryRun[i : i+1]}, path.Child("dryRun").Index(i))
	}
	for i, r := range retention {
		check(r.MetricName, v1alpha1.AnalysisRunSpec{MeasurementRetention: retention[i : i+1]}, path.Child("measurementRetention").Index(i))
	}
	return errs
}

// Conflicts finds the rules of who uses a template, at a path, that keep another number
// of measurements than a rule for the same metrics that is before them: one of the
// template, or one of their own. No run can be made of both.
func Conflicts(template, own []v1alpha1.MeasurementRetention, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	limits := map[string]int32{}
	for _, r := range template {
		limits[r.MetricName] = r.Limit
	}
	for i, r := range own {
		if limit, taken := limits[r.MetricName]; taken && limit != r.Limit {
			at := path.Child("measurementRetention").Index(i).Child("limit")
			errs = append(errs, field.Invalid(at, r.Limit, fmt.Sprintf(otherLimit, r.MetricName, limit)))
			continue
		}
		limits[r.MetricName] = r.Limit
	}
	return errs
}

package validate

import (
	"fmt"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

const (
	nothingToRun     = "an Experiment runs templates, analyses or both: give at least one"
	durationText     = "must be a duration greater than 0, such as 30s, 5m or 1h30m"
	readyTooLate     = "must be less than progressDeadlineSeconds (%d): pods would never be available in time"
	portlessService  = "a Service needs a port: declare the containerPort of at least one container of the template"
	unknownTemplate  = "%q names no template of this Experiment: it has %s"
	unknownFact      = "a template has podTemplateHash and replicaset.name"
	unknownMoment    = "an Experiment has availableAt and, with a duration, finishedAt"
	fieldOfRollout   = "only the step of a Rollout can supply one of its fields: give the argument a value"
	serviceNameTaken = "another template has a Service of that name"
)

// experimentTag is what an argument of an analysis asks about the Experiment.
var experimentTag = regexp.MustCompile(`\{\{\s*(templates|experiment)\.([^.\s{}]*)\.?([^\s{}]*)\s*\}\}`)

// Experiment lists what is wrong with the spec of an Experiment. The first error
// becomes its InvalidSpec condition.
func Experiment(e *v1alpha1.Experiment) field.ErrorList {
	return experimentSpec(&e.Spec, field.NewPath("spec"), versionPods)
}

// experimentSpec checks an Experiment, or what a canary step says of one. pods checks
// the pods of a template, as far as they are known.
func experimentSpec(spec *v1alpha1.ExperimentSpec, path *field.Path, pods func(*v1alpha1.TemplateSpec, *field.Path) field.ErrorList) field.ErrorList {
	var errs field.ErrorList
	if len(spec.Templates)+len(spec.Analyses) == 0 {
		errs = append(errs, field.Required(path.Child("templates"), nothingToRun))
	}
	names, services := sets.New[string](), sets.New[string]()
	deadline := valueOr(spec.ProgressDeadlineSeconds, defaultProgressDeadlineSeconds)
	for i := range spec.Templates {
		t, at := &spec.Templates[i], path.Child("templates").Index(i)
		errs = append(errs, label(t.Name, names, at.Child("name"))...)
		errs = append(errs, optionalNotNegative(t.Replicas, at.Child("replicas"))...)
		errs = append(errs, readyInTime(t.MinReadySeconds, deadline, at.Child("minReadySeconds"))...)
		errs = append(errs, pods(t, at)...)
		errs = append(errs, serviceName(t.Service, services, at.Child("service", "name"))...)
	}
	errs = append(errs, experimentTiming(spec, path)...)
	errs = append(errs, metadata(spec.AnalysisRunMetadata.Labels, spec.AnalysisRunMetadata.Annotations, path.Child("analysisRunMetadata"))...)
	return append(errs, analyses(spec, names, path.Child("analyses"))...)
}

// ExperimentMessage is the message of the InvalidSpec condition for the first of
// errs.
func ExperimentMessage(name string, errs field.ErrorList) string {
	if len(errs) == 0 {
		return ""
	}
	return fmt.Sprintf("The Experiment %q is invalid: %s", name, errs[0])
}

func readyInTime(seconds, deadline int32, path *field.Path) field.ErrorList {
	errs := notNegative(seconds, path)
	if seconds > 0 && seconds >= deadline {
		errs = append(errs, field.Invalid(path, seconds, fmt.Sprintf(readyTooLate, deadline)))
	}
	return errs
}

// versionPods checks the pods of a template, how they are selected, and that a Service
// can lead to them.
func versionPods(t *v1alpha1.TemplateSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if t.Selector == nil {
		errs = append(errs, field.Required(path.Child("selector"), ""))
	} else {
		errs = append(errs, template(&t.Template, t.Selector, path)...)
	}
	if t.Service != nil && !declaresPort(t.Template.Spec.Containers) {
		errs = append(errs, field.Invalid(path.Child("service"), t.Service.Name, portlessService))
	}
	return errs
}

// serviceName checks the name of a Service, if the template gives it one, and adds it
// to those that are taken.
func serviceName(s *v1alpha1.TemplateService, taken sets.Set[string], path *field.Path) field.ErrorList {
	if s == nil || s.Name == "" {
		return nil
	}
	errs := invalid(path, s.Name, validation.IsDNS1035Label(s.Name))
	if taken.Has(s.Name) {
		errs = append(errs, field.Invalid(path, s.Name, serviceNameTaken))
	}
	taken.Insert(s.Name)
	return errs
}

func declaresPort(containers []corev1.Container) bool {
	for i := range containers {
		if len(containers[i].Ports) > 0 {
			return true
		}
	}
	return false
}

func experimentTiming(spec *v1alpha1.ExperimentSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if spec.Duration != "" {
		if d, err := spec.Duration.Duration(); err != nil || d <= 0 {
			errs = append(errs, field.Invalid(path.Child("duration"), string(spec.Duration), durationText))
		}
	}
	errs = append(errs, optionalNotNegative(spec.ProgressDeadlineSeconds, path.Child("progressDeadlineSeconds"))...)
	return append(errs, optionalNotNegative(spec.ScaleDownDelaySeconds, path.Child("scaleDownDelaySeconds"))...)
}

func analyses(spec *v1alpha1.ExperimentSpec, templates sets.Set[string], path *field.Path) field.ErrorList {
	var errs field.ErrorList
	names := sets.New[string]()
	for i, a := range spec.Analyses {
		at := path.Index(i)
		errs = append(errs, label(a.Name, names, at.Child("name"))...)
		if a.TemplateName == "" {
			errs = append(errs, field.Required(at.Child("templateName"), ""))
		}
		args := sets.New[string]()
		for j, arg := range a.Args {
			argAt := at.Child("args").Index(j)
			if args.Has(arg.Name) {
				errs = append(errs, field.Duplicate(argAt.Child("name"), arg.Name))
			}
			args.Insert(arg.Name)
			if arg.Value == nil && arg.ValueFrom != nil && arg.ValueFrom.FieldRef != nil {
				errs = append(errs, field.Invalid(argAt.Child("valueFrom", "fieldRef"), arg.ValueFrom.FieldRef.FieldPath, fieldOfRollout))
			}
			if arg.Value != nil {
				errs = append(errs, tags(*arg.Value, spec, templates, argAt.Child("value"))...)
			}
		}
	}
	return errs
}

func templateNames(spec *v1alpha1.ExperimentSpec) []string {
	names := make([]string, 0, len(spec.Templates))
	for _, t := range spec.Templates {
		names = append(names, t.Name)
	}
	return names
}

// tags checks what an argument asks about the Experiment.
func tags(value string, spec *v1alpha1.ExperimentSpec, templates sets.Set[string], path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, m := range experimentTag.FindAllStringSubmatch(value, -1) {
		of, name, fact := m[1], m[2], m[3]
		switch {
		case of == "templates" && !templates.Has(name):
			errs = append(errs, field.Invalid(path, m[0], fmt.Sprintf(unknownTemplate, name, strings.Join(templateNames(spec), ", "))))
		case of == "templates" && fact != "podTemplateHash" && fact != "replicaset.name":
			errs = append(errs, field.Invalid(path, m[0], unknownFact))
		case of == "templates":
		case name == "finishedAt" && fact == "" && spec.Duration != "":
		case name != "availableAt" || fact != "":
			errs = append(errs, field.Invalid(path, m[0], unknownMoment))
		}
	}
	return errs
}

package validate

import (
	"fmt"

	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

const (
	missingField     = "Rollout has missing field '%s'"
	manyStrategies   = "Multiple Strategies can not be listed"
	deadlineTooShort = "must be greater than minReadySeconds"

	defaultProgressDeadlineSeconds = 600
	defaultRevisionHistoryLimit    = 10
)

// Rollout lists what is wrong with a Rollout, the most fundamental first. What
// it refers to is looked at only if the spec itself makes sense.
func Rollout(ro *v1alpha1.Rollout, refs Refs) field.ErrorList {
	if errs := Spec(ro); len(errs) > 0 {
		return errs
	}
	return References(ro, refs)
}

// Spec lists what is wrong with the spec by itself.
func Spec(ro *v1alpha1.Rollout) field.ErrorList {
	spec, path := &ro.Spec, field.NewPath("spec")
	var errs field.ErrorList
	if spec.Replicas != nil {
		errs = append(errs, notNegative(*spec.Replicas, path.Child("replicas"))...)
	}
	errs = append(errs, podSource(spec, path)...)
	errs = append(errs, timing(spec, path)...)
	return append(errs, strategy(spec, path.Child("strategy"))...)
}

// Message is the message of the InvalidSpec condition for the first of errs.
func Message(name string, errs field.ErrorList) string {
	if len(errs) == 0 {
		return ""
	}
	return fmt.Sprintf("The Rollout %q is invalid: %s", name, errs[0])
}

// podSource checks selector and template, or the reference to a workload that
// has them.
func podSource(spec *v1alpha1.RolloutSpec, path *field.Path) field.ErrorList {
	if spec.WorkloadRef != nil {
		return workloadRef(spec, path)
	}
	if spec.Selector == nil {
		return field.ErrorList{field.Required(path.Child("selector"), fmt.Sprintf(missingField, ".spec.selector"))}
	}
	if len(spec.Template.Labels) == 0 && len(spec.Template.Spec.Containers) == 0 {
		return field.ErrorList{field.Required(path.Child("template"), fmt.Sprintf(missingField, ".spec.template"))}
	}
	return template(&spec.Template, spec.Selector, path)
}

func workloadRef(spec *v1alpha1.RolloutSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if len(spec.Template.Spec.Containers) > 0 {
		errs = append(errs, field.Forbidden(path.Child("template"), "template must be empty for workload reference rollout"))
	}
	ref, refPath := spec.WorkloadRef, path.Child("workloadRef")
	switch ref.Kind {
	case "Deployment", "ReplicaSet", "PodTemplate":
	default:
		errs = append(errs, field.NotSupported(refPath.Child("kind"), ref.Kind, []string{"Deployment", "ReplicaSet", "PodTemplate"}))
	}
	if ref.Name == "" {
		errs = append(errs, field.Required(refPath.Child("name"), ""))
	}
	switch ref.ScaleDown {
	case "", v1alpha1.ScaleDownNever, v1alpha1.ScaleDownOnSuccess, v1alpha1.ScaleDownProgressively:
	default:
		errs = append(errs, field.NotSupported(refPath.Child("scaleDown"), ref.ScaleDown,
			[]string{v1alpha1.ScaleDownNever, v1alpha1.ScaleDownOnSuccess, v1alpha1.ScaleDownProgressively}))
	}
	return errs
}

// timing checks the fields that count seconds and revisions.
func timing(spec *v1alpha1.RolloutSpec, path *field.Path) field.ErrorList {
	errs := notNegative(spec.MinReadySeconds, path.Child("minReadySeconds"))
	if spec.RevisionHistoryLimit != nil {
		errs = append(errs, notNegative(*spec.RevisionHistoryLimit, path.Child("revisionHistoryLimit"))...)
	}
	if w := spec.RollbackWindow; w != nil {
		errs = append(errs, notNegative(w.Revisions, path.Child("rollbackWindow", "revisions"))...)
	}
	if a := spec.Analysis; a != nil {
		errs = append(errs, optionalNotNegative(a.SuccessfulRunHistoryLimit, path.Child("analysis", "successfulRunHistoryLimit"))...)
		errs = append(errs, optionalNotNegative(a.UnsuccessfulRunHistoryLimit, path.Child("analysis", "unsuccessfulRunHistoryLimit"))...)
	}
	deadline := valueOr(spec.ProgressDeadlineSeconds, defaultProgressDeadlineSeconds)
	if deadlinePath := path.Child("progressDeadlineSeconds"); deadline <= spec.MinReadySeconds {
		errs = append(errs, field.Invalid(deadlinePath, deadline, deadlineTooShort))
	} else {
		errs = append(errs, notNegative(deadline, deadlinePath)...)
	}
	return errs
}

func strategy(spec *v1alpha1.RolloutSpec, path *field.Path) field.ErrorList {
	canaryStrategy, blueGreenStrategy := spec.Strategy.Canary, spec.Strategy.BlueGreen
	switch {
	case canaryStrategy == nil && blueGreenStrategy == nil:
		return field.ErrorList{field.Required(path, fmt.Sprintf(missingField, ".spec.strategy.canary or .spec.strategy.blueGreen"))}
	case canaryStrategy != nil && blueGreenStrategy != nil:
		return field.ErrorList{field.Invalid(path, "canary and blueGreen", manyStrategies)}
	case canaryStrategy != nil:
		return canary(spec, path)
	default:
		return blueGreen(spec, path.Child("blueGreen"))
	}
}

// notNegative refuses numbers below 0.
func notNegative[T ~int32 | ~int64](n T, path *field.Path) field.ErrorList {
	return apivalidation.ValidateNonnegativeField(int64(n), path)
}

// optionalNotNegative is notNegative for a number that may be left out.
func optionalNotNegative(n *int32, path *field.Path) field.ErrorList {
	if n == nil {
		return nil
	}
	return notNegative(*n, path)
}

func valueOr(n *int32, otherwise int32) int32 {
	if n == nil {
		return otherwise
	}
	return *n
}

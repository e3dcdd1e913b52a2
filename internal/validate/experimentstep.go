package validate

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/analysis"
	"github.com/aviary-rollouts/aviary/internal/experiment"
)

const (
	experimentWeight      = "Experiment template weight cannot be set unless TrafficRouting is enabled"
	experimentWeightRange = "Experiment template weight needs to be between 0 and %d"
	experimentWeightSum   = "the weights of the templates must not be more than %d in all"
	rolloutService        = "it is the Service of %s: give the template another name, or leave it out for one of its own"
	experimentWeightKinds = "Experiment template weight is only available for TrafficRouting with SMI, ALB, Istio and Plugins at this time"
)

// experimentStep checks the Experiment that a canary step makes, so that it is refused
// now and not in the middle of an update. Its pods are looked at by [experimentPods].
func experimentStep(c *v1alpha1.CanaryStrategy, e *v1alpha1.RolloutExperimentStep, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i := range e.Templates {
		t, at := &e.Templates[i], path.Child("templates").Index(i)
		errs = append(errs, oneOf(t.SpecRef, []v1alpha1.ReplicaSetSpecRef{v1alpha1.CanarySpecRef, v1alpha1.StableSpecRef}, at.Child("specRef"))...)
		errs = append(errs, metadata(t.Metadata.Labels, t.Metadata.Annotations, at.Child("metadata"))...)
		if t.Selector != nil {
			errs = append(errs, metavalidation.ValidateLabelSelector(t.Selector, metavalidation.LabelSelectorValidationOptions{}, at.Child("selector"))...)
		}
		errs = append(errs, experimentShare(c.TrafficRouting, t.Weight, at.Child("weight"))...)
		errs = append(errs, ownService(c, t.Service, at.Child("service", "name"))...)
	}
	if len(errs) == 0 {
		errs = experimentShares(c.TrafficRouting, e.Templates, path.Child("templates"))
	}
	errs = append(errs, experimentSpec(writtenExperiment(e), path, laterPods)...)
	for i := range e.Analyses {
		errs = append(errs, suppliedArgs(e.Analyses[i].Args, path.Child("analyses").Index(i).Child("args"))...)
	}
	return errs
}

// experimentShare checks the weight of a template.
func experimentShare(r *v1alpha1.RolloutTrafficRouting, weight *int32, path *field.Path) field.ErrorList {
	switch {
	case weight == nil:
	case *weight < 0:
		return notNegative(*weight, path)
	case r == nil:
		return field.ErrorList{field.Invalid(path, *weight, experimentWeight)}
	case r.SMI == nil && r.ALB == nil && r.Istio == nil && len(r.Plugins) == 0:
		return field.ErrorList{field.Invalid(path, *weight, experimentWeightKinds)}
	case *weight > maxWeight(r):
		return field.ErrorList{field.Invalid(path, *weight, fmt.Sprintf(experimentWeightRange, maxWeight(r)))}
	}
	return nil
}

// experimentShares checks the weights of all templates together.
func experimentShares(r *v1alpha1.RolloutTrafficRouting, templates []v1alpha1.RolloutExperimentTemplate, path *field.Path) field.ErrorList {
	sum, whole := int64(0), maxWeight(r)
	for i := range templates {
		sum += int64(valueOr(templates[i].Weight, 0))
	}
	if sum > int64(whole) {
		return field.ErrorList{field.Invalid(path, sum, fmt.Sprintf(experimentWeightSum, whole))}
	}
	return nil
}

// ownService refuses the name of a Service that the Rollout leads its own pods by: it is
// there already, and nobody gives it up.
func ownService(c *v1alpha1.CanaryStrategy, s *v1alpha1.TemplateService, path *field.Path) field.ErrorList {
	if s == nil || s.Name == "" {
		return nil
	}
	for _, ref := range canaryServices(c) {
		if ref.Name == s.Name {
			return field.ErrorList{field.Invalid(path, s.Name, fmt.Sprintf(rolloutService, ref.Field))}
		}
	}
	return nil
}

// writtenExperiment is the Experiment of a step as far as the step says what it is like.
func writtenExperiment(e *v1alpha1.RolloutExperimentStep) *v1alpha1.ExperimentSpec {
	spec := &v1alpha1.ExperimentSpec{Duration: e.Duration, DryRun: e.DryRun, ScaleDownDelaySeconds: e.ScaleDownDelaySeconds, AnalysisRunMetadata: e.AnalysisRunMetadata}
	for _, t := range e.Templates {
		spec.Templates = append(spec.Templates, v1alpha1.TemplateSpec{Name: t.Name, Replicas: t.Replicas, Service: t.Service})
	}
	for _, a := range e.Analyses {
		spec.Analyses = append(spec.Analyses, v1alpha1.ExperimentAnalysisTemplateRef{Name: a.Name, TemplateName: a.TemplateName, ClusterScope: a.ClusterScope, Args: analysis.Written(a.Args)})
	}
	return spec
}

// laterPods are those of a template whose ReplicaSet is not known yet.
func laterPods(*v1alpha1.TemplateSpec, *field.Path) field.ErrorList { return nil }

// experimentPods checks the pods that the Experiments of steps make of the new version,
// which are those of the Rollout. The stable version may differ from it in everything.
func experimentPods(ro *v1alpha1.Rollout, pods *corev1.PodTemplateSpec, selector *metav1.LabelSelector) field.ErrorList {
	c := ro.Spec.Strategy.Canary
	if c == nil || selector == nil {
		return nil
	}
	step := experiment.Step{Rollout: ro, Canary: &appsv1.ReplicaSet{Spec: appsv1.ReplicaSetSpec{Selector: selector, Template: *pods}}}
	var errs field.ErrorList
	for i := range c.Steps {
		e := c.Steps[i].Experiment
		if e == nil {
			continue
		}
		for j := range e.Templates {
			// Only what names the stable version, which is not there, has no template.
			if t, err := step.Template(&e.Templates[j]); err == nil {
				errs = append(errs, versionPods(t, stepsPath.Index(i).Child("experiment", "templates").Index(j))...)
			}
		}
	}
	return errs
}

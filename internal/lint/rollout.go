package lint

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/analysis"
	"github.com/aviary-rollouts/aviary/internal/traffic/istio"
	"github.com/aviary-rollouts/aviary/internal/validate"
)

// rollout checks a Rollout by itself and, if that makes sense, against what it
// names.
func (r *report) rollout(ro *v1alpha1.Rollout) {
	r.subscriptions(ro)
	if errs := validate.Spec(ro); len(errs) > 0 {
		r.add(errs, nil)
		return
	}
	r.references(ro)
	r.ingresses(ro)
	r.istio(ro)
	r.emptyRoutes(ro)
	r.analyses(ro)
	r.stepExperiments(ro)
}

// emptyRoutes warns of header and mirror routes that are asked for before there are pods
// which they could lead to.
func (r *report) emptyRoutes(ro *v1alpha1.Rollout) {
	if ro.Spec.Strategy.Canary == nil {
		return
	}
	for _, i := range validate.RoutesToNobody(ro.Spec.Strategy.Canary.Steps) {
		r.warn(fmt.Sprintf("spec.strategy.canary.steps[%d]", i), "%s", validate.RouteToNobody)
	}
}

// subscriptions warns of people who wait for messages that nobody sends.
func (r *report) subscriptions(ro *v1alpha1.Rollout) {
	for _, name := range slices.Sorted(maps.Keys(ro.Annotations)) {
		if strings.HasPrefix(name, v1alpha1.SubscribeAnnotationPrefix) {
			r.warn("metadata.annotations."+name, "this version sends no notifications; let something else watch Events or metrics")
		}
	}
}

// references checks the workload and the Services. Without the workload there
// are no pods to compare the Services with.
func (r *report) references(ro *v1alpha1.Rollout) {
	refs := validate.Refs{Services: map[string]*corev1.Service{}}
	aside := map[string]bool{}
	if w := ro.Spec.WorkloadRef; w != nil && !r.workload(w, &refs) {
		r.missing("spec.workloadRef.name", w.Kind, w.Name)
		return
	}
	for _, ref := range validate.Services(ro) {
		if svc := find[corev1.Service](r, ref.Name); svc != nil {
			refs.Services[ref.Name] = svc
			continue
		}
		aside[ref.Field.String()] = true
		r.missing(ref.Field.String(), "Service", ref.Name)
	}
	r.add(validate.References(ro, refs), aside)
}

// workload finds what spec.workloadRef names.
func (r *report) workload(ref *v1alpha1.ObjectRef, refs *validate.Refs) bool {
	switch ref.Kind {
	case "Deployment":
		if d := find[appsv1.Deployment](r, ref.Name); d != nil {
			refs.Template, refs.Selector = &d.Spec.Template, d.Spec.Selector
		}
	case "ReplicaSet":
		if rs := find[appsv1.ReplicaSet](r, ref.Name); rs != nil {
			refs.Template, refs.Selector = &rs.Spec.Template, rs.Spec.Selector
		}
	case "PodTemplate":
		if t := find[corev1.PodTemplate](r, ref.Name); t != nil {
			refs.Template = &t.Template
		}
	}
	return refs.Template != nil
}

func (r *report) ingresses(ro *v1alpha1.Rollout) {
	for _, ref := range validate.Ingresses(ro) {
		if ingress := find[networkingv1.Ingress](r, ref.Name); ingress != nil {
			r.add(validate.Ingress(ref, ingress), nil)
		} else {
			r.missing(ref.Field.String(), "Ingress", ref.Name)
		}
	}
}

func (r *report) istio(ro *v1alpha1.Rollout) {
	var o istio.Objects
	aside := map[string]bool{}
	for _, ref := range istio.References(ro) {
		found := r.foreign(ref)
		if found == nil {
			aside[ref.Field.String()] = true
			r.missing(ref.Field.String(), ref.Kind, ref.Written)
		}
		if ref.Kind == istio.KindDestinationRule {
			o.DestinationRule = found
		} else {
			o.VirtualServices = append(o.VirtualServices, found)
		}
	}
	r.add(istio.Validate(ro, o), aside)
	for _, err := range istio.AbsentSubsets(ro, o) {
		r.warn(err.Field, "%s", err.ErrorBody())
	}
}

// foreign finds the first object that a reference to Istio may mean. A namespace
// that the reference names must be that of the object; otherwise it must be near.
func (r *report) foreign(ref istio.Reference) *unstructured.Unstructured {
	for _, key := range ref.Keys {
		for _, o := range r.all {
			u, is := o.Object.(*unstructured.Unstructured)
			if !is || kindOf(o) != ref.Kind || u.GroupVersionKind().Group != istio.Group || u.GetName() != key.Name {
				continue
			}
			if own := r.object.GetNamespace(); u.GetNamespace() == key.Namespace || key.Namespace == own && r.near(o) {
				return u
			}
		}
	}
	return nil
}

// analyses checks the analyses whose templates are all in the files.
func (r *report) analyses(ro *v1alpha1.Rollout) {
	library := Templates(r.all, ro.Namespace)
	for _, ref := range validate.Analyses(ro) {
		if r.missingTemplates(ref.Field.Child("templates"), library, ref.Spec.Templates) {
			continue
		}
		flat, err := analysis.Flatten(library, ref.Spec.Templates)
		r.add(ref.Problems(flat, err), nil)
		if err == nil {
			r.arguments(ref.Field.Child("args"), flat, analysis.Written(ref.Spec.Args))
		}
	}
}

// stepExperiments checks the shares and the analyses of the Experiments that the steps of
// a Rollout make. The rest of those belongs to the spec of the Rollout.
func (r *report) stepExperiments(ro *v1alpha1.Rollout) {
	for _, c := range Crowded(ro) {
		r.warn(fmt.Sprintf("spec.strategy.canary.steps[%d].experiment.templates", c.Step), "%s", c)
	}
	library := Templates(r.all, ro.Namespace)
	for _, a := range validate.ExperimentAnalyses(ro) {
		if a.Spec.TemplateName == "" || r.missingTemplates(a.Field.Child("templateName"), library, a.Templates()) {
			continue
		}
		flat, err := analysis.Flatten(library, a.Templates())
		r.add(a.Problems(flat, err), nil)
		if err == nil {
			r.arguments(a.Field.Child("args"), flat, analysis.Written(a.Spec.Args))
		}
	}
	r.add(validate.StepRules(ro, library), nil)
}

// find returns the object of a type and a name that the one in question can
// use; nil if there is none.
func find[T any](r *report, name string) *T {
	for _, o := range r.all {
		if typed, is := o.Object.(any).(*T); is && o.GetName() == name && r.near(o) {
			return typed
		}
	}
	return nil
}

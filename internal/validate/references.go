package validate

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// Refs is what a Rollout refers to, as it was found.
type Refs struct {
	// Services are those of [Services] that exist, by name.
	Services map[string]*corev1.Service
	// WorkloadNotFound is true if spec.workloadRef names what does not exist.
	WorkloadNotFound bool
	// Template and Selector are those of the workload that spec.workloadRef
	// names; nil without one.
	Template *corev1.PodTemplateSpec
	Selector *metav1.LabelSelector
}

// ServiceRef is a field that names a Service.
type ServiceRef struct {
	// Field is the path of the field.
	Field *field.Path
	// Name is the Service's name, in the namespace of the Rollout.
	Name string
	// Managed is true if the controller changes the Service's selector.
	Managed bool
}

// The paths of the fields that name Services.
var (
	strategyPath       = field.NewPath("spec", "strategy")
	canaryServicePath  = strategyPath.Child("canary", "canaryService")
	stableServicePath  = strategyPath.Child("canary", "stableService")
	pingServicePath    = strategyPath.Child("canary", "pingPong", "pingService")
	pongServicePath    = strategyPath.Child("canary", "pingPong", "pongService")
	rootServicePath    = strategyPath.Child("canary", "trafficRouting", "alb", "rootService")
	activeServicePath  = strategyPath.Child("blueGreen", "activeService")
	previewServicePath = strategyPath.Child("blueGreen", "previewService")
)

// Services lists the Services that the strategy names. Their order is the order
// in which problems are reported.
func Services(ro *v1alpha1.Rollout) []ServiceRef {
	var list []ServiceRef
	if c := ro.Spec.Strategy.Canary; c != nil {
		list = canaryServices(c)
	}
	if b := ro.Spec.Strategy.BlueGreen; b != nil {
		list = append(list, ServiceRef{activeServicePath, b.ActiveService, true}, ServiceRef{previewServicePath, b.PreviewService, true})
	}
	return slices.DeleteFunc(list, func(ref ServiceRef) bool { return ref.Name == "" })
}

// canaryServices are the fields of a canary that may name a Service.
func canaryServices(c *v1alpha1.CanaryStrategy) []ServiceRef {
	list := []ServiceRef{{canaryServicePath, c.CanaryService, true}, {stableServicePath, c.StableService, true}}
	if p := c.PingPong; p != nil {
		list = append(list, ServiceRef{pingServicePath, p.PingService, true}, ServiceRef{pongServicePath, p.PongService, true})
	}
	if r := c.TrafficRouting; r != nil && r.ALB != nil {
		list = append(list, ServiceRef{rootServicePath, r.ALB.RootService, false})
	}
	return list
}

// References lists what is wrong with what the Rollout refers to.
func References(ro *v1alpha1.Rollout, refs Refs) field.ErrorList {
	var errs field.ErrorList
	pods, selector := &ro.Spec.Template, ro.Spec.Selector
	if w := ro.Spec.WorkloadRef; w != nil {
		if refs.WorkloadNotFound || refs.Template == nil {
			at := field.NewPath("spec", "workloadRef", "name")
			return field.ErrorList{field.Invalid(at, w.Name, fmt.Sprintf("%s %q not found", w.Kind, w.Name))}
		}
		if selector == nil {
			selector = refs.Selector
		}
		pods = refs.Template
		errs = template(pods, selector, field.NewPath("spec"))
		errs = append(errs, rolesStaySelected(ro, pods.Labels, selector)...)
	}
	if len(errs) == 0 {
		errs = experimentPods(ro, pods, selector)
	}
	for _, ref := range Services(ro) {
		errs = append(errs, service(ro.Name, ref, refs.Services[ref.Name], pods.Labels)...)
	}
	return errs
}

// service checks one Service. svc is nil if it does not exist.
func service(rollout string, ref ServiceRef, svc *corev1.Service, podLabels map[string]string) field.ErrorList {
	if svc == nil {
		return field.ErrorList{field.Invalid(ref.Field, ref.Name, fmt.Sprintf("service %q not found", ref.Name))}
	}
	if by := svc.Annotations[v1alpha1.ManagedByRolloutsKey]; ref.Managed && by != "" && by != rollout {
		return field.ErrorList{field.Invalid(ref.Field, ref.Name, fmt.Sprintf("Service %q is managed by another Rollout", ref.Name))}
	}
	for _, key := range sortedKeys(svc.Spec.Selector) {
		if key == v1alpha1.DefaultRolloutUniqueLabelKey {
			continue // ours, set by the controller
		}
		if value, has := podLabels[key]; !has || value != svc.Spec.Selector[key] {
			return field.ErrorList{field.Invalid(ref.Field, ref.Name, fmt.Sprintf("Service %q has unmatch label %q in rollout", ref.Name, key))}
		}
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

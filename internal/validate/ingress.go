package validate

import (
	"fmt"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// IngressRef is a field that names an Ingress.
type IngressRef struct {
	// Field is the path of the field.
	Field *field.Path
	// Name is the Ingress's name, in the namespace of the Rollout.
	Name string
	// Service is the Service that the Ingress must send requests to.
	Service string
}

// Ingresses lists the Ingresses that the routers of a Rollout name. An ALB splits
// the requests for its root service, if it has one.
func Ingresses(ro *v1alpha1.Rollout) []IngressRef {
	c := ro.Spec.Strategy.Canary
	if c == nil || c.TrafficRouting == nil {
		return nil
	}
	path := field.NewPath("spec", "strategy", "canary", "trafficRouting")
	var list []IngressRef
	add := func(one string, several []string, service string, onePath, severalPath *field.Path) {
		if one != "" {
			list = append(list, IngressRef{onePath, one, service})
		}
		for i, name := range several {
			list = append(list, IngressRef{severalPath.Index(i), name, service})
		}
	}
	if n := c.TrafficRouting.Nginx; n != nil {
		at := path.Child("nginx")
		add(n.StableIngress, n.StableIngresses, c.StableService, at.Child("stableIngress"), at.Child("stableIngresses"))
	}
	if a := c.TrafficRouting.ALB; a != nil {
		service := c.StableService
		if a.RootService != "" {
			service = a.RootService
		}
		at := path.Child("alb")
		add(a.Ingress, a.Ingresses, service, at.Child("ingress"), at.Child("ingresses"))
	}
	return list
}

// Ingress checks that an Ingress sends requests to the Service of a reference.
func Ingress(ref IngressRef, ingress *networkingv1.Ingress) field.ErrorList {
	names := func(b *networkingv1.IngressBackend) bool {
		return b != nil && b.Service != nil && b.Service.Name == ref.Service
	}
	if names(ingress.Spec.DefaultBackend) {
		return nil
	}
	for _, rule := range ingress.Spec.Rules {
		if rule.HTTP == nil {
			continue
		}
		for i := range rule.HTTP.Paths {
			if names(&rule.HTTP.Paths[i].Backend) {
				return nil
			}
		}
	}
	return field.ErrorList{field.Invalid(ref.Field, ref.Name, fmt.Sprintf("ingress `%s` has no rules using service %s backend", ref.Name, ref.Service))}
}

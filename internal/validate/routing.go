package validate

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

const (
	routingServices       = "Canary service and Stable service must to be set to use Traffic Routing"
	maxWeightRouters      = "Canary maxTrafficWeight in traffic routing only supported in Nginx and Plugins"
	maxWeightPositive     = "must be greater than 0"
	ingressOneOf          = "exactly one of %s and %s must be set"
	virtualServiceOneOf   = "exactly one of virtualService and virtualServices must be set"
	sameSubsets           = "canarySubsetName and stableSubsetName must be different"
	additionalSubset      = "must be another subset than canarySubsetName and stableSubsetName, whose weights are not the user's own"
	noRouter              = "must name at least one traffic router"
	stickinessDuration    = "stickiness duration must be between 1 and 604800 seconds (7 days)"
	maxStickinessDuration = 7 * 24 * 60 * 60
	defaultMaxWeight      = 100
)

// routing checks traffic routing. path is spec.strategy.
func routing(c *v1alpha1.CanaryStrategy, path *field.Path) field.ErrorList {
	r := c.TrafficRouting
	if r == nil {
		return nil
	}
	errs := services(c, path)
	path = path.Child("trafficRouting")
	if routers(r) == 0 {
		errs = append(errs, field.Required(path, noRouter))
	}
	if top := r.MaxTrafficWeight; top != nil {
		switch at := path.Child("maxTrafficWeight"); {
		case r.Nginx == nil && len(r.Plugins) == 0:
			errs = append(errs, field.Invalid(at, *top, maxWeightRouters))
		case *top < 1:
			errs = append(errs, field.Invalid(at, *top, maxWeightPositive))
		}
	}
	errs = append(errs, routes(r.ManagedRoutes, path.Child("managedRoutes"))...)
	if r.ALB != nil {
		errs = append(errs, alb(r.ALB, path.Child("alb"))...)
	}
	if r.Nginx != nil {
		errs = append(errs, ingress(r.Nginx.StableIngress, r.Nginx.StableIngresses, "stableIngress", "stableIngresses", path.Child("nginx"))...)
	}
	if r.Istio != nil {
		errs = append(errs, istio(r.Istio, path.Child("istio"))...)
	}
	return errs
}

// services checks that a router that splits between two Services has them.
func services(c *v1alpha1.CanaryStrategy, path *field.Path) field.ErrorList {
	if !needsServices(c) {
		return nil
	}
	if c.CanaryService == "" {
		return field.ErrorList{field.Invalid(path.Child("canaryService"), "", routingServices)}
	}
	if c.StableService == "" {
		return field.ErrorList{field.Invalid(path.Child("stableService"), "", routingServices)}
	}
	return nil
}

func needsServices(c *v1alpha1.CanaryStrategy) bool {
	r := c.TrafficRouting
	if r.SMI != nil || r.Apisix != nil || r.Ambassador != nil || r.Nginx != nil || r.AppMesh != nil || r.Traefik != nil {
		return true
	}
	between := r.ALB != nil || (r.Istio != nil && r.Istio.DestinationRule == nil)
	return between && c.PingPong == nil
}

func routers(r *v1alpha1.RolloutTrafficRouting) int {
	return countTrue(r.Istio != nil, r.Nginx != nil, r.ALB != nil, r.SMI != nil, r.Ambassador != nil,
		r.AppMesh != nil, r.Traefik != nil, r.Apisix != nil, len(r.Plugins) > 0)
}

// maxWeight is what counts as all requests.
func maxWeight(r *v1alpha1.RolloutTrafficRouting) int32 {
	if r == nil || r.MaxTrafficWeight == nil {
		return defaultMaxWeight
	}
	return *r.MaxTrafficWeight
}

func routes(list []v1alpha1.ManagedRoute, path *field.Path) field.ErrorList {
	taken := map[string]bool{}
	var errs field.ErrorList
	for i, route := range list {
		switch at := path.Index(i).Child("name"); {
		case route.Name == "":
			errs = append(errs, field.Required(at, ""))
		case taken[route.Name]:
			errs = append(errs, field.Duplicate(at, route.Name))
		}
		taken[route.Name] = true
	}
	return errs
}

func alb(a *v1alpha1.ALBTrafficRouting, path *field.Path) field.ErrorList {
	errs := ingress(a.Ingress, a.Ingresses, "ingress", "ingresses", path)
	if s := a.StickinessConfig; s != nil && s.Enabled && (s.DurationSeconds < 1 || s.DurationSeconds > maxStickinessDuration) {
		errs = append(errs, field.Invalid(path.Child("stickinessConfig", "durationSeconds"), s.DurationSeconds, stickinessDuration))
	}
	return errs
}

// ingress checks that either one Ingress or a list of them is named.
func ingress(one string, several []string, oneName, severalName string, path *field.Path) field.ErrorList {
	if (one == "") != (len(several) == 0) {
		return nil
	}
	return field.ErrorList{field.Invalid(path.Child(oneName), one, fmt.Sprintf(ingressOneOf, oneName, severalName))}
}

func istio(i *v1alpha1.IstioTrafficRouting, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if (i.VirtualService == nil) == (len(i.VirtualServices) == 0) { // subsets alone have no weights
		errs = append(errs, field.Invalid(path.Child("virtualService"), "", virtualServiceOneOf))
	}
	if i.VirtualService != nil && i.VirtualService.Name == "" {
		errs = append(errs, field.Required(path.Child("virtualService", "name"), ""))
	}
	taken := map[string]bool{}
	for n, vs := range i.VirtualServices {
		switch at := path.Child("virtualServices").Index(n).Child("name"); {
		case vs.Name == "":
			errs = append(errs, field.Required(at, ""))
		case taken[vs.Name]:
			errs = append(errs, field.Duplicate(at, vs.Name))
		}
		taken[vs.Name] = true
	}
	if i.DestinationRule != nil {
		errs = append(errs, destinationRule(i.DestinationRule, path.Child("destinationRule"))...)
	}
	return errs
}

func destinationRule(d *v1alpha1.IstioDestinationRule, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, f := range []struct{ name, value string }{
		{"name", d.Name}, {"canarySubsetName", d.CanarySubsetName}, {"stableSubsetName", d.StableSubsetName},
	} {
		if f.value == "" {
			errs = append(errs, field.Required(path.Child(f.name), ""))
		}
	}
	if d.CanarySubsetName != "" && d.CanarySubsetName == d.StableSubsetName {
		errs = append(errs, field.Invalid(path.Child("canarySubsetName"), d.CanarySubsetName, sameSubsets))
	}
	for i, name := range d.AdditionalSubsetNames {
		if name == d.CanarySubsetName || name == d.StableSubsetName {
			errs = append(errs, field.Invalid(path.Child("additionalSubsetNames").Index(i), name, additionalSubset))
		}
	}
	return errs
}

package validate

import (
	"fmt"
	"regexp"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

const (
	stepOneOf          = "Step must have one of the following set: experiment, setWeight, setCanaryScale, plugin or pause"
	setWeightRange     = "SetWeight needs to be between 0 and %d"
	pauseDuration      = "Duration needs to be greater than 0"
	canaryScaleRouting = "SetCanaryScale requires TrafficRouting to be set"
	canaryScaleWeight  = "SetCanaryScale weight needs to be between 0 and %d"
	headerRouteRouting = "SetHeaderRoute requires TrafficRouting, supports Istio, ALB, Apisix and Plugins"
	headerRouteALB     = "ALB supports the exact match of a header only"
	mirrorRouteRouting = "SetMirrorRoute requires TrafficRouting, supports Istio and Plugins"
	mirrorPercentage   = "Percentage needs to be between 0 and 100"
	unmanagedRoute     = "Steps define a route that does not exist in spec.strategy.canary.trafficRouting.managedRoutes"
	routeNameMissing   = "The name of the route is missing"
	matchOneOf         = "exactly one of exact, prefix and regex must be set"
)

// step checks one canary step. strategyPath is spec.strategy, path the step.
func step(c *v1alpha1.CanaryStrategy, s *v1alpha1.CanaryStep, strategyPath, path *field.Path) field.ErrorList {
	errs := stepKind(s, path)
	if len(errs) > 0 {
		return errs
	}
	if top := maxWeight(c.TrafficRouting); s.SetWeight != nil && (*s.SetWeight < 0 || *s.SetWeight > top) {
		errs = append(errs, field.Invalid(path.Child("setWeight"), *s.SetWeight, fmt.Sprintf(setWeightRange, top)))
	}
	if s.Pause != nil && s.Pause.Duration != nil {
		errs = append(errs, pause(s.Pause.Duration, path.Child("pause", "duration"))...)
	}
	if s.SetCanaryScale != nil {
		errs = append(errs, canaryScale(c, s.SetCanaryScale, strategyPath, path.Child("setCanaryScale"))...)
	}
	if s.Experiment != nil {
		errs = append(errs, experimentStep(c, s.Experiment, path.Child("experiment"))...)
	}
	if s.SetHeaderRoute != nil {
		errs = append(errs, headerRoute(c.TrafficRouting, s.SetHeaderRoute, path.Child("setHeaderRoute"))...)
	}
	if s.SetMirrorRoute != nil {
		errs = append(errs, mirrorRoute(c.TrafficRouting, s.SetMirrorRoute, path.Child("setMirrorRoute"))...)
	}
	if s.Plugin != nil && s.Plugin.Name == "" {
		errs = append(errs, field.Required(path.Child("plugin", "name"), ""))
	}
	return errs
}

// stepKind refuses a step without any key, and one that combines setWeight,
// pause, experiment and analysis. The other keys combine, as they always did.
func stepKind(s *v1alpha1.CanaryStep, path *field.Path) field.ErrorList {
	exclusive := countTrue(s.Experiment != nil, s.Pause != nil, s.SetWeight != nil, s.Analysis != nil)
	others := countTrue(s.SetCanaryScale != nil, s.SetHeaderRoute != nil, s.SetMirrorRoute != nil, s.Plugin != nil)
	if exclusive == 1 || (exclusive == 0 && others > 0) {
		return nil
	}
	// The original prints which keys are missing, under the name of the key.
	missing := fmt.Sprintf("step.Experiment: %t step.Pause: %t step.SetWeight: %t step.Analysis: %t step.SetCanaryScale: %t step.SetHeaderRoute: %t step.SetMirrorRoutes: %t step.Plugin: %t",
		s.Experiment == nil, s.Pause == nil, s.SetWeight == nil, s.Analysis == nil,
		s.SetCanaryScale == nil, s.SetHeaderRoute == nil, s.SetMirrorRoute == nil, s.Plugin == nil)
	return field.ErrorList{field.Invalid(path, missing, stepOneOf)}
}

// pause checks the duration of a pause: seconds as a number or in digits, or
// Go's notation. The text that was written is part of the error, where the
// original says -1 for whatever it cannot read.
func pause(duration *intstr.IntOrString, path *field.Path) field.ErrorList {
	if duration.Type == intstr.Int {
		if duration.IntVal < 0 {
			return field.ErrorList{field.Invalid(path, duration.IntVal, pauseDuration)}
		}
		return nil
	}
	seconds, err := strconv.ParseInt(duration.StrVal, 10, 32)
	if err == nil && seconds >= 0 {
		return nil
	}
	if parsed, err := time.ParseDuration(duration.StrVal); err != nil || parsed < 0 {
		return field.ErrorList{field.Invalid(path, duration.StrVal, pauseDuration)}
	}
	return nil
}

func canaryScale(c *v1alpha1.CanaryStrategy, s *v1alpha1.SetCanaryScale, strategyPath, path *field.Path) field.ErrorList {
	if c.TrafficRouting == nil {
		return field.ErrorList{field.Required(strategyPath.Child("trafficRouting"), canaryScaleRouting)}
	}
	errs := optionalNotNegative(s.Replicas, path.Child("replicas"))
	if top := maxWeight(c.TrafficRouting); s.Weight != nil && (*s.Weight < 0 || *s.Weight > top) {
		errs = append(errs, field.Invalid(path.Child("weight"), *s.Weight, fmt.Sprintf(canaryScaleWeight, top)))
	}
	return errs
}

func headerRoute(r *v1alpha1.RolloutTrafficRouting, h *v1alpha1.SetHeaderRoute, path *field.Path) field.ErrorList {
	if r == nil || (r.Istio == nil && r.ALB == nil && r.Apisix == nil && len(r.Plugins) == 0) {
		return field.ErrorList{field.Invalid(path, h.Name, headerRouteRouting)}
	}
	errs := managedRoute(r, h.Name, path.Child("name"))
	for i, m := range h.Match {
		at := path.Child("match").Index(i)
		if m.HeaderName == "" {
			errs = append(errs, field.Required(at.Child("headerName"), ""))
		}
		if m.HeaderValue == nil {
			errs = append(errs, field.Required(at.Child("headerValue"), matchOneOf))
			continue
		}
		errs = append(errs, stringMatch(*m.HeaderValue, at.Child("headerValue"))...)
		if r.ALB != nil && m.HeaderValue.Exact == "" {
			errs = append(errs, field.Invalid(at.Child("headerValue"), m.HeaderValue.Prefix+m.HeaderValue.Regex, headerRouteALB))
		}
	}
	return errs
}

func mirrorRoute(r *v1alpha1.RolloutTrafficRouting, m *v1alpha1.SetMirrorRoute, path *field.Path) field.ErrorList {
	if r == nil || (r.Istio == nil && len(r.Plugins) == 0) {
		return field.ErrorList{field.Invalid(path, m.Name, mirrorRouteRouting)}
	}
	errs := managedRoute(r, m.Name, path.Child("name"))
	if p := m.Percentage; p != nil && (*p < 0 || *p > 100) {
		errs = append(errs, field.Invalid(path.Child("percentage"), *p, mirrorPercentage))
	}
	for i, match := range m.Match {
		at := path.Child("match").Index(i)
		if match.Method != nil {
			errs = append(errs, stringMatch(*match.Method, at.Child("method"))...)
		}
		if match.Path != nil {
			errs = append(errs, stringMatch(*match.Path, at.Child("path"))...)
		}
		for _, name := range sortedKeys(match.Headers) {
			errs = append(errs, stringMatch(match.Headers[name], at.Child("headers").Key(name))...)
		}
	}
	return errs
}

// managedRoute checks that a route of a step may be created.
func managedRoute(r *v1alpha1.RolloutTrafficRouting, name string, path *field.Path) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(path, routeNameMissing)}
	}
	for _, m := range r.ManagedRoutes {
		if m.Name == name {
			return nil
		}
	}
	return field.ErrorList{field.Invalid(path, name, unmanagedRoute)}
}

func stringMatch(m v1alpha1.StringMatch, path *field.Path) field.ErrorList {
	if countTrue(m.Exact != "", m.Prefix != "", m.Regex != "") != 1 {
		return field.ErrorList{field.Invalid(path, m, matchOneOf)}
	}
	// Envoy's expressions are RE2, as Go's are: a router that cannot read one
	// would refuse the whole of its configuration.
	if _, err := regexp.Compile(m.Regex); err != nil {
		return field.ErrorList{field.Invalid(path.Child("regex"), m.Regex, err.Error())}
	}
	return nil
}

// RouteToNobody says what becomes of a route of [RoutesToNobody].
const RouteToNobody = "no step before asks for canary pods, so the route is made when a later one does; put setCanaryScale or setWeight before it"

// RoutesToNobody lists the steps, counted from 0, that set a header or mirror route while
// no step has asked for canary pods.
//
//	setHeaderRoute, setWeight 20:             0
//	setCanaryScale 1 replica, setHeaderRoute: none
func RoutesToNobody(steps []v1alpha1.CanaryStep) (indexes []int) {
	weighted, scaled := false, (*bool)(nil)
	for i, s := range steps {
		switch {
		case s.SetWeight != nil:
			weighted = *s.SetWeight > 0
		case s.SetCanaryScale != nil && s.SetCanaryScale.MatchTrafficWeight:
			scaled = nil
		case s.SetCanaryScale != nil:
			scaled = ptr.To(ptr.Deref(s.SetCanaryScale.Replicas, 0) > 0 || ptr.Deref(s.SetCanaryScale.Weight, 0) > 0)
		case s.SetHeaderRoute != nil && len(s.SetHeaderRoute.Match) > 0, s.SetMirrorRoute != nil && len(s.SetMirrorRoute.Match) > 0:
			if !ptr.Deref(scaled, weighted) {
				indexes = append(indexes, i)
			}
		}
	}
	return indexes
}

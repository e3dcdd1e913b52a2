package validate

import (
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/replicas"
)

const (
	sameCanaryServices   = "This rollout uses the same service for the stable and canary services, but two different services are required."
	samePingPongServices = "This rollout uses the same service for the ping and pong services, but two different services are required."
	pingPongServices     = "Ping service and Pong service must to be set to use Ping-Pong feature"
	pingPongRouter       = "Ping-Pong feature works with the ALB, Istio and Plugins traffic routing only"
	pingPongRootService  = "Root service field is required for the configuration with ALB and ping-pong feature enabled"
	noRoomToMove         = "MaxSurge and MaxUnavailable both can not be zero"
	dynamicNeedsRouting  = "Canary dynamicStableScale can only be used with traffic routing"
	dynamicWithDelay     = "Canary dynamicStableScale cannot be used with scaleDownDelaySeconds"
	delayNeedsRouting    = "Canary scaleDownDelaySeconds can only be used with traffic routing"
	antiAffinityOneOf    = "AntiAffinity must have exactly one strategy listed"
	antiAffinityWeight   = "AntiAffinity weight must be between 1-100"
	thresholdPercent     = "replicaProgressThreshold value must be between 0 and 100 for type Percent"
)

// canary checks the canary strategy. path is spec.strategy, see the package.
func canary(spec *v1alpha1.RolloutSpec, path *field.Path) field.ErrorList {
	c := spec.Strategy.Canary
	var errs field.ErrorList
	if c.StableService != "" && c.StableService == c.CanaryService {
		errs = append(errs, field.Invalid(path.Child("stableService"), c.StableService, sameCanaryServices))
	}
	errs = append(errs, surge(c, path)...)
	errs = append(errs, routing(c, path)...)
	errs = append(errs, pingPong(c, path)...)
	errs = append(errs, scaleDown(c, path)...)
	for i := range c.Steps {
		errs = append(errs, step(c, &c.Steps[i], path, path.Child("steps").Index(i))...)
	}
	if c.Analysis != nil {
		errs = append(errs, optionalNotNegative(c.Analysis.StartingStep, path.Child("analysis", "startingStep"))...)
	}
	errs = append(errs, antiAffinity(c.AntiAffinity, path.Child("antiAffinity"))...)
	errs = append(errs, roleMetadata(spec, c.CanaryMetadata, path.Child("canaryMetadata"))...)
	errs = append(errs, roleMetadata(spec, c.StableMetadata, path.Child("stableMetadata"))...)
	errs = append(errs, optionalNotNegative(c.MinPodsPerReplicaSet, path.Child("minPodsPerReplicaSet"))...)
	return append(errs, progressThreshold(c.ReplicaProgressThreshold, path.Child("replicaProgressThreshold"))...)
}

// surge checks that pods can be replaced at all.
func surge(c *v1alpha1.CanaryStrategy, path *field.Path) field.ErrorList {
	errs := limit(c.MaxSurge, path.Child("maxSurge"))
	errs = append(errs, limit(c.MaxUnavailable, path.Child("maxUnavailable"))...)
	if len(errs) == 0 && isZero(c.MaxSurge) && isZero(c.MaxUnavailable) {
		errs = append(errs, field.Invalid(path.Child("maxSurge"), c.MaxSurge.String(), noRoomToMove))
	}
	return errs
}

// limit checks that a surge or availability limit is a number or a percentage.
func limit(value *intstr.IntOrString, path *field.Path) field.ErrorList {
	if _, err := replicas.Pods(value, 1); err != nil {
		return field.ErrorList{field.Invalid(path, value.String(), err.Error())}
	}
	return nil
}

// isZero tells whether a limit is given as 0, 0% or "0".
func isZero(value *intstr.IntOrString) bool {
	pods, err := replicas.Pods(value, 100)
	return value != nil && err == nil && pods == 0
}

// scaleDown checks the delays and what they need.
func scaleDown(c *v1alpha1.CanaryStrategy, path *field.Path) field.ErrorList {
	errs := optionalNotNegative(c.ScaleDownDelaySeconds, path.Child("scaleDownDelaySeconds"))
	errs = append(errs, optionalNotNegative(c.ScaleDownDelayRevisionLimit, path.Child("scaleDownDelayRevisionLimit"))...)
	errs = append(errs, optionalNotNegative(c.AbortScaleDownDelaySeconds, path.Child("abortScaleDownDelaySeconds"))...)
	if c.ScaleDownDelaySeconds != nil && c.TrafficRouting == nil {
		errs = append(errs, field.Invalid(path.Child("scaleDownDelaySeconds"), *c.ScaleDownDelaySeconds, delayNeedsRouting))
	}
	if !c.DynamicStableScale {
		return errs
	}
	if c.TrafficRouting == nil {
		errs = append(errs, field.Invalid(path.Child("dynamicStableScale"), true, dynamicNeedsRouting))
	}
	if c.ScaleDownDelaySeconds != nil {
		errs = append(errs, field.Invalid(path.Child("dynamicStableScale"), true, dynamicWithDelay))
	}
	return errs
}

// pingPong checks the pair of Services that change roles. strategyPath is
// spec.strategy.
func pingPong(c *v1alpha1.CanaryStrategy, strategyPath *field.Path) field.ErrorList {
	p, r, path := c.PingPong, c.TrafficRouting, strategyPath.Child("pingPong")
	switch {
	case p == nil:
		return nil
	case r == nil || (r.ALB == nil && r.Istio == nil && len(r.Plugins) == 0):
		return field.ErrorList{field.Invalid(path, p.PingService+", "+p.PongService, pingPongRouter)}
	case p.PingService == "":
		return field.ErrorList{field.Invalid(path.Child("pingService"), p.PingService, pingPongServices)}
	case p.PongService == "":
		return field.ErrorList{field.Invalid(path.Child("pongService"), p.PongService, pingPongServices)}
	case p.PingService == p.PongService:
		return field.ErrorList{field.Invalid(path.Child("pingService"), p.PingService, samePingPongServices)}
	case r.ALB != nil && r.ALB.RootService == "":
		return field.ErrorList{field.Invalid(strategyPath.Child("trafficRouting", "alb", "rootService"), "", pingPongRootService)}
	}
	return nil
}

func antiAffinity(a *v1alpha1.AntiAffinity, path *field.Path) field.ErrorList {
	if a == nil {
		return nil
	}
	preferred, required := a.PreferredDuringSchedulingIgnoredDuringExecution, a.RequiredDuringSchedulingIgnoredDuringExecution
	switch {
	case (preferred == nil) == (required == nil):
		chosen := "none"
		if preferred != nil {
			chosen = "preferred and required"
		}
		return field.ErrorList{field.Invalid(path, chosen, antiAffinityOneOf)}
	case preferred != nil && (preferred.Weight < 1 || preferred.Weight > 100):
		at := path.Child("preferredDuringSchedulingIgnoredDuringExecution", "weight")
		return field.ErrorList{field.Invalid(at, preferred.Weight, antiAffinityWeight)}
	}
	return nil
}

func progressThreshold(t *v1alpha1.ReplicaProgressThreshold, path *field.Path) field.ErrorList {
	if t == nil {
		return nil
	}
	errs := oneOf(t.Type, []v1alpha1.ProgressType{v1alpha1.ProgressTypePercentage, v1alpha1.ProgressTypePods}, path.Child("type"))
	if t.Type == v1alpha1.ProgressTypePercentage && (t.Value < 0 || t.Value > 100) {
		return append(errs, field.Invalid(path.Child("value"), t.Value, thresholdPercent))
	}
	return append(errs, notNegative(t.Value, path.Child("value"))...)
}

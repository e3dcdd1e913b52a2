package rollout

import (
	"fmt"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// Unsupported names the first field of a Rollout that is part of the API but
// that this version has no engine for, with what it would take; empty if there
// is none. Such a Rollout is refused as invalid: to run half of it, for example
// its steps without its analysis, would be worse than not to run it.
func Unsupported(ro *v1alpha1.Rollout) string {
	var field string
	if c := ro.Spec.Strategy.Canary; c != nil {
		field = unsupportedCanary(c)
	}
	if field == "" {
		return ""
	}
	return field + ": Forbidden: this version of the controller has no engine for it yet; remove the field to run the rest"
}

func unsupportedCanary(c *v1alpha1.CanaryStrategy) string {
	for i, s := range c.Steps {
		if s.Plugin != nil {
			return fmt.Sprintf("spec.strategy.canary.steps[%d] (%s)", i, StepText(s))
		}
	}
	return firstOf(
		when(c.TrafficRouting != nil && unsupportedRouter(c.TrafficRouting), "spec.strategy.canary.trafficRouting (routers other than istio)"),
	)
}

func unsupportedRouter(r *v1alpha1.RolloutTrafficRouting) bool {
	return r.Istio == nil || r.ALB != nil || r.Nginx != nil || r.SMI != nil || r.Ambassador != nil || r.AppMesh != nil ||
		r.Traefik != nil || r.Apisix != nil || len(r.Plugins) > 0
}

func when(condition bool, field string) string {
	if condition {
		return field
	}
	return ""
}

func firstOf(fields ...string) string {
	for _, f := range fields {
		if f != "" {
			return f
		}
	}
	return ""
}

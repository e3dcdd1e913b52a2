package istio

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// checkSteps says which step asks for a header or mirror route that none of the
// VirtualServices can have: it would wait for its route for ever. One of them is enough,
// as for the step itself. It is asked when all else is well.
func checkSteps(ro *v1alpha1.Rollout, o Objects) *field.Error {
	for i, step := range ro.Spec.Strategy.Canary.Steps {
		kind, name, conditions := routeAsked(step)
		if len(conditions) == 0 {
			continue
		}
		if ref, why := impossible(ro, o, conditions); why != "" {
			return field.Invalid(ref.Field, ref.Written, fmt.Sprintf("step %d (%s) can never have its route %q: %s", i+1, kind, name, why))
		}
	}
	return nil
}

// routeAsked is the route that a step sets, with its conditions; it has none if the step
// takes the route back, or is of another kind.
func routeAsked(step v1alpha1.CanaryStep) (kind, name string, conditions []node) {
	switch {
	case step.SetHeaderRoute != nil:
		return "setHeaderRoute", step.SetHeaderRoute.Name, headerConditions(*step.SetHeaderRoute)
	case step.SetMirrorRoute != nil:
		return "setMirrorRoute", step.SetMirrorRoute.Name, mirrorConditions(*step.SetMirrorRoute)
	}
	return "", "", nil
}

// impossible says why no VirtualService can have a route with some conditions, and of
// which one that is said: one with HTTP routes, if there is any. The reason is empty where
// a route is possible.
func impossible(ro *v1alpha1.Rollout, o Objects, conditions []node) (at Reference, why string) {
	refs, want, http := References(ro), declared(ro), false
	for i, t := range targets(ro) {
		split, err := t.splitRoutes(o.virtualService(i).Object, want)
		if err != nil {
			return at, ""
		}
		if why == "" {
			at, why = refs[i], "the VirtualService splits only TLS or TCP routes, which know no headers. Let an HTTP route split the requests, or remove the step"
		}
		for _, r := range split {
			if r.protocol != httpRoutes {
				continue
			}
			own, err := objects(r.node, "spec.http", "match")
			if err != nil || len(narrow(own, conditions)) > 0 {
				return at, ""
			}
			if !http {
				http, at = true, refs[i]
				why = fmt.Sprintf("no request meets both its match and that of %s, whose requests it is to take. Change one of the two, or remove the step", titleOf(r))
			}
		}
	}
	return at, why
}

// titleOf names an HTTP route in a message.
func titleOf(r route) string {
	if name := text(r.node, "name"); name != "" {
		return fmt.Sprintf("the HTTP route %q", name)
	}
	return "the HTTP route"
}

package istio

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/traffic"
)

// resources are the names of the kinds in a message of the API server.
var resources = map[string]string{KindVirtualService: "virtualservices", KindDestinationRule: "destinationrules"}

// Validate says what is wrong with the objects of Istio that a Rollout names,
// in the words of the controller that this one replaces where those are known:
// it is their first error that becomes the InvalidSpec condition.
func Validate(ro *v1alpha1.Rollout, o Objects) field.ErrorList {
	var errs field.ErrorList
	all := targets(ro)
	for i, ref := range References(ro) {
		found := o.of(i, ref)
		twin := slices.IndexFunc(o.VirtualServices[:min(i, len(o.VirtualServices))], func(other *unstructured.Unstructured) bool { return same(other, found) })
		switch {
		case ref.Kind == KindVirtualService && twin >= 0:
			message := fmt.Sprintf("is the VirtualService %s/%s, which another entry (%q) names already: name each once, with all its routes", found.GetNamespace(), found.GetName(), all[twin].Routes.Name)
			errs = append(errs, field.Invalid(ref.Field, ref.Written, message))
		case found == nil && o.unserved(ref.Kind) != "":
			errs = append(errs, field.Invalid(ref.Field, ref.Written, o.unserved(ref.Kind)))
		case found == nil:
			errs = append(errs, field.Invalid(ref.Field, ref.Written, fmt.Sprintf("%s.%s %q not found", resources[ref.Kind], Group, ref.Keys[0].Name)))
		case ref.Kind == KindVirtualService:
			if err := all[i].check(found, declared(ro)); err != nil {
				errs = append(errs, field.Invalid(ref.Field, ref.Written, err.Error()))
			}
		default:
			errs = append(errs, validateSubsets(ref, found.Object, *configOf(ro).DestinationRule)...)
			errs = append(errs, validateRuleHost(ro, ref, found)...)
		}
	}
	if len(errs) == 0 && len(all) > 0 {
		if err := checkSteps(ro, o); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// missing is the failure of an error of Validate that is about an object which was not
// found, nil for any other.
func missing(ro *v1alpha1.Rollout, o Objects, err *field.Error) *traffic.Failure {
	for i, ref := range References(ro) {
		if ref.Field.String() == err.Field && o.of(i, ref) == nil {
			return o.missing(ref.Kind, ref.Written)
		}
	}
	return nil
}

// same says whether two objects that were found are one: "web" and "web.shop" may be.
func same(a, b *unstructured.Unstructured) bool {
	return a != nil && b != nil && a.GetNamespace() == b.GetNamespace() && a.GetName() == b.GetName()
}

// declared is what a Rollout says about its routing apart from the moment.
func declared(ro *v1alpha1.Rollout) traffic.Routing {
	want := traffic.Routing{Managed: traffic.ManagedRoutes(ro)}
	want.StableService, want.CanaryService = traffic.Services(ro)
	if c := ro.Spec.Strategy.Canary; c != nil && c.TrafficRouting != nil && c.TrafficRouting.MaxTrafficWeight != nil {
		want.MaxWeight = *c.TrafficRouting.MaxTrafficWeight
	}
	return want
}

// check says whether the routes of a VirtualService can be found and hold both
// revisions.
func (t Target) check(vs *unstructured.Unstructured, want traffic.Routing) error {
	routes, err := t.splitRoutes(vs.Object, want)
	if err != nil {
		return err
	}
	return t.checkHosts(routes, vs.GetNamespace())
}

// checkHosts refuses Services by their name alone in a VirtualService of another namespace:
// to a proxy they are Services of that one. A file may leave its namespace open.
func (t Target) checkHosts(routes []route, namespace string) error {
	if namespace == t.Namespace || namespace == "" || t.Namespace == "" || t.Subsets != nil {
		return nil
	}
	for _, r := range routes {
		for i, d := range r.destinations {
			if host := hostIn(d); (r.roles[i] == stable || r.roles[i] == canary) && !strings.Contains(host, ".") {
				return r.errorf("host '%s' means the Service of that name in the namespace %s, where the VirtualService is. Write %s.%s.svc.cluster.local", host, namespace, host, t.Namespace)
			}
		}
	}
	return nil
}

// AbsentSubsets says which of the additional subsets that a Rollout names its DestinationRule
// lacks. It is no error: nothing is lost as long as no route leads there, and an update that
// is under way must not be held up when somebody removes one.
func AbsentSubsets(ro *v1alpha1.Rollout, o Objects) (errs field.ErrorList) {
	config := configOf(ro)
	if config == nil || config.DestinationRule == nil || o.DestinationRule == nil {
		return nil
	}
	spec, _ := o.DestinationRule.Object["spec"].(node)
	subsets, _ := objects(spec, "spec", "subsets")
	for i, name := range config.DestinationRule.AdditionalSubsetNames {
		if findSubset(subsets, name) == nil {
			at := istioPath.Child("destinationRule", "additionalSubsetNames").Index(i)
			errs = append(errs, field.Invalid(at, name, noSubset(name).Error()+": requests that a route sends there are lost"))
		}
	}
	return errs
}

// validateRuleHost refuses a DestinationRule for a Service that the Rollout narrows to one
// revision: the subset of the other one finds no pods in it.
func validateRuleHost(ro *v1alpha1.Rollout, ref Reference, dr *unstructured.Unstructured) field.ErrorList {
	spec, _ := dr.Object["spec"].(node)
	host, own := text(spec, "host"), Target{Namespace: ro.Namespace}
	if dr.GetNamespace() != ro.Namespace && !strings.Contains(host, ".") {
		return nil // a Service of the namespace of the DestinationRule
	}
	c := ro.Spec.Strategy.Canary
	names := []struct{ field, service string }{{"stableService", c.StableService}, {"canaryService", c.CanaryService}}
	if p := c.PingPong; p != nil {
		names = append(names, []struct{ field, service string }{{"pingPong.pingService", p.PingService}, {"pingPong.pongService", p.PongService}}...)
	}
	for _, n := range names {
		if own.isHost(host, n.service) {
			const message = "the DestinationRule has the host '%s', which is the %s of the Rollout and selects one revision only: the subset of the other has no pods. Give it the host of a Service that selects all revisions and that the Rollout does not name"
			return field.ErrorList{field.Invalid(ref.Field, ref.Written, fmt.Sprintf(message, host, n.field))}
		}
	}
	return nil
}

func validateSubsets(ref Reference, dr node, names v1alpha1.IstioDestinationRule) field.ErrorList {
	spec, err := object(dr, "", "spec")
	if err != nil {
		return field.ErrorList{field.Invalid(ref.Field, ref.Written, err.Error())}
	}
	subsets, err := objects(spec, "spec", "subsets")
	if err != nil {
		return field.ErrorList{field.Invalid(ref.Field, ref.Written, err.Error())}
	}
	var errs field.ErrorList
	for _, name := range []string{names.CanarySubsetName, names.StableSubsetName} {
		if findSubset(subsets, name) == nil {
			errs = append(errs, field.Invalid(ref.Field, ref.Written, noSubset(name).Error()))
		}
	}
	return errs
}

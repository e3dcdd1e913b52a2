package istio

import (
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// releaseOf returns how an object of a kind is let go of.
func releaseOf(kind string) func(object map[string]any, ofExperiment func(host string) bool) (map[string]any, bool, error) {
	if kind == KindDestinationRule {
		return ReleaseDestinationRule
	}
	return ReleaseVirtualService
}

// ReleaseDestinationRule returns a DestinationRule as it is without a Rollout, and whether
// it differs from dr, which is not modified: no subset asks for a template hash, those of
// Experiments are gone, which are on record or named after their Services, and nobody is named as the
// one who changes it. The answer of ofExperiment is for the host of a Service.
func ReleaseDestinationRule(dr map[string]any, ofExperiment func(host string) bool) (map[string]any, bool, error) {
	out, spec, subsets, err := withSubsets(dr)
	if err != nil {
		return nil, false, err
	}
	var kept []node
	record := madeIn(out, v1alpha1.ManagedSubsetsKey)
	for _, subset := range subsets {
		labels, _ := subset["labels"].(node)
		if record.by(subset) != "" || hashAlone(subset) && ofExperiment(text(subset, "name")) {
			continue
		}
		if delete(labels, v1alpha1.DefaultRolloutUniqueLabelKey); labels != nil && len(labels) == 0 {
			delete(subset, "labels")
		}
		kept = append(kept, subset)
	}
	if len(subsets) > 0 {
		spec["subsets"] = anyList(kept)
	}
	annotate(out, v1alpha1.ManagedSubsetsKey, "")
	annotate(out, v1alpha1.ManagedByRolloutsKey, "")
	return out, !equal(dr["metadata"], out["metadata"]) || !equal(dr["spec"], spec), nil
}

// ReleaseVirtualService returns a VirtualService as it is without a Rollout, and whether
// it differs from vs, which is not modified: the routes that steps made are gone, what
// Experiments got of a route goes to the one of its other destinations that gets most,
// since their Services are about to go, and nobody is named as the one who changes it.
// The weights of all others stay.
func ReleaseVirtualService(vs map[string]any, ofExperiment func(host string) bool) (map[string]any, bool, error) {
	out, spec, err := withSpec(vs)
	if err != nil {
		return nil, false, fmt.Errorf("reading routes: %w", err)
	}
	record := madeIn(out, v1alpha1.ManagedRoutesKey)
	if err := record.release(spec, slices.Collect(maps.Keys(record))); err != nil {
		return nil, false, err
	}
	for _, p := range protocols {
		routes, err := objects(spec, "spec", p.key)
		if err != nil {
			return nil, false, p.errorf("%v", err)
		}
		for _, r := range routes {
			destinations, err := objects(r, "spec."+p.key, "route")
			if err != nil {
				return nil, false, p.errorf("%v", err)
			}
			if kept := withoutExperiments(destinations, ofExperiment); len(kept) > 0 {
				r["route"] = anyList(kept)
			}
		}
	}
	annotate(out, v1alpha1.ManagedRoutesKey, "")
	annotate(out, v1alpha1.ManagedByRolloutsKey, "")
	return out, !equal(vs["metadata"], out["metadata"]) || !equal(vs["spec"], spec), nil
}

// ReleaseRoutes returns a VirtualService that some Rollouts name no more, and others do,
// without the managed routes of the former, and whether it differs from vs, which is not
// modified.
func ReleaseRoutes(vs map[string]any, of []types.NamespacedName) (map[string]any, bool, error) {
	out, spec, err := withSpec(vs)
	if err != nil {
		return nil, false, fmt.Errorf("reading routes: %w", err)
	}
	record, rollouts := madeIn(out, v1alpha1.ManagedRoutesKey), []string{}
	for _, rollout := range of {
		rollouts = append(rollouts, rollout.String())
	}
	if err := record.release(spec, rollouts); err != nil {
		return nil, false, err
	}
	return out, annotate(out, v1alpha1.ManagedRoutesKey, record.String()), nil
}

// release takes the managed routes of some Rollouts away, and forgets them.
func (m made) release(spec node, rollouts []string) error {
	routes, err := objects(spec, "spec", httpRoutes.key)
	if err != nil {
		return httpRoutes.errorf("%v", err)
	}
	kept := slices.DeleteFunc(slices.Clone(routes), func(n node) bool { return slices.Contains(rollouts, m.by(n)) })
	if len(kept) < len(routes) {
		spec[httpRoutes.key] = anyList(kept)
	}
	for _, rollout := range rollouts {
		m.set(rollout, nil)
	}
	return nil
}

// withoutExperiments returns the destinations of a route that are no Experiment's, with
// the weight of all.
func withoutExperiments(destinations []node, ofExperiment func(host string) bool) (kept []node) {
	var left int64
	var most node
	for _, d := range destinations {
		if ofExperiment(hostIn(d)) {
			left += number(d, "weight")
			continue
		}
		if kept = append(kept, d); most == nil || number(d, "weight") > number(most, "weight") {
			most = d
		}
	}
	if most != nil && left > 0 {
		most["weight"] = number(most, "weight") + left
	}
	return kept
}

// annotate sets an annotation, or takes it away if the value is empty, in the copy that
// withSpec has made of an object, and says whether it was another one.
func annotate(out node, key, value string) (changed bool) {
	obj := &unstructured.Unstructured{Object: out}
	annotations := obj.GetAnnotations()
	if annotations[key] == value {
		return false
	}
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[key] = value
	if value == "" {
		delete(annotations, key)
	}
	if len(annotations) == 0 {
		annotations = nil
	}
	if metadata, ok := out["metadata"].(node); ok {
		out["metadata"] = clone(metadata)
	}
	obj.SetAnnotations(annotations)
	return true
}

// Hosts lists the hosts that a VirtualService sends requests to.
func Hosts(vs *unstructured.Unstructured) (hosts []string) {
	spec, _ := vs.Object["spec"].(node)
	for _, p := range protocols {
		routes, _ := objects(spec, "spec", p.key)
		for _, r := range routes {
			destinations, _ := objects(r, "spec."+p.key, "route")
			for _, d := range destinations {
				if number(d, "weight") > 0 || len(destinations) == 1 { // which needs no weight
					hosts = append(hosts, hostIn(d))
				}
			}
		}
	}
	return hosts
}

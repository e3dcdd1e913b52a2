package istio

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/traffic"
)

// TransformDestinationRule returns the DestinationRule whose subsets select
// what is wanted, and whether it differs from dr, which is not modified; both
// may share what lies outside the spec. It writes the template hash beside the
// other labels of the two subsets, and adds a subset for each experiment that
// gets requests, named after its Service, while it does. An annotation records which
// subsets were added for the Rollout: no other is ever removed.
//
// A label moves only if want.MoveSubsets, and never before requests that the
// subset is to lose are gone: as long as now gives it more than want does, its
// new pods would get requests that were not meant for them. The next call moves
// it.
func TransformDestinationRule(dr map[string]any, rollout types.NamespacedName, names v1alpha1.IstioDestinationRule, now traffic.Observed, want traffic.Routing) (map[string]any, bool, error) {
	out, spec, subsets, err := withSubsets(dr)
	if err != nil {
		return nil, false, err
	}
	next := want.Split(now.Reserved)
	for _, move := range []struct {
		subset, hash string
		loses        bool
	}{
		{names.StableSubsetName, want.StableHash, now.Weights.Stable > next.Stable},
		{names.CanarySubsetName, want.CanaryHash, now.Weights.Canary > next.Canary || len(now.Managed) > 0 && !manages(want)},
	} {
		subset := findSubset(subsets, move.subset)
		if subset == nil {
			return nil, false, noSubset(move.subset)
		}
		if move.hash == "" || move.loses || !want.MoveSubsets {
			continue
		}
		if err := setHash(subset, move.hash); err != nil {
			return nil, false, err
		}
	}
	record := madeIn(out, v1alpha1.ManagedSubsetsKey)
	if subsets, err = setExperiments(subsets, record, recorded(rollout.Namespace, rollout.Name), next); err != nil {
		return nil, false, err
	}
	spec["subsets"] = anyList(subsets)
	annotate(out, v1alpha1.ManagedSubsetsKey, record.String())
	if equal(dr["spec"], spec) && equal(dr["metadata"], out["metadata"]) {
		return dr, false, nil
	}
	return out, true, nil
}

// withSubsets is withSpec, and the subsets of the copy.
func withSubsets(dr node) (out, spec node, subsets []node, err error) {
	out, spec, err = withSpec(dr)
	if err == nil {
		subsets, err = objects(spec, "spec", "subsets")
	}
	if err != nil {
		return nil, nil, nil, fmt.Errorf("reading subsets: %w", err)
	}
	return out, spec, subsets, nil
}

// manages says whether a managed route sends requests to the canary.
func manages(want traffic.Routing) bool {
	return slices.ContainsFunc(want.Headers, func(h v1alpha1.SetHeaderRoute) bool { return len(h.Match) > 0 }) ||
		slices.ContainsFunc(want.Mirrors, func(m v1alpha1.SetMirrorRoute) bool { return len(m.Match) > 0 })
}

// hold keeps requests from subsets that do not select the wanted pods yet: dr
// is the DestinationRule as it is about to be, now what is in force. No more
// requests go to the canary than now while its subset selects other pods, and
// no fewer while that of the stable revision does.
func hold(want traffic.Routing, now traffic.Observed, dr node, names v1alpha1.IstioDestinationRule) traffic.Routing {
	spec, _ := dr["spec"].(node)
	subsets, _ := objects(spec, "spec", "subsets")
	if want.CanaryHash != "" && hashOf(subsets, names.CanarySubsetName) != want.CanaryHash {
		want.CanaryWeight = min(want.CanaryWeight, now.Weights.Canary)
		absent := func(name string) bool { return !slices.Contains(now.Managed, name) }
		want.Headers = slices.DeleteFunc(slices.Clone(want.Headers), func(h v1alpha1.SetHeaderRoute) bool { return absent(h.Name) })
		want.Mirrors = slices.DeleteFunc(slices.Clone(want.Mirrors), func(m v1alpha1.SetMirrorRoute) bool { return absent(m.Name) })
	}
	if want.StableHash != "" && hashOf(subsets, names.StableSubsetName) != want.StableHash {
		want.CanaryWeight = max(want.CanaryWeight, now.Weights.Canary)
	}
	return want
}

func noSubset(name string) error { return fmt.Errorf("DestinationRule subset '%s' not found", name) }

func findSubset(subsets []node, name string) node {
	for _, s := range subsets {
		if text(s, "name") == name {
			return s
		}
	}
	return nil
}

// setHash makes a subset select one revision.
func setHash(subset node, hash string) error {
	labels, err := object(subset, fmt.Sprintf("subset '%s'", text(subset, "name")), "labels")
	if err != nil {
		return err
	}
	if labels == nil {
		labels = node{}
		subset["labels"] = labels
	}
	labels[v1alpha1.DefaultRolloutUniqueLabelKey] = hash
	return nil
}

// setExperiments adds the subsets of a Rollout's experiments that get requests, removes
// those of experiments that do not any more, and records those that there are now.
func setExperiments(subsets []node, record made, rollout string, next traffic.Weights) ([]node, error) {
	hashes := map[string]string{}
	for _, d := range next.Additional {
		if d.Hash != "" {
			hashes[d.Host] = d.Hash
		}
	}
	kept := slices.DeleteFunc(subsets, func(s node) bool {
		return hashes[text(s, "name")] == "" && record.by(s) == rollout
	})
	var own []node
	for _, d := range next.Additional {
		subset := findSubset(kept, d.Host)
		switch {
		case d.Hash == "":
			continue
		case subset == nil:
			subset = node{"name": d.Host, "labels": node{v1alpha1.DefaultRolloutUniqueLabelKey: d.Hash}}
			kept = append(kept, subset)
		case record.by(subset) != rollout && !(record.by(subset) == "" && hashAlone(subset)):
			continue // else it was made by a controller that kept no record
		default:
			if err := setHash(subset, d.Hash); err != nil {
				return nil, err
			}
		}
		own = append(own, subset)
	}
	record.set(rollout, own)
	return kept, nil
}

// hashAlone says whether a subset selects by nothing but a template hash.
func hashAlone(subset node) bool {
	labels, _ := subset["labels"].(node)
	return len(labels) == 1 && text(labels, v1alpha1.DefaultRolloutUniqueLabelKey) != ""
}

// hashOf is the template hash that a subset selects, empty if it selects none.
func hashOf(subsets []node, name string) string {
	labels, _ := findSubset(subsets, name)["labels"].(node)
	return text(labels, v1alpha1.DefaultRolloutUniqueLabelKey)
}

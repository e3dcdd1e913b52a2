package check

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// stable: the revision that is trusted can always take over.
//
// status.stableRS names a ReplicaSet that exists. No single write scales that
// ReplicaSet below what the strategy allows: blue/green and traffic routing
// keep all of it while another revision is tried, a basic canary keeps so much
// that it and the available pods of the others are at least
// spec.replicas - maxUnavailable.
type stable struct{}

// NewStable returns the check of the stable ReplicaSet.
func NewStable() Check { return stable{} }

func (stable) Name() string { return "stable" }

func (stable) Instant(s *State) error {
	for _, f := range s.Families() {
		hash := f.Rollout.Status.StableRS
		if hash == "" || f.Rollout.DeletionTimestamp != nil {
			continue
		}
		if set := f.ByHash(hash); set == nil || set.ReplicaSet.DeletionTimestamp != nil {
			return fmt.Errorf("rollout %s: status.stableRS is %s, but there is no such ReplicaSet; there are %s", f.Key(), hash, f.Sizes())
		}
	}
	return nil
}

func (stable) Event(s *State, c Change) error {
	before, after, ok := scaledDown(c)
	f := c.Family
	if !ok || f == nil || c.ByUser || f.Rollout.DeletionTimestamp != nil || f.Disrupted(s.Now, s.Lag) {
		return nil
	}
	hash := after.Labels[v1alpha1.DefaultRolloutUniqueLabelKey]
	if hash == "" || hash != f.Rollout.Status.StableRS {
		return nil
	}
	for _, ro := range f.InForce(s.Now, s.Lag) {
		if wanted(after.Spec.Replicas)+f.others(s, hash, ro) >= floor(ro) {
			return nil
		}
	}
	return fmt.Errorf("rollout %s: stable ReplicaSet %s scaled from %d to %d pods with %d replicas wanted: %s",
		f.Key(), after.Name, wanted(before.Spec.Replicas), wanted(after.Spec.Replicas), f.Replicas(), f.Sizes())
}

// scaledDown returns the two states of a ReplicaSet whose spec.replicas fell.
func scaledDown(c Change) (before, after *appsv1.ReplicaSet, ok bool) {
	after, isSet := c.Object.(*appsv1.ReplicaSet)
	before, had := c.Old.(*appsv1.ReplicaSet)
	if !isSet || !had || c.Deleted || wanted(after.Spec.Replicas) >= wanted(before.Spec.Replicas) {
		return nil, nil, false
	}
	return before, after, true
}

// others counts the pods that may stand in for stable ones: the available ones
// of the other revisions, as far as the controller can know, for a basic
// canary, none for the other strategies.
func (f *Family) others(s *State, stable string, ro *v1alpha1.Rollout) (n int32) {
	if !basicCanary(ro) {
		return 0
	}
	for _, set := range f.Sets {
		if set.Hash() != stable {
			n += max(set.Available(s.Now), min(set.Wanted(), set.ReplicaSet.Status.AvailableReplicas))
		}
	}
	return n
}

// floor is the number of pods that must be able to serve.
func floor(ro *v1alpha1.Rollout) int32 {
	n := wanted(ro.Spec.Replicas)
	canary := ro.Spec.Strategy.Canary
	if basicCanary(ro) {
		return n - limits(ro).Unavailable
	}
	if canary != nil && canary.DynamicStableScale {
		return 0 // follows the traffic; the checks of weights look at it
	}
	return n
}

package check

import (
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// surge: a basic canary never has more than spec.replicas + maxSurge pods.
//
// When spec.replicas or maxSurge is lowered there are too many at once; from
// then on their number may fall but not rise until it is within the limit.
// Blue/green doubles its pods on purpose, and so does a canary with traffic
// routing, so they are exempt.
//
// Two numbers are held against it: what the ReplicaSets ask for, after every
// write, and the pods that exist, after every instant.
type surge struct {
	allowed map[types.UID]int32
}

// NewSurge returns the check of the upper bound.
func NewSurge() Check { return &surge{allowed: map[types.UID]int32{}} }

func (c *surge) Name() string { return "surge" }

func (c *surge) Event(s *State, change Change) error {
	f := change.Family
	if f == nil || !f.bounded(s) {
		return nil
	}
	uid := f.Rollout.UID
	ceiling, asked := c.ceiling(s, f), f.Wanted()
	before, known := c.allowed[uid]
	switch {
	case asked <= ceiling:
		c.allowed[uid] = ceiling
	case known && asked <= before:
		c.allowed[uid] = asked
	case !known, adopted(change):
		c.allowed[uid] = asked // the strategy was another one until now, or the Rollout
	default:
		return fmt.Errorf("rollout %s: its ReplicaSets ask for %d pods: %s; at most %d allowed", f.Key(), asked, f.Sizes(), max(before, ceiling))
	}
	return nil
}

// bounded is true for a basic canary, unless the controller may still take it for another.
func (f *Family) bounded(s *State) bool {
	return !slices.ContainsFunc(f.InForce(s.Now, s.Lag), func(ro *v1alpha1.Rollout) bool { return !basicCanary(ro) })
}

// adopted is true for a write that gives an object that was there to another owner.
func adopted(change Change) bool {
	if change.Old == nil || change.Deleted {
		return false
	}
	was, is := metav1.GetControllerOfNoCopy(change.Old), metav1.GetControllerOfNoCopy(change.Object)
	return is != nil && (was == nil || was.UID != is.UID)
}

// ceiling is the highest limit of the specs that may be acted on.
func (c *surge) ceiling(s *State, f *Family) (most int32) {
	for _, ro := range f.InForce(s.Now, s.Lag) {
		most = max(most, wanted(ro.Spec.Replicas)+limits(ro).Surge)
	}
	return most
}

func (c *surge) Instant(s *State) error {
	for _, f := range s.Families() {
		if !f.bounded(s) {
			delete(c.allowed, f.Rollout.UID)
			continue
		}
		before, known := c.allowed[f.Rollout.UID]
		if !known { // the strategy was another one until now, and nothing has changed since
			before = max(f.Wanted(), f.Active())
			c.allowed[f.Rollout.UID] = before
		}
		allowed := max(before, c.ceiling(s, f))
		if pods := f.Active(); pods > allowed {
			return fmt.Errorf("rollout %s: %d pods that are not terminating: %s; at most %d allowed (%d replicas, surge %d)",
				f.Key(), pods, f.Sizes(), allowed, f.Replicas(), limits(f.Rollout).Surge)
		}
	}
	return nil
}

// Sizes prints each ReplicaSet with the pods it asks for, has and has
// available: "web-abc 3/3/2, web-def 2/2/0".
func (f *Family) Sizes() string {
	text := ""
	for i, set := range f.Sets {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf("%s %d/%d/%d", set.ReplicaSet.Name, set.Wanted(), set.Active(), set.ReplicaSet.Status.AvailableReplicas)
	}
	return text
}

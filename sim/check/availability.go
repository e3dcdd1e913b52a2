package check

import (
	"fmt"
	"math"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// availability: once a Rollout had all its pods available, at least
// spec.replicas - maxUnavailable stay available, through updates, aborts and
// undos. For blue/green the pods behind the active Service count, for a canary
// whose requests a router splits those of the stable revision, with
// dynamicStableScale those of every other one too for as long as it has a share of
// the requests. With a replicaProgressThreshold a routed canary may be promoted with
// fewer: then so many are promised.
//
// The promise ends when somebody else takes a pod away, when the strategy is another one,
// and when spec.replicas
// or a limit is raised, and with dynamicStableScale where a step sets the number
// of canary pods, whatever their share of the requests; it is renewed when all pods are available again. A
// restart may always take one pod out, even if maxUnavailable is 0.
type availability struct {
	promised   map[types.UID]promise
	restarting map[types.UID]bool // since a restart was asked for, until all pods are back
}

// promise is what was complete at a time: the least spec.replicas and the least
// floor since then.
type promise struct {
	replicas, floor int32
	since           time.Time
	blueGreen       bool // the strategy that it was made for
}

// NewAvailability returns the check of the lower bound.
func NewAvailability() Check {
	return &availability{promised: map[types.UID]promise{}, restarting: map[types.UID]bool{}}
}

func (c *availability) Name() string { return "availability" }

func (c *availability) Event(_ *State, change Change) error {
	if ro, ok := change.Object.(*v1alpha1.Rollout); ok && restartPending(ro) {
		c.restarting[ro.UID] = true
	}
	return nil
}

// restartPending reports whether a restart was asked for and is not complete.
func restartPending(ro *v1alpha1.Rollout) bool {
	return ro.Spec.RestartAt != nil && !ro.Spec.RestartAt.Equal(ro.Status.RestartedAt)
}

func (c *availability) Instant(s *State) error {
	for _, f := range s.Families() {
		if err := c.rollout(s, f); err != nil {
			return err
		}
	}
	return nil
}

func (c *availability) rollout(s *State, f *Family) error {
	uid := f.Rollout.UID
	n, u := f.Replicas(), f.Replicas()-mustServe(f.Rollout)
	least, lowest := f.least(s)
	available := serving(s, f)
	blueGreen := f.Rollout.Spec.Strategy.BlueGreen != nil
	p, promised := c.promised[uid]
	p.replicas, p.floor = min(p.replicas, least), min(p.floor, lowest)
	if promised && (blueGreen != p.blueGreen || n > p.replicas || n-u > p.floor || !f.disruptedAt.Before(p.since) || scaledBySteps(f.Rollout)) {
		promised = false
		delete(c.promised, uid)
	}
	if promised {
		c.promised[uid] = p
	}
	if c.restarting[uid] {
		u = min(n, max(u, 1))
	}
	if promised && available < n-u {
		return fmt.Errorf("rollout %s: %d pods available: %s; at least %d promised (%d replicas, at most %d unavailable)",
			f.Key(), available, f.Sizes(), n-u, n, u)
	}
	if available >= n && !f.Disrupted(s.Now, s.Lag) {
		c.restarting[uid] = restartPending(f.Rollout)
		c.promised[uid] = promise{least, lowest, s.Now, blueGreen}
	}
	return nil
}

// least is the least spec.replicas, and the least number of them that must serve, of
// all the specs that may be acted on.
func (f *Family) least(s *State) (n, lowest int32) {
	for i, ro := range f.InForce(s.Now, s.Lag) {
		replicas := wanted(ro.Spec.Replicas)
		must := mustServe(ro)
		if i == 0 || replicas < n {
			n = replicas
		}
		if i == 0 || must < lowest {
			lowest = must
		}
	}
	return n, lowest
}

// mustServe is how many pods a spec promises.
func mustServe(ro *v1alpha1.Rollout) int32 {
	n := wanted(ro.Spec.Replicas)
	must := n - limits(ro).Unavailable
	c := ro.Spec.Strategy.Canary
	if c == nil || c.TrafficRouting == nil || c.ReplicaProgressThreshold == nil {
		return must
	}
	if t := c.ReplicaProgressThreshold; t.Type == v1alpha1.ProgressTypePods {
		return min(must, t.Value)
	}
	return min(must, int32(math.Ceil(float64(n)*float64(c.ReplicaProgressThreshold.Value)/100)))
}

// scaledBySteps is true where stable pods make way for a canary whose number of
// pods does not follow its weight.
func scaledBySteps(ro *v1alpha1.Rollout) bool {
	canary := ro.Spec.Strategy.Canary
	return canary != nil && canary.DynamicStableScale && slices.ContainsFunc(canary.Steps, func(s v1alpha1.CanaryStep) bool {
		return s.SetCanaryScale != nil && !s.SetCanaryScale.MatchTrafficWeight
	})
}

// serving counts the available pods that users reach, or would if all went back:
// all of a basic canary, the stable ones of a routed one, those behind the active
// Service of a blue/green Rollout.
func serving(s *State, f *Family) (n int32) {
	canary, bg := f.Rollout.Spec.Strategy.Canary, f.Rollout.Spec.Strategy.BlueGreen
	switch status := &f.Rollout.Status; {
	case basicCanary(f.Rollout):
		return f.Available(s.Now)
	case canary != nil:
		for _, set := range f.Sets {
			if set.Hash() == status.StableRS || canary.DynamicStableScale && f.shareOf(s, set.Hash()) > 0 {
				n += set.Available(s.Now)
			}
		}
		return n
	case bg == nil:
		return 0
	}
	svc := s.Service(f.Rollout.Namespace, bg.ActiveService)
	if svc == nil {
		return 0
	}
	hash := svc.Spec.Selector[v1alpha1.DefaultRolloutUniqueLabelKey]
	if hash == "" {
		hash = f.Rollout.Status.StableRS // it selects the pods of all versions, of which the others may go
	}
	set := f.ByHash(hash)
	if set == nil {
		return 0
	}
	return set.Available(s.Now)
}

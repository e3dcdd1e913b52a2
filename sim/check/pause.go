package check

import (
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/replicas"
)

// pause: while a Rollout is paused, by spec.paused or by a pause step, nothing
// moves towards the new revision unless a person did something: the step index
// stays, a timed pause lasts its time, and the share of the canary does not
// grow beyond what the weight in force asks for (a person may have skipped the
// step that waits for it), under spec.paused not at all.
type pause struct {
	since map[types.UID]standing
}

// standing is a pause that is in force, and what was true when it began.
type standing struct {
	at       time.Time
	hash     string
	replicas int32 // spec.replicas
	canary   int32 // what the new ReplicaSet asked for
}

// NewPause returns the check of pauses.
func NewPause() Check { return &pause{since: map[types.UID]standing{}} }

func (c *pause) Name() string { return "pause" }

func (c *pause) Event(s *State, change Change) error {
	switch obj := change.Object.(type) {
	case *v1alpha1.Rollout:
		before, ok := change.Old.(*v1alpha1.Rollout)
		if ok && before.Spec.Paused != obj.Spec.Paused {
			// What grows until somebody pauses it again may, and so may what grew at a
			// pause step, to the weight in force, until somebody paused it by hand.
			delete(c.since, obj.UID)
		}
		if ok && !change.Deleted && !change.ByUser {
			return c.status(s, before, obj)
		}
	case *appsv1.ReplicaSet:
		if f := change.Family; f != nil && !change.Deleted {
			return c.size(s, f, obj)
		}
	}
	return nil
}

// status compares what the controller reported with what it reports now.
func (c *pause) status(s *State, before, after *v1alpha1.Rollout) error {
	from, to, ok := stepForward(before, after)
	if !ok {
		return nil
	}
	name := after.Namespace + "/" + after.Name
	if before.Spec.Paused {
		return fmt.Errorf("rollout %s: step %d became %d while spec.paused was set", name, from, to)
	}
	step := before.Spec.Strategy.Canary.Steps[from]
	if step.Pause == nil {
		return nil
	}
	begin := pausedSince(before)
	switch {
	case begin.IsZero() && before.Status.ControllerPause:
		return nil // a person cleared the condition
	case begin.IsZero():
		return fmt.Errorf("rollout %s: pause step %d was passed without a pause", name, from)
	case step.Pause.Duration == nil:
		return fmt.Errorf("rollout %s: step %d became %d although step %d pauses until promoted", name, from, to, from)
	}
	if end := begin.Add(pauseLength(step.Pause)); s.Now.Before(end) {
		return fmt.Errorf("rollout %s: step %d became %d %s before its pause ends", name, from, to, end.Sub(s.Now))
	}
	return nil
}

// stepForward reports whether the step index of one and the same update rose
// in the ordinary way: not by an abort, a full promotion, or a return to the
// stable revision, all of which set it to the end.
func stepForward(before, after *v1alpha1.Rollout) (from, to int32, ok bool) {
	canary := before.Spec.Strategy.Canary
	old, now := before.Status.CurrentStepIndex, after.Status.CurrentStepIndex
	if canary == nil || old == nil || now == nil || *now <= *old || int(*old) >= len(canary.Steps) || *old < 0 {
		return 0, 0, false
	}
	same := before.Status.CurrentPodHash == after.Status.CurrentPodHash && before.Status.CurrentStepHash == after.Status.CurrentStepHash
	special := before.Status.Abort || before.Status.PromoteFull || after.Status.PromoteFull ||
		after.Status.CurrentPodHash == before.Status.StableRS || before.Status.StableRS == ""
	return *old, *now, same && !special
}

// pausedSince is the start of the pause of a canary step; zero if there is none.
func pausedSince(ro *v1alpha1.Rollout) time.Time {
	for _, p := range ro.Status.PauseConditions {
		if p.Reason == v1alpha1.PauseReasonCanaryPauseStep {
			return p.StartTime.Time
		}
	}
	return time.Time{}
}

func pauseLength(p *v1alpha1.RolloutPause) time.Duration {
	if p.Duration.Type == 0 {
		return time.Duration(p.Duration.IntVal) * time.Second
	}
	if d, err := time.ParseDuration(p.Duration.StrVal); err == nil {
		return d
	}
	var seconds int32
	if _, err := fmt.Sscanf(p.Duration.StrVal, "%d", &seconds); err != nil {
		return 0 // an invalid spec promises nothing
	}
	return time.Duration(seconds) * time.Second
}

// size holds the new ReplicaSet against what the pause allows.
func (c *pause) size(s *State, f *Family, rs *appsv1.ReplicaSet) error {
	st, ok := c.since[f.Rollout.UID]
	if !ok || rs.Labels[v1alpha1.DefaultRolloutUniqueLabelKey] != st.hash || s.Now.Sub(st.at) <= s.Lag {
		return nil
	}
	if !indefinitelyPaused(f.Rollout) || f.Rollout.Status.CurrentPodHash != st.hash {
		return nil
	}
	if n, most := wanted(rs.Spec.Replicas), st.most(s, f); n > most {
		return fmt.Errorf("rollout %s: canary %s grew to %d pods while paused, at most %d allowed: it had %d of %d replicas when the pause began, now there are %d",
			f.Key(), rs.Name, n, most, st.canary, st.replicas, f.Replicas())
	}
	return nil
}

// most is how many pods the canary may have: as many as when the pause began,
// or in proportion to spec.replicas if that was raised since. What the weight in
// force asks for is allowed too, unless a person stopped the canary on its way
// there.
//
//	5 of 6 on the way to 100 %, then 7 are wanted: 5.83, so 6, and not 7.
func (st standing) most(s *State, f *Family) (n int32) {
	for _, ro := range f.InForce(s.Now, s.Lag) {
		now := wanted(ro.Spec.Replicas)
		n = max(n, proportion(st.canary, now, st.replicas))
		if reached := st.canary >= asked(ro, st.replicas); reached || !ro.Spec.Paused {
			n = max(n, asked(ro, now))
		}
	}
	return n
}

// proportion is part of whole brought to another whole, rounded up.
func proportion(part, to, whole int32) int32 {
	if whole == 0 {
		return to
	}
	return max(part, int32((int64(part)*int64(to)+int64(whole)-1)/int64(whole)))
}

// asked is the number of canary pods that the weight in force asks for: that of
// the nearest setWeight at or before the current step, or, where a router splits
// the requests, that of a setCanaryScale.
func asked(ro *v1alpha1.Rollout, n int32) int32 {
	steps, weight := ro.Spec.Strategy.Canary.Steps, int32(0)
	i := len(steps)
	if ro.Status.CurrentStepIndex != nil {
		i = int(*ro.Status.CurrentStepIndex)
	}
	if i >= len(steps) {
		weight = 100
	} else {
		for _, step := range steps[:i+1] {
			if step.SetWeight != nil {
				weight = *step.SetWeight
			}
		}
	}
	if basicCanary(ro) {
		return replicas.Basic(n, weight, 100, limits(ro)).Canary
	}
	whole := wholeOf(ro)
	for i = min(i, len(steps)-1); i >= 0; i-- {
		if scale := steps[i].SetCanaryScale; scale != nil && !scale.MatchTrafficWeight {
			if count, ok := replicas.CanaryScale(n, whole, scale.Replicas, scale.Weight); ok {
				return count
			}
		}
		if steps[i].SetCanaryScale != nil {
			break
		}
	}
	return replicas.Routed(n, weight, whole).Canary
}

// Instant notes which Rollouts are paused now.
func (c *pause) Instant(s *State) error {
	for _, f := range s.Families() {
		uid, ro := f.Rollout.UID, f.Rollout
		set := f.ByHash(ro.Status.CurrentPodHash)
		first := ro.Status.StableRS == "" || ro.Status.StableRS == ro.Status.CurrentPodHash
		if !indefinitelyPaused(ro) || set == nil || first {
			delete(c.since, uid)
			continue
		}
		if st, ok := c.since[uid]; observedGeneration(ro) == ro.Generation && (!ok || st.hash != set.Hash()) {
			c.since[uid] = standing{s.Now, set.Hash(), f.Replicas(), set.Wanted()}
		}
	}
	return nil
}

// indefinitelyPaused reports whether a canary waits for a person.
func indefinitelyPaused(ro *v1alpha1.Rollout) bool {
	canary := ro.Spec.Strategy.Canary
	if canary == nil || ro.Status.Abort || ro.Status.PromoteFull {
		return false
	}
	if ro.Spec.Paused {
		return true
	}
	i := ro.Status.CurrentStepIndex
	if i == nil || *i < 0 || int(*i) >= len(canary.Steps) || pausedSince(ro).IsZero() {
		return false
	}
	p := canary.Steps[*i].Pause
	return p != nil && p.Duration == nil
}

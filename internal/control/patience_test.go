package control

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/rollout"
)

// Mere numbers of pods wait, longer while writes have to wait themselves; what people
// wait for does not.
func TestPatience(t *testing.T) {
	key, begin := types.NamespacedName{Name: "web"}, time.Unix(0, 0)
	was := v1alpha1.RolloutStatus{Phase: v1alpha1.RolloutPhaseProgressing, Replicas: 5}
	numbers := rollout.Plan{Status: was}
	numbers.Status.Replicas = 6
	moved := rollout.Plan{Status: was}
	moved.Status.Phase = v1alpha1.RolloutPhasePaused
	told := numbers
	told.Why = []rollout.Note{{Reason: "RolloutPaused", Event: true}}
	for _, c := range []struct {
		what  string
		limit time.Duration
		took  time.Duration
		plan  rollout.Plan
		until time.Duration // 0: written at once
	}{
		{"numbers", 5 * time.Second, 0, numbers, 5 * time.Second},
		{"numbers, while writes take a second", 5 * time.Second, time.Second, numbers, 9 * time.Second},
		{"numbers, after a write that hung", 5 * time.Second, time.Hour, numbers, 45 * time.Second},
		{"numbers, without patience", 0, time.Second, numbers, 0},
		{"a phase", 5 * time.Second, time.Second, moved, 0},
		{"an event", 5 * time.Second, time.Second, told, 0},
		{"nothing", 5 * time.Second, time.Second, rollout.Plan{Status: was}, 0},
	} {
		p := newPatience(c.limit)
		p.wrote(c.took)
		until, ok := p.holds(key, was, c.plan, begin)
		if ok != (c.until > 0) || ok && !until.Equal(begin.Add(c.until)) {
			t.Errorf("%s: until %s, %t", c.what, until.Sub(begin), ok)
		}
		if !ok {
			continue
		}
		if again, ok := p.holds(key, was, c.plan, begin.Add(c.until-1)); !ok || !again.Equal(until) {
			t.Errorf("%s: a little before it is over until %s, %t", c.what, again.Sub(begin), ok)
		}
		if _, ok := p.holds(key, was, c.plan, until); ok {
			t.Errorf("%s: it never ends", c.what)
		}
	}
}

package control

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/rollout"
)

// told returns when a status that differs in numbers only is written, if it is looked
// at whenever that was asked for, and a number of other statuses are written a second.
func told(p *patience, others int) time.Duration {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	plan := rollout.Plan{Status: v1alpha1.RolloutStatus{Replicas: 3}}
	next := start
	for at := start; ; at = at.Add(time.Second) {
		for range others {
			p.wrote(at)
		}
		if at.Before(next) {
			continue
		}
		until, ok := p.holds(types.NamespacedName{Name: "web"}, v1alpha1.RolloutStatus{}, plan, at)
		if !ok {
			return at.Sub(start)
		}
		next = until
	}
}

func TestPatience(t *testing.T) {
	for _, tc := range []struct {
		name   string
		limit  time.Duration
		rate   float32
		others int
		want   time.Duration
	}{
		{"none", 0, 40, 0, 0},
		{"nothing else is written", 5 * time.Second, 40, 0, 5 * time.Second},
		{"less than half of what may be is written", 5 * time.Second, 40, 15, 5 * time.Second},
		{"the client is busy", 5 * time.Second, 40, 40, 60 * time.Second},
		{"the client has no limit", 5 * time.Second, 0, 4000, 5 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := told(newPatience(tc.limit, tc.rate), tc.others); got != tc.want {
				t.Errorf("numbers were told after %s, want %s", got, tc.want)
			}
		})
	}
}

func TestPatienceIsForNumbersOnly(t *testing.T) {
	p := newPatience(time.Minute, 40)
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	plan := rollout.Plan{Status: v1alpha1.RolloutStatus{Replicas: 3, Phase: v1alpha1.RolloutPhasePaused}}
	if until, ok := p.holds(types.NamespacedName{Name: "web"}, v1alpha1.RolloutStatus{}, plan, now); ok {
		t.Errorf("a new phase waits until %s, want it told at once", until)
	}
}

package control

import (
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/rollout"
)

// told returns when a status that differs in numbers only is written, if it is looked
// at whenever that was asked for, and a write of another status takes so long each second
// until those end.
func told(p *patience, takes, end time.Duration) time.Duration {
	other := types.NamespacedName{Name: "other"}
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	plan := rollout.Plan{Status: v1alpha1.RolloutStatus{Replicas: 3}}
	for range 20 {
		p.wrote(other, start.Add(-takes), start)
	}
	next := start
	for at := start; ; at = at.Add(500 * time.Millisecond) {
		if at.Sub(start) < end {
			p.wrote(other, at.Add(-takes), at)
		}
		if at.Before(next) {
			continue
		}
		until, ok := p.holds(types.NamespacedName{Name: "web"}, &v1alpha1.RolloutStatus{}, &v1alpha1.RolloutStatus{}, &plan, at)
		if !ok {
			return at.Sub(start)
		}
		next = until
	}
}

func TestPatience(t *testing.T) {
	for _, tc := range []struct {
		name       string
		limit      time.Duration
		takes, end time.Duration
		want       time.Duration
	}{
		{"none", 0, time.Second, time.Hour, 0},
		{"writes are quick", 5 * time.Second, 20 * time.Millisecond, time.Hour, 5 * time.Second},
		{"writes are slow", 5 * time.Second, 200 * time.Millisecond, time.Hour, time.Minute},
		{"writes were slow", 5 * time.Second, 200 * time.Millisecond, 10 * time.Second, 20 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := told(newPatience(tc.limit, 0), tc.takes, tc.end); got != tc.want {
				t.Errorf("numbers were told after %s, want %s", got, tc.want)
			}
		})
	}
}

// Numbers of a crowd wait for longer, however quick writes are.
func TestPatienceInACrowd(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	plan := rollout.Plan{Status: v1alpha1.RolloutStatus{Replicas: 3}}
	for _, others := range []int{usualCrowd - 1, usualCrowd} {
		p := newPatience(time.Second, 0)
		for i := range others {
			p.holds(types.NamespacedName{Name: fmt.Sprint(i)}, &v1alpha1.RolloutStatus{}, &v1alpha1.RolloutStatus{}, &plan, now)
		}
		key := types.NamespacedName{Name: "web"}
		p.holds(key, &v1alpha1.RolloutStatus{}, &v1alpha1.RolloutStatus{}, &plan, now)
		if _, ok := p.holds(key, &v1alpha1.RolloutStatus{}, &v1alpha1.RolloutStatus{}, &plan, now.Add(time.Second)); ok != (others == usualCrowd) {
			t.Errorf("beside %d others the numbers wait on: %t", others, ok)
		}
	}
}

func TestPatienceIsForNumbersOnly(t *testing.T) {
	p := newPatience(time.Minute, 0)
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	plan := rollout.Plan{Status: v1alpha1.RolloutStatus{Replicas: 3, Phase: v1alpha1.RolloutPhasePaused}}
	if until, ok := p.holds(types.NamespacedName{Name: "web"}, &v1alpha1.RolloutStatus{}, &v1alpha1.RolloutStatus{}, &plan, now); ok {
		t.Errorf("a new phase waits until %s, want it told at once", until)
	}
}

package control

import (
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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

// The beginning of a step waits where others do, for a while, and only as long as nobody
// else writes a status.
func TestPatienceWithTheBeginningOfAStep(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	key := types.NamespacedName{Name: "web"}
	recorded := v1alpha1.RolloutStatus{Phase: v1alpha1.RolloutPhasePaused}
	begins := v1alpha1.RolloutStatus{Phase: v1alpha1.RolloutPhaseProgressing, Message: "more replicas need to be updated"}
	more := begins
	more.UpdatedReplicas = 2
	aborted := recorded
	aborted.Abort = true
	stands := func() bool { return true }
	of := func(generation int64, status v1alpha1.RolloutStatus) *v1alpha1.Rollout {
		return &v1alpha1.Rollout{ObjectMeta: metav1.ObjectMeta{Generation: generation}, Status: status}
	}

	if _, ok := newPatience(time.Second, 0).holdsStep(key, 1, &recorded, &begins, stands, now); ok {
		t.Error("the beginning waits, though nobody else does")
	}
	if _, ok := newPatience(0, -1).holdsStep(key, 1, &recorded, &begins, stands, now); ok {
		t.Error("the beginning waits, though nothing may")
	}

	p := newPatience(time.Second, -1)
	if _, ok := p.holdsStep(key, 1, &recorded, &begins, func() bool { return false }, now); ok {
		t.Error("the beginning waits, though what was done would be undone without it")
	}
	until, ok := p.holdsStep(key, 1, &recorded, &begins, stands, now)
	if !ok || until != now.Add(2*time.Second) {
		t.Fatalf("the beginning waits until %s, %t", until, ok)
	}
	if got := p.status(key, of(1, recorded)); got.Phase != begins.Phase {
		t.Errorf("the next decision is made from %+v, want from what waits", got)
	}
	plan := rollout.Plan{Status: more}
	for _, tc := range []struct {
		after time.Duration
		want  bool
	}{{time.Second, true}, {2 * time.Second, false}} {
		if _, ok := p.holds(key, &recorded, &begins, &plan, now.Add(tc.after)); ok != tc.want {
			t.Errorf("after %s the numbers of a step that waits wait: %t", tc.after, ok)
		}
	}
	if _, ok := p.holdsStep(key, 1, &recorded, &more, stands, now.Add(2*time.Second)); ok {
		t.Error("the next beginning waits for longer than the first one may")
	}
	if ro := of(1, aborted); p.status(key, ro) != &ro.Status {
		t.Error("after an abort the next decision is not made from what is on record")
	}
	if ro := of(1, recorded); p.status(key, ro) != &ro.Status {
		t.Error("what waited comes back")
	}
	if _, ok := p.holdsStep(key, 1, &recorded, &begins, stands, now); !ok {
		t.Error("another beginning does not wait")
	}
	if ro := of(2, recorded); p.status(key, ro) != &ro.Status {
		t.Error("after the spec was written the next decision is not made from what is on record")
	}
}

// TestBeginsStep: what pods show may wait for them, but not which version is stable, nor
// what an analysis has come to.
func TestBeginsStep(t *testing.T) {
	recorded := v1alpha1.RolloutStatus{StableRS: "a", CurrentPodHash: "a"}
	next := v1alpha1.RolloutStatus{StableRS: "a", CurrentPodHash: "b", Phase: v1alpha1.RolloutPhaseProgressing}
	paused, first := next, v1alpha1.RolloutStatus{StableRS: "b", CurrentPodHash: "b", Phase: v1alpha1.RolloutPhaseProgressing}
	paused.Phase = v1alpha1.RolloutPhasePaused
	named, measures := next, next
	named.Canary.CurrentBackgroundAnalysisRunStatus = &v1alpha1.RolloutAnalysisRunStatus{Name: "run", Status: v1alpha1.AnalysisPhasePending}
	measures.Canary.CurrentBackgroundAnalysisRunStatus = &v1alpha1.RolloutAnalysisRunStatus{Name: "run", Status: v1alpha1.AnalysisPhaseRunning}
	creates, routes := []rollout.Action{rollout.CreateReplicaSet{}}, []rollout.Action{rollout.CreateReplicaSet{}, rollout.Route{}}
	for _, tc := range []struct {
		name    string
		actions []rollout.Action
		status  v1alpha1.RolloutStatus
		want    bool
	}{
		{"pods of an update", creates, next, true},
		{"nothing is done", nil, next, false},
		{"requests move", routes, next, false},
		{"a pause begins", creates, paused, false},
		{"another version is stable", creates, first, false},
		{"an analysis has a name", creates, named, true},
		{"an analysis measures", creates, measures, false},
	} {
		if got := beginsStep(&recorded, &rollout.Plan{Actions: tc.actions, Status: tc.status}); got != tc.want {
			t.Errorf("%s: %t", tc.name, got)
		}
	}
}

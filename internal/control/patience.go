package control

import (
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/internal/rollout"
)

// patience keeps statuses from being written for every pod that comes or goes.
// While an update moves on, what happens next is written soon and takes the
// numbers with it: an update of 5 pods in 2 steps needs 7 writes in place of 12.
//
// Where many Rollouts are updated at once, the API server or the client's own limit of
// writes is what all of them wait for, and each status that only tells how far an update
// is comes before one that moves another on. Then numbers wait for longer: while writes
// are slow, or those of a crowd wait.
//
// What waits is remembered here only. A controller that dies forgets since when,
// and waits anew.
type patience struct {
	limit time.Duration
	mu    sync.Mutex
	since map[types.NamespacedName]time.Time
	// took is how long writes take on average, the last ones most; last is when one
	// was made.
	took time.Duration
	last time.Time
}

const (
	// longestHold is how many times the limit numbers wait while writes are slow: a
	// minute with the limit that the controller has if nobody says otherwise.
	longestHold = 12
	// slow is what a write takes where others wait for their turn: several times of
	// what it takes an API server that has nothing else to do.
	slow = 50 * time.Millisecond
	// slowFor is for how long after the last write its slowness says something.
	slowFor = 10 * time.Second
	// crowd is of how many Rollouts the numbers wait when many are updated at once: of
	// so many as the client may write half a second long by default.
	crowd = 20
	// lastWrites is of how many writes, about, the average is.
	lastWrites = 8
)

// newPatience returns one that lets numbers wait until limit.
func newPatience(limit time.Duration) *patience {
	return &patience{limit: limit, since: map[types.NamespacedName]time.Time{}}
}

// wrote notes that a status was written from start to end, waiting included.
func (p *patience) wrote(start, end time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.took += (end.Sub(start) - p.took) / lastWrites
	p.last = end
}

// busy says whether others wait to write.
func (p *patience) busy(now time.Time) bool {
	return len(p.since) > crowd || p.took > slow && now.Sub(p.last) < slowFor
}

// holds says whether the next status of a Rollout can stay unwritten for now, and
// until when.
func (p *patience) holds(key types.NamespacedName, was *v1alpha1.RolloutStatus, plan *rollout.Plan, now time.Time) (until time.Time, ok bool) {
	if p.limit <= 0 {
		return time.Time{}, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if rollout.SameStatus(was, &plan.Status) || tellsNews(plan) || !differInNumbers(was, plan.Status) {
		delete(p.since, key)
		return time.Time{}, false
	}
	since, waiting := p.since[key]
	if !waiting {
		since, p.since[key] = now, now
	}
	until = since.Add(p.limit)
	if now.Before(until) {
		return until, true
	}
	if last := since.Add(longestHold * p.limit); p.busy(now) && now.Before(last) {
		return clock.Earlier(now.Add(p.limit/2), last), true
	}
	delete(p.since, key)
	return time.Time{}, false
}

// forget drops what was noted for key.
func (p *patience) forget(key types.NamespacedName) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.since, key)
}

// differInNumbers is true when two statuses are the same but for how many pods
// there are, what is said about that while the phase stays, and when an update
// last moved.
func differInNumbers(was *v1alpha1.RolloutStatus, next v1alpha1.RolloutStatus) bool {
	next.Replicas, next.UpdatedReplicas, next.ReadyReplicas = was.Replicas, was.UpdatedReplicas, was.ReadyReplicas
	next.AvailableReplicas, next.HPAReplicas = was.AvailableReplicas, was.HPAReplicas
	if next.Phase == was.Phase {
		next.Message = was.Message
	}
	next.Conditions = append([]v1alpha1.RolloutCondition(nil), next.Conditions...)
	for i, c := range next.Conditions {
		if c.Type != v1alpha1.RolloutProgressing || c.Status == corev1.ConditionFalse {
			continue
		}
		for _, old := range was.Conditions {
			if old.Type == c.Type && old.Status != corev1.ConditionFalse {
				next.Conditions[i] = old
			}
		}
	}
	return rollout.SameStatus(was, &next)
}

// tellsNews is true when an event would be told again by the next decision, if
// the status did not note that it was: events of actions are not, since what they
// did is seen.
func tellsNews(plan *rollout.Plan) bool {
	for _, note := range plan.Why {
		if note.Event && len(plan.Actions) == 0 {
			return true
		}
	}
	return false
}

package control

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/rollout"
)

// patience keeps statuses from being written for every pod that comes or goes.
// While an update moves on, what happens next is written soon and takes the
// numbers with it: an update of 5 pods in 2 steps needs 7 writes in place of 12.
//
// Where many Rollouts are updated at once, the client sends as many writes a second
// as it may, and what updates them waits for its turn behind what only tells how far
// they are. Then numbers wait for longer.
//
// What waits is remembered here only. A controller that dies forgets since when,
// and waits anew.
type patience struct {
	limit time.Duration
	spare *rate.Limiter // for statuses that can wait
	mu    sync.Mutex
	since map[types.NamespacedName]time.Time
}

// longestHold is how many times the limit numbers wait while the client is busy: a
// minute with the limit that the controller has if nobody says otherwise.
const longestHold = 12

// newPatience returns one that lets numbers wait until limit. perSecond is how many
// statuses the client may write in a second; 0 means any number.
func newPatience(limit time.Duration, perSecond float32) *patience {
	spare := rate.Limit(perSecond) / 2
	if perSecond <= 0 {
		spare = rate.Inf
	}
	return &patience{limit: limit, spare: rate.NewLimiter(spare, max(1, int(perSecond/2))), since: map[types.NamespacedName]time.Time{}}
}

// wrote notes that a status is written.
func (p *patience) wrote(now time.Time) { p.spare.AllowN(now, 1) }

// holds says whether the next status of a Rollout can stay unwritten for now, and
// until when.
func (p *patience) holds(key types.NamespacedName, was v1alpha1.RolloutStatus, plan rollout.Plan, now time.Time) (until time.Time, ok bool) {
	if p.limit <= 0 {
		return time.Time{}, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if equality.Semantic.DeepEqual(was, plan.Status) || !differInNumbers(was, plan.Status) || tellsNews(plan) {
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
	if last := since.Add(longestHold * p.limit); p.spare.TokensAt(now) < 1 && now.Before(last) {
		if until = now.Add(p.limit / 2); until.After(last) {
			until = last
		}
		return until, true
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
func differInNumbers(was, next v1alpha1.RolloutStatus) bool {
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
	return equality.Semantic.DeepEqual(was, next)
}

// tellsNews is true when an event would be told again by the next decision, if
// the status did not note that it was: events of actions are not, since what they
// did is seen.
func tellsNews(plan rollout.Plan) bool {
	for _, note := range plan.Why {
		if note.Event && len(plan.Actions) == 0 {
			return true
		}
	}
	return false
}

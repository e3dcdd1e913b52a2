package control

import (
	"cmp"
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
// is comes before one that moves another on. Then numbers wait for longer, while writes
// are slow, or those of a crowd wait; and that a step has begun waits for the pods that it
// began with: one status then tells of its beginning and of its end.
//
// What waits is remembered here only. A controller that dies forgets it, and decides
// from what is on record, as one does that died before it could write.
type patience struct {
	limit time.Duration
	crowd int
	mu    sync.Mutex
	since map[types.NamespacedName]time.Time
	begun map[types.NamespacedName]begun
	// took is how long writes take on average, the last ones most; last is when one
	// was made.
	took time.Duration
	last time.Time
}

// begun is the status of a step that has begun, which is not on record yet.
type begun struct {
	generation int64                  // of the spec that it was decided from
	recorded   v1alpha1.RolloutStatus // what is
	status     v1alpha1.RolloutStatus
	until      time.Time
}

const (
	// longestHold is how many times the limit numbers wait while writes are slow: a
	// minute with the limit that the controller has if nobody says otherwise.
	longestHold = 12
	// longestStep is how many times the limit the beginning of a step waits for its
	// pods: ten seconds with that limit.
	longestStep = 2
	// slow is what a write takes where others wait for their turn: several times of
	// what it takes an API server that has nothing else to do.
	slow = 50 * time.Millisecond
	// slowFor is for how long after the last write its slowness says something.
	slowFor = 10 * time.Second
	// usualCrowd is of how many Rollouts something waits when many are updated at once: of
	// so many as the client may write half a second long by default.
	usualCrowd = 20
	// lastWrites is of how many writes, about, the average is.
	lastWrites = 8
)

// newPatience returns one that lets numbers wait until limit, and for longer where
// something of more than crowd Rollouts waits; zero is the usual crowd.
func newPatience(limit time.Duration, crowd int) *patience {
	return &patience{limit: limit, crowd: cmp.Or(crowd, usualCrowd),
		since: map[types.NamespacedName]time.Time{}, begun: map[types.NamespacedName]begun{}}
}

// wrote notes that the status of a Rollout was written from start to end, waiting
// included: nothing of it waits any more.
func (p *patience) wrote(key types.NamespacedName, start, end time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop(key)
	p.took += (end.Sub(start) - p.took) / lastWrites
	p.last = end
}

// busy says whether others wait to write.
func (p *patience) busy(now time.Time) bool {
	return len(p.since)+len(p.begun) > p.crowd || p.took > slow && now.Sub(p.last) < slowFor
}

// status is what the next decision about a Rollout is to be made from: what is on
// record, or the beginning of a step that nobody has written yet. That is void as soon as
// somebody else has written a status, or a person the spec: a step does not begin any more
// where somebody has paused the Rollout.
func (p *patience) status(key types.NamespacedName, ro *v1alpha1.Rollout) *v1alpha1.RolloutStatus {
	recorded := &ro.Status
	p.mu.Lock()
	defer p.mu.Unlock()
	b, ok := p.begun[key]
	if !ok {
		return recorded
	}
	if b.generation != ro.Generation || !rollout.SameStatus(&b.recorded, recorded) {
		delete(p.begun, key)
		return recorded
	}
	return &b.status
}

// holds says whether the next status of a Rollout can stay unwritten for now, and
// until when. It was decided from was; recorded is the one that was written last.
func (p *patience) holds(key types.NamespacedName, recorded, was *v1alpha1.RolloutStatus, plan *rollout.Plan, now time.Time) (until time.Time, ok bool) {
	if p.limit <= 0 {
		return time.Time{}, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if rollout.SameStatus(recorded, &plan.Status) {
		p.drop(key)
		return time.Time{}, false
	}
	if tellsNews(plan) || !rollout.SameStatus(was, &plan.Status) && !differInNumbers(was, plan.Status) {
		delete(p.since, key)
		return time.Time{}, false
	}
	if b, step := p.begun[key]; step {
		return b.until, now.Before(b.until)
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

// holdsStep says whether a status that tells of nothing but the beginning of a step stays
// unwritten for now, and until when. [patience.status] returns it then. Steps that begin
// while another waits wait no longer than that one. Whether what was done stands without
// the status is asked last: it costs a decision.
func (p *patience) holdsStep(key types.NamespacedName, generation int64, recorded, status *v1alpha1.RolloutStatus, stands func() bool, now time.Time) (until time.Time, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b, waiting := p.begun[key]
	if !waiting {
		b = begun{generation: generation, recorded: *recorded, until: now.Add(longestStep * p.limit)}
	}
	if p.limit <= 0 || !p.busy(now) || !now.Before(b.until) || !stands() {
		return time.Time{}, false
	}
	b.status = *status
	p.begun[key] = b
	return b.until, true
}

// drop forgets what waits of key.
func (p *patience) drop(key types.NamespacedName) {
	delete(p.since, key)
	delete(p.begun, key)
}

// forget drops what was noted for key.
func (p *patience) forget(key types.NamespacedName) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop(key)
}

// beginsStep is true for a plan that does nothing but give an update its next pods, on
// which nothing but their number depends: people see it in the pods themselves. Which
// version is stable is not to be seen in them, nor is what an analysis has come to, which
// would be told again by who decides from what is on record.
func beginsStep(recorded *v1alpha1.RolloutStatus, plan *rollout.Plan) bool {
	for _, a := range plan.Actions {
		switch a.(type) {
		case rollout.CreateReplicaSet, rollout.UpdateReplicaSet, rollout.AnnotateRollout:
		default:
			return false
		}
	}
	s := &plan.Status
	return len(plan.Actions) > 0 && s.StableRS == recorded.StableRS && !rollout.NewsOfRuns(recorded, s) && s.Phase == v1alpha1.RolloutPhaseProgressing && len(s.PauseConditions) == 0 && !s.Abort && !s.PromoteFull
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

package world

import (
	"slices"
	"time"

	"github.com/aviary-rollouts/aviary/sim/wildcard"
)

// ImageBehaviour says what the containers of an image do. The zero value is a
// healthy image: it starts and becomes ready in the time of [Timing].
type ImageBehaviour struct {
	// PullError makes every pull fail: ErrImagePull, then ImagePullBackOff.
	PullError bool
	// CrashLoop makes each container exit a second after it started:
	// CrashLoopBackOff with growing pauses.
	CrashLoop bool
	// NeverReady makes the readiness probe fail; containers run on.
	NeverReady bool
	// ReadyAfter replaces Timing.Ready: the time from binding to ready.
	ReadyAfter time.Duration
	// RunFor replaces Timing.Job: how long the containers of a Job run.
	RunFor time.Duration
	// JobFails makes the containers of a Job end with an error; others run on.
	JobFails bool
	// FailAt makes each container exit with an error this long after it
	// started, ready or not.
	FailAt time.Duration
	// ExitCode is what a container fails with; 0 means 1.
	ExitCode int32
}

// life is how long a container runs before it fails; ok is false if it does not.
func (b ImageBehaviour) life() (d time.Duration, ok bool) {
	switch {
	case b.CrashLoop:
		return time.Second, true
	case b.FailAt > 0:
		return b.FailAt, true
	}
	return 0, false
}

type imageRule struct {
	pattern   string
	behaviour ImageBehaviour
}

// imageRules are in the order in which they were set.
type imageRules struct{ rules []imageRule }

func (r *imageRules) set(pattern string, b ImageBehaviour) {
	r.rules = slices.DeleteFunc(r.rules, func(x imageRule) bool { return x.pattern == pattern })
	r.rules = append(r.rules, imageRule{pattern, b})
}

func (r *imageRules) of(image string) ImageBehaviour {
	b, _ := r.find(image)
	return b
}

// find returns what the last rule says that matches; ok is false if none does.
func (r *imageRules) find(image string) (b ImageBehaviour, ok bool) {
	for _, rule := range slices.Backward(r.rules) {
		if wildcard.Match(rule.pattern, image) {
			return rule.behaviour, true
		}
	}
	return ImageBehaviour{}, false
}

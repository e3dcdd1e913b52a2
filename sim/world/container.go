package world

import (
	"cmp"
	"time"

	"github.com/aviary-rollouts/aviary/internal/clock"
)

// phase is where a container is in its life.
//
//	created -> running                                    healthy
//	created -> pullFailed -> pullBackOff -> pullFailed...   image cannot be pulled
//	running -> running (first restart is at once)
//	running -> crashBackOff -> running...                 it keeps failing
//	running -> completed                                  an init container or a Job's is done
//	running -> failed                                     restartPolicy Never
type phase uint8

const (
	created phase = iota // waiting for its turn
	pullFailed
	pullBackOff
	running
	crashBackOff
	completed
	failed
)

const (
	// firstBackOff doubles with each failure up to maxBackOff, as in a kubelet.
	firstBackOff = 10 * time.Second
	maxBackOff   = 5 * time.Minute
	// pullErrorShown is how long ErrImagePull is seen before ImagePullBackOff.
	pullErrorShown = time.Second
	// backOffReset is how long a container must run for its failures to be forgotten.
	backOffReset = 10 * time.Minute
)

// container is what the kubelet remembers of one container.
type container struct {
	name, image string
	init        bool          // an init container, sidecars included
	sidecar     bool          // an init container with restartPolicy Always
	task        *task         // of a Job: it ends by itself; nil for others
	noRestart   bool          // the pod's restartPolicy forbids it
	probeDelay  time.Duration // from its start to the first readiness probe
	bootTime    time.Duration // of a sidecar: from its start to the startup probe that succeeds

	phase    phase
	since    time.Time // of the phase
	up       bool      // it runs and has started
	passed   bool      // an init container that has let the next one start
	ready    bool
	restarts int32
	pulls    int // failed pulls in a row
	failures int // exits in a row
	lastExit exit
	doomed   bool  // the world wants it to exit now
	doom     int32 // the exit code of that; 0 means 1
	silent   bool  // its program does not answer: not ready, whatever the time
}

// exit records how the last run of a container ended.
type exit struct {
	started, finished time.Time
	code              int32
}

// backOff is the pause after the nth failure in a row: 10 s, 20 s, ... 5 min.
func backOff(n int) time.Duration {
	d := firstBackOff
	for ; n > 1 && d < maxBackOff; n-- {
		d *= 2
	}
	return min(d, maxBackOff)
}

// ends returns when the phase ends by itself; ok is false if it does not.
func (c *container) ends(b ImageBehaviour, t Timing) (at time.Time, ok bool) {
	switch c.phase {
	case created:
		return c.since, true
	case pullFailed:
		return c.since.Add(pullErrorShown), true
	case pullBackOff:
		return c.since.Add(backOff(c.pulls) - pullErrorShown), true
	case crashBackOff:
		return c.since.Add(backOff(c.failures - 1)), true
	case running:
		if c.doomed {
			return c.since, true
		}
		if life, fails := b.life(); fails {
			return c.since.Add(life), true
		}
		if c.init && !c.sidecar {
			return c.since.Add(t.Init), true
		}
		if c.task != nil {
			return c.since.Add(cmp.Or(b.RunFor, t.Job)), true
		}
	}
	return time.Time{}, false
}

// advance moves the container through all phases that have ended by now. It
// reports whether anything changed.
func (c *container) advance(now time.Time, b ImageBehaviour, t Timing) (changed bool) {
	for {
		at, ok := c.ends(b, t)
		if !ok || now.Before(at) {
			return changed
		}
		changed = true
		c.next(now, b)
	}
}

func (c *container) next(now time.Time, b ImageBehaviour) {
	switch c.phase {
	case created, pullBackOff:
		c.pull(now, b)
	case pullFailed:
		c.enter(pullBackOff, now)
	case crashBackOff:
		c.restarts++
		c.enter(running, now)
	case running:
		c.exit(now, b)
	}
}

func (c *container) enter(p phase, now time.Time) {
	c.phase, c.since, c.up = p, now, c.up && p == running
}

func (c *container) pull(now time.Time, b ImageBehaviour) {
	if b.PullError {
		c.pulls++
		c.enter(pullFailed, now)
		return
	}
	c.enter(running, now)
}

// exit ends a run: an init container or a Job's that does not fail is
// completed, any other run is a failure. The first restart is at once, later ones wait.
func (c *container) exit(now time.Time, b ImageBehaviour) {
	_, fails := b.life()
	if !fails && !c.doomed && !(c.task != nil && b.JobFails) {
		c.lastExit = exit{c.since, now, 0}
		c.enter(completed, now)
		return
	}
	if now.Sub(c.since) >= backOffReset {
		c.failures = 0
	}
	c.failures++
	c.lastExit = exit{c.since, now, cmp.Or(c.doom, b.ExitCode, 1)}
	c.doomed, c.doom, c.ready = false, 0, false
	switch {
	case c.noRestart:
		c.enter(failed, now)
	case c.failures == 1:
		c.restarts++
		c.enter(running, now)
	default:
		c.enter(crashBackOff, now)
	}
}

// readyAt returns when a running container becomes ready; ok is false if it
// does not. Its first run is ready when the pod's time is up (4 s after
// binding), a later run that much later after its own start.
//
//	bound at 0 s, started at 1 s, Ready 4 s: ready at 4 s.
//	restarted at 60 s: ready at 63 s.
func (c *container) readyAt(bound time.Time, b ImageBehaviour, t Timing) (at time.Time, ok bool) {
	if c.phase != running || c.silent || b.NeverReady {
		return time.Time{}, false
	}
	if b.ReadyAfter > 0 {
		t.Ready = b.ReadyAfter
	}
	at = bound.Add(t.Ready)
	if c.restarts > 0 || c.pulls > 0 {
		at = c.since.Add(max(0, t.Ready-t.Start))
	}
	return clock.Later(at, c.since.Add(c.probeDelay)), true
}

// earliest ignores zero times.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}

package kernel

import (
	"errors"
	"time"
)

// ErrNested is returned by Settle and RunUntil when an event calls them.
var ErrNested = errors.New("the kernel is already running: an event must not call Settle or RunUntil")

// Settle runs everything that is due at this instant, including what that
// schedules for this instant; timers of later instants do not count. The error
// is a [*Failure]: a limit was broken or a check failed. After a failure the
// kernel stays failed and every later call returns the same error.
func (k *Kernel) Settle() error {
	if k.running {
		return ErrNested
	}
	return k.instant()
}

// RunUntil runs all events up to and including t, one instant after another,
// and leaves the time at t. If t is past, it runs what is due now and leaves
// the time alone. Errors are those of [Kernel.Settle]; the time is then that
// of the failure.
func (k *Kernel) RunUntil(t time.Time) error {
	if k.running {
		return ErrNested
	}
	target := t.Sub(k.start)
	for {
		if err := k.instant(); err != nil {
			return err
		}
		e := k.queue.peek()
		if e == nil || e.at > target {
			break
		}
		k.advance(e.at)
	}
	k.advance(target)
	return nil
}

func (k *Kernel) advance(to time.Duration) {
	if to > k.offset {
		k.offset = to
		k.now = k.start.Add(to)
	}
}

// instant drains the present instant and then runs the checks, again and again
// until the checks leave nothing to do.
func (k *Kernel) instant() error {
	k.running = true
	defer func() { k.running = false }()
	k.guard.beginInstant()
	k.Interrupted()
	for k.failure == nil && k.due() {
		k.drain()
		k.check()
	}
	if k.failure != nil {
		return k.failure
	}
	return nil
}

func (k *Kernel) due() bool {
	e := k.queue.peek()
	return e != nil && e.at <= k.offset
}

func (k *Kernel) drain() {
	for k.failure == nil && k.due() {
		e := k.queue.pop()
		if err := k.guard.ran(e, k.limits); err != nil {
			k.Fail(err)
			return
		}
		if k.guard.atInstant%askEvery == 0 {
			k.Interrupted()
		}
		fn := e.fn
		k.retire(e)
		fn()
	}
}

// askEvery is after how many events of one instant it is asked whether to go on.
const askEvery = 256

// OnInterrupt lets a run be ended from outside: ask is called now and then, and its
// first error fails the run. It has no other influence on what happens.
func (k *Kernel) OnInterrupt(ask func() error) { k.interrupt = ask }

// Interrupted asks whether the run has been ended from outside, and fails the run if so.
// It is for events that take long.
func (k *Kernel) Interrupted() bool {
	if k.interrupt == nil {
		return false
	}
	err := k.interrupt()
	k.Fail(err)
	return err != nil
}

func (k *Kernel) check() {
	for _, fn := range k.checks {
		if k.failure != nil {
			return
		}
		if err := fn(); err != nil {
			k.Fail(err)
		}
	}
}

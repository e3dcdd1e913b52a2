package kernel

import (
	"math/rand/v2"
	"time"
)

// Class orders the events of one instant: a lower class runs first. An event
// of a low class that is scheduled while a higher class runs is still run
// before the next event of the higher class.
type Class uint8

// The classes in the order in which they run.
const (
	// ClassWorld is for the timers of the world: a container starts, a grace
	// period ends.
	ClassWorld Class = iota
	// ClassWatch is for deliveries of changes to those who watch.
	ClassWatch
	// ClassReconcile is for controllers, which thus see everything that was
	// delivered at this instant.
	ClassReconcile
	// ClassUser is for people, who act when the cluster is at rest.
	ClassUser
)

// String returns the word used in failures.
func (c Class) String() string {
	switch c {
	case ClassWorld:
		return "world"
	case ClassWatch:
		return "watch"
	case ClassReconcile:
		return "reconcile"
	case ClassUser:
		return "user"
	}
	return "unknown"
}

// Kernel is a virtual machine of events. The zero value is not usable; call
// [New]. A Kernel must not be used by two goroutines at a time.
type Kernel struct {
	seed   uint64
	start  time.Time
	offset time.Duration // of now from start
	now    time.Time     // start + offset, kept to make Now free
	queue  queue
	seq    uint64
	spare  []*event // those that are over, to be used again

	streams map[string]*rand.Rand
	trace   Trace
	checks  []func() error
	limits  Limits
	guard   guard

	interrupt func() error // nil if nobody interrupts
	running   bool
	failure   *Failure
}

// New returns a kernel whose time is start (in UTC) and whose randomness comes
// from seed alone.
func New(seed uint64, start time.Time) *Kernel {
	start = start.Round(0).UTC() // Round drops the monotonic reading.
	k := &Kernel{seed: seed, start: start, now: start, streams: map[string]*rand.Rand{}}
	k.limits = DefaultLimits()
	k.trace.kernel, k.trace.enabled = k, true
	return k
}

// Seed returns the seed that the kernel was made with.
func (k *Kernel) Seed() uint64 { return k.seed }

// Start returns the time at which the kernel began.
func (k *Kernel) Start() time.Time { return k.start }

// Now returns the virtual time, which stands still while an event runs.
func (k *Kernel) Now() time.Time { return k.now }

// Trace returns the record of what happened.
func (k *Kernel) Trace() *Trace { return &k.trace }

// At schedules fn for time t, or for the present instant if t is past. Events
// of one instant run by class, and within a class in the order in which they
// were scheduled. The name appears in failures. Calling cancel before the
// event has run removes it; calling it later, or twice, does nothing.
func (k *Kernel) At(t time.Time, class Class, name string, fn func()) (cancel func()) {
	return k.canceller(k.schedule(t.Sub(k.start), class, name, fn))
}

// After schedules fn for d from now; see [Kernel.At].
func (k *Kernel) After(d time.Duration, class Class, name string, fn func()) (cancel func()) {
	return k.canceller(k.schedule(k.offset+d, class, name, fn))
}

// canceller removes an event, unless it is over and has become another one.
func (k *Kernel) canceller(e *event) func() {
	seq := e.seq
	return func() {
		if e.seq == seq && e.index >= 0 {
			k.queue.remove(e)
			k.retire(e)
		}
	}
}

// retire keeps an event that has left the queue for another use: there are hundreds in
// the shortest run, and few at a time.
func (k *Kernel) retire(e *event) {
	e.fn = nil
	k.spare = append(k.spare, e)
}

// Post schedules fn for the present instant. It is After(0, ...) for the many
// callers that never cancel.
func (k *Kernel) Post(class Class, name string, fn func()) {
	k.schedule(k.offset, class, name, fn)
}

func (k *Kernel) schedule(at time.Duration, class Class, name string, fn func()) *event {
	if at < k.offset {
		at = k.offset
	}
	k.seq++
	var e *event
	if n := len(k.spare); n > 0 {
		e, k.spare = k.spare[n-1], k.spare[:n-1]
	} else {
		e = &event{}
	}
	*e = event{at: at, class: class, seq: k.seq, name: name, fn: fn}
	k.queue.push(e)
	if n := k.queue.len(); n > k.limits.QueueLength {
		k.Fail(&LimitError{Limit: "events waiting in the queue", Count: n, Max: k.limits.QueueLength})
	}
	return e
}

// Pending returns the number of events that wait.
func (k *Kernel) Pending() int { return k.queue.len() }

// Next returns the time of the earliest waiting event; ok is false if nothing
// waits.
func (k *Kernel) Next() (t time.Time, ok bool) {
	e := k.queue.peek()
	if e == nil {
		return time.Time{}, false
	}
	return k.start.Add(e.at), true
}

// OnInstant registers a check that is called after every instant at which
// something ran, when nothing more is due at it. An error from it ends the
// run. Checks run in the order of registration; they may schedule events,
// which then belong to the same instant.
func (k *Kernel) OnInstant(fn func() error) { k.checks = append(k.checks, fn) }

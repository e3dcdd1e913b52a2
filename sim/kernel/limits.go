package kernel

import (
	"fmt"
	"strings"
	"time"
)

// Limits bound what a run may do. A broken limit is a failure, because a
// simulation that never comes to rest is a finding: two controllers undo each
// other's work, or one writes what it already wrote.
type Limits struct {
	// EventsPerInstant bounds the events of one call of Settle, and of one
	// instant of RunUntil.
	EventsPerInstant int
	// CountPerInstant bounds each [Counter] likewise.
	CountPerInstant int
	// Events bounds the events of the kernel's whole life.
	Events int
	// QueueLength bounds the events that wait.
	QueueLength int
	// TraceLines bounds the trace, which is what grows in a run that goes on and on.
	TraceLines int
}

// DefaultLimits returns limits that honest runs stay far away from: a rollout
// of 100 pods takes a few thousand events an instant and about ten runs of one
// controller on one object.
func DefaultLimits() Limits {
	return Limits{EventsPerInstant: 200_000, CountPerInstant: 200, Events: 50_000_000, QueueLength: 500_000, TraceLines: 5_000_000}
}

// SetLimits replaces the limits. A limit of zero or less keeps the present
// value.
func (k *Kernel) SetLimits(l Limits) {
	keep := func(limit *int, v int) {
		if v > 0 {
			*limit = v
		}
	}
	keep(&k.limits.EventsPerInstant, l.EventsPerInstant)
	keep(&k.limits.CountPerInstant, l.CountPerInstant)
	keep(&k.limits.Events, l.Events)
	keep(&k.limits.QueueLength, l.QueueLength)
	keep(&k.limits.TraceLines, l.TraceLines)
}

// LimitError says which limit was broken.
type LimitError struct {
	// Limit names it: "events at one instant".
	Limit string
	// Count is the value that broke it, Max the value allowed.
	Count, Max int
}

// Error names the limit and the two numbers.
func (e *LimitError) Error() string {
	return fmt.Sprintf("%s: %d, at most %d allowed", e.Limit, e.Count, e.Max)
}

// Failure ends a run. It carries what is needed to repeat and to read it.
type Failure struct {
	// Seed repeats the run.
	Seed uint64
	// At is the virtual time of the failure.
	At time.Time
	// Err is the reason: a *LimitError, or what a check or a caller of
	// [Kernel.Fail] reported.
	Err error
	// Reasons are the last ten texts given to [Kernel.Because], oldest first.
	Reasons []string
	// Events are the last ten events, oldest first.
	Events []string
}

// Error prints the failure on several lines: what, where, and what led to it.
func (f *Failure) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "simulation failed at %s with seed %d: %v", f.At.Format(time.RFC3339Nano), f.Seed, f.Err)
	for _, part := range []struct {
		title string
		lines []string
	}{{"last reasons", f.Reasons}, {"last events", f.Events}} {
		if len(part.lines) > 0 {
			fmt.Fprintf(&b, "\n%s:\n  %s", part.title, strings.Join(part.lines, "\n  "))
		}
	}
	return b.String()
}

// Unwrap returns the reason.
func (f *Failure) Unwrap() error { return f.Err }

// Fail ends the run with err: the event that is running is the last one. The
// first failure wins. It is for callers inside events, which have nobody to
// return an error to.
func (k *Kernel) Fail(err error) {
	if k.failure != nil || err == nil {
		return
	}
	k.failure = &Failure{
		Seed: k.seed, At: k.now, Err: err,
		Reasons: k.guard.reasons.list(), Events: k.guard.eventNames(),
	}
}

// Counter counts how often something is done with an object within one instant.
// Controllers count their runs with it: Counter{Name: "rollout", Of: "default/web"}.
type Counter struct {
	// Name and Of appear in the failure.
	Name, Of string

	instant, n int
}

// Count adds one to a counter, which begins anew at each instant, and fails the run if
// that makes more than Limits.CountPerInstant.
func (k *Kernel) Count(c *Counter) {
	if c.instant != k.guard.instants {
		c.instant, c.n = k.guard.instants, 0
	}
	c.n++
	if c.n > k.limits.CountPerInstant {
		k.Fail(&LimitError{Limit: "runs of " + c.Name + " for " + c.Of + " at one instant", Count: c.n, Max: k.limits.CountPerInstant})
	}
}

// Because notes why something is being done, in up to ten parts that are put
// together only if they are printed. The last ten notes are printed with a
// failure; that is their only use, so they should be short.
func (k *Kernel) Because(parts ...string) { k.guard.reasons.add(parts) }

// guard counts, and remembers the last few things that happened.
type guard struct {
	instants  int // that have begun
	atInstant int
	total     int
	reasons   ring
	events    [10]happened // a ring like reasons, formatted only on failure
}

// happened is what a failure says of an event.
type happened struct {
	at    time.Duration
	class Class
	name  string
}

func (g *guard) beginInstant() {
	g.instants++
	g.atInstant = 0
}

// ran notes that e is about to run; the error is a broken limit.
func (g *guard) ran(e *event, l Limits) error {
	g.events[g.total%len(g.events)] = happened{e.at, e.class, e.name}
	g.total++
	g.atInstant++
	if g.atInstant > l.EventsPerInstant {
		return &LimitError{Limit: "events at one instant", Count: g.atInstant, Max: l.EventsPerInstant}
	}
	if g.total > l.Events {
		return &LimitError{Limit: "events in one run", Count: g.total, Max: l.Events}
	}
	return nil
}

func (g *guard) eventNames() []string {
	var names []string
	for i := max(0, g.total-len(g.events)); i < g.total; i++ {
		e := g.events[i%len(g.events)]
		names = append(names, fmt.Sprintf("+%v %s: %s", e.at, e.class, e.name))
	}
	return names
}

// ring keeps the last ten texts.
type ring struct {
	texts [10]reason
	n     int
}

// reason is a text in parts.
type reason [10]string

func (r *ring) add(parts []string) {
	text := &r.texts[r.n%len(r.texts)]
	clear(text[copy(text[:], parts):])
	r.n++
}

func (r *ring) list() []string {
	var out []string
	for i := max(0, r.n-len(r.texts)); i < r.n; i++ {
		out = append(out, strings.Join(r.texts[i%len(r.texts)][:], ""))
	}
	return out
}

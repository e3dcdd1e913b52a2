package sim

import "time"

// Wait is a span of time that had to pass before a controller did something:
// the duration of a pause, the interval of a measurement, a delay.
type Wait struct{ From, To time.Time }

// Waits returns the waits that led to a write, in the order of their ends. Where
// time costs something, the rest of it need not pass.
func (s *Sim) Waits() []Wait { return s.waits }

// Queries returns when Prometheus was asked, in order: its answers tell of the time
// before.
func (s *Sim) Queries() []time.Time { return s.queries }

// takeOver learns at the first look at an object what the process before this one had
// waited for, if that has ended in the meantime.
func (r *runner) takeOver(o *object) {
	wait, ok := r.left[o.key]
	if !ok {
		return
	}
	delete(r.left, o.key)
	if !r.kernel.Now().Before(wait.To) {
		o.over = wait
	}
}

// waited notes a wait that has ended, if the reconcile after it wrote: the
// revision of the store before it is no longer that of now.
func (r *runner) waited(o *object, before int64) {
	if o.over == (Wait{}) {
		return
	}
	if s := r.mount.sim; s.store.Revision() != before {
		s.waits = append(s.waits, o.over)
	}
	o.over = Wait{}
}

package sim

import (
	"time"

	"github.com/aviary-rollouts/aviary/sim/fault"
	"github.com/aviary-rollouts/aviary/sim/kernel"
	"github.com/aviary-rollouts/aviary/sim/store"
)

// feed decides when a change reaches a controller.
type feed interface {
	// deliver calls fn with the change when it may be known.
	deliver(e store.Event, fn func(store.Event))
}

// direct is the feed of the world's controllers: they always know the present.
type direct struct{}

func (direct) deliver(e store.Event, fn func(store.Event)) { fn(e) }

// view is the cache of the controllers under test. Without a fault it is the
// present. While a fault makes it lag, reads see an older revision, and the
// changes beyond it are held back until the cache has them, so that a
// controller is woken by what it can then read. A view never goes backwards.
type view struct {
	kernel *kernel.Kernel
	store  *store.Store
	source func() fault.Lag
	seen   store.Revision
	past   []moment // newest last
	held   []held   // oldest first
}

// moment is the last revision of an instant.
type moment struct {
	at       time.Time
	revision store.Revision
}

// held is a change that the cache does not have yet.
type held struct {
	event store.Event
	fn    func(store.Event)
}

func newView(k *kernel.Kernel, st *store.Store, source func() fault.Lag) *view {
	v := &view{kernel: k, store: st, source: source}
	k.OnInstant(v.remember)
	return v
}

// lag is how old the view may be at present.
func (v *view) lag() time.Duration { return v.source().Age }

// remember notes the last revision of this instant while there is a lag, and
// at least the newest one before it.
func (v *view) remember() error {
	m := moment{v.kernel.Now(), v.store.Revision()}
	if v.source() == (fault.Lag{}) {
		v.past = append(v.past[:0], m)
	} else if n := len(v.past); n == 0 || v.past[n-1].revision != m.revision {
		v.past = append(v.past, m)
	}
	return nil
}

// revision returns the revision that reads see now.
func (v *view) revision() store.Revision {
	lag, head := v.source(), v.store.Revision()
	if lag == (fault.Lag{}) {
		v.seen = head
		return head
	}
	v.seen = max(v.seen, v.asOf(v.kernel.Now().Add(-lag.Age)))
	if lag.Revisions > 0 {
		v.seen = max(v.seen, head-lag.Revisions)
	}
	return v.seen
}

// asOf returns the revision that was the last one at a time in the past.
func (v *view) asOf(t time.Time) (r store.Revision) {
	for _, m := range v.past {
		if m.at.After(t) {
			break
		}
		r = m.revision
	}
	return r
}

// deliver calls fn now if the view has the change, else when it does.
func (v *view) deliver(e store.Event, fn func(store.Event)) {
	v.flush()
	if e.Revision <= v.revision() {
		fn(e)
		return
	}
	v.held = append(v.held, held{e, fn})
	v.kernel.After(v.lag(), kernel.ClassWatch, "late watch events", v.flush)
}

// flush delivers what was held back and is known by now, in order.
func (v *view) flush() {
	for len(v.held) > 0 && v.held[0].event.Revision <= v.revision() {
		first := v.held[0]
		v.held = v.held[1:]
		first.fn(first.event)
	}
}

// catchUp is what a new process does: it lists, and so knows the present.
func (v *view) catchUp() {
	v.seen = v.store.Revision()
	v.held = nil
}

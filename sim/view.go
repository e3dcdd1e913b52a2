package sim

import (
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/aviary-rollouts/aviary/sim/fault"
	"github.com/aviary-rollouts/aviary/sim/kernel"
	"github.com/aviary-rollouts/aviary/sim/store"
)

// feed decides when a change reaches a controller.
type feed interface {
	// deliver calls fn with the change of an object of a kind when it may be known.
	deliver(kind schema.GroupVersionKind, e store.Event, fn func(store.Event))
}

// direct is the feed of the world's controllers: they always know the present.
type direct struct{}

func (direct) deliver(_ schema.GroupVersionKind, e store.Event, fn func(store.Event)) { fn(e) }

// view is the cache of the controllers under test. Without a fault it is the
// present. While a fault makes it lag, reads see an older revision, and the
// changes beyond it are held back until the cache has them, so that a
// controller is woken by what it can then read. Each kind has an informer of its
// own, which never goes backwards.
type view struct {
	kernel *kernel.Kernel
	store  *store.Store
	source func(kind string) fault.Lag // of all kinds the most if the kind is empty
	kinds  map[string]*informer
	past   []moment       // newest last
	listed store.Revision // what a process knew when it started
}

// informer is the cache of one kind.
type informer struct {
	kind string
	view *view
	seen store.Revision
	held []held // oldest first
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

func newView(k *kernel.Kernel, st *store.Store, source func(kind string) fault.Lag) *view {
	v := &view{kernel: k, store: st, source: source, kinds: map[string]*informer{}}
	k.OnInstant(v.remember)
	return v
}

// of is the informer of a kind.
func (v *view) of(gvk schema.GroupVersionKind) *informer {
	i := v.kinds[gvk.Kind]
	if i == nil {
		i = &informer{kind: gvk.Kind, view: v, seen: v.listed}
		v.kinds[gvk.Kind] = i
	}
	return i
}

// lag is how old the view may be at present.
func (v *view) lag() time.Duration { return v.source("").Age }

// remember notes the last revision of this instant while there is a lag, and
// at least the newest one before it.
func (v *view) remember() error {
	m := moment{v.kernel.Now(), v.store.Revision()}
	if v.source("") == (fault.Lag{}) {
		v.past = append(v.past[:0], m)
	} else if n := len(v.past); n == 0 || v.past[n-1].revision != m.revision {
		v.past = append(v.past, m)
	}
	return nil
}

// revision returns the revision at which objects of a kind are read now.
func (v *view) revision(gvk schema.GroupVersionKind) store.Revision { return v.of(gvk).revision() }

func (i *informer) revision() store.Revision {
	v := i.view
	lag, head := v.source(i.kind), v.store.Revision()
	if lag == (fault.Lag{}) {
		i.seen = head
		return head
	}
	i.seen = max(i.seen, v.asOf(v.kernel.Now().Add(-lag.Age)))
	if lag.Revisions > 0 {
		i.seen = max(i.seen, head-lag.Revisions)
	}
	return i.seen
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
func (v *view) deliver(gvk schema.GroupVersionKind, e store.Event, fn func(store.Event)) {
	i := v.of(gvk)
	i.flush()
	if e.Revision <= i.revision() {
		fn(e)
		return
	}
	i.held = append(i.held, held{e, fn})
	v.kernel.After(v.source(i.kind).Age, kernel.ClassWatch, "late watch events", i.flush)
}

// flush delivers what was held back and is known by now, in order.
func (i *informer) flush() {
	for len(i.held) > 0 && i.held[0].event.Revision <= i.revision() {
		first := i.held[0]
		i.held = i.held[1:]
		first.fn(first.event)
	}
}

// catchUp is what a new process does: it lists, and so knows the present.
func (v *view) catchUp() {
	for _, i := range v.kinds {
		i.seen, i.held = v.store.Revision(), nil
	}
	v.listed = v.store.Revision()
}

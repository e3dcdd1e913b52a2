package sim

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/aviary-rollouts/aviary/internal/control"
	"github.com/aviary-rollouts/aviary/sim/kernel"
	"github.com/aviary-rollouts/aviary/sim/store"
)

// mount runs controllers on the kernel as a manager runs them in a cluster:
// watches put keys into a queue per controller, in which each key is at most
// once, and each key taken out is one reconcile, one event of the kernel.
//
// It is stricter than a real queue in one respect: only the answer of the last
// reconcile of an object counts. A timer from an earlier answer does not wake
// it, so a reconciler that forgets to ask is found out.
type mount struct {
	sim     *Sim
	feed    feed
	runners []*runner
	cancels []func()
	stopped bool
}

// newMount mounts controllers whose watches come through feed.
func newMount(s *Sim, controllers []control.Controller, f feed) *mount {
	m := &mount{sim: s, feed: f}
	m.add(controllers)
	return m
}

// add mounts more controllers. Each sees the objects that exist as new.
func (m *mount) add(controllers []control.Controller) {
	for _, c := range controllers {
		r := &runner{Controller: c, mount: m, kernel: m.sim.kernel, kind: m.kindOf(c.For),
			objects: map[types.NamespacedName]*object{}, left: m.sim.left[c.Name]}
		delete(m.sim.left, c.Name)
		m.runners = append(m.runners, r)
		m.subscribe(c.For, r.ownEvent)
		for _, w := range c.Watches {
			m.subscribe(w.Kind, r.watchEvent(m.kindOf(w.Kind).Kind, w))
		}
	}
}

// kindOf panics for a kind that is not in the scheme: that is a wrong table of
// controllers, not something a run can do.
func (m *mount) kindOf(obj client.Object) schema.GroupVersionKind {
	gvk, err := apiutil.GVKForObject(obj, m.sim.opts.Scheme)
	if err != nil {
		panic(fmt.Sprintf("mount a controller of %T: %v", obj, err))
	}
	return gvk
}

func (m *mount) subscribe(kind client.Object, fn func(store.Event)) {
	receive := func(e store.Event) {
		if !m.stopped {
			fn(e)
		}
	}
	gvk := m.kindOf(kind)
	cancel := m.sim.store.Subscribe(gvk, func(e store.Event) { m.feed.deliver(gvk, e, receive) })
	m.cancels = append(m.cancels, cancel)
}

// stop ends everything that was queued or timed.
func (m *mount) stop() {
	m.stopped = true
	for _, cancel := range m.cancels {
		cancel()
	}
	for _, r := range m.runners {
		left := map[types.NamespacedName]Wait{}
		for key, o := range r.objects {
			if o.cancel != nil {
				o.cancel()
				left[key] = o.wait
			}
		}
		m.sim.left[r.Name] = left
	}
}

// resync queues every object of every controller.
func (m *mount) resync(why string) {
	for _, r := range m.runners {
		m.sim.store.Range(r.kind, "", func(obj client.Object) bool {
			r.enqueue(client.ObjectKeyFromObject(obj), why)
			return true
		})
	}
}

// requeue queues objects of one controller by its name.
func (m *mount) requeue(controller string, keys ...types.NamespacedName) {
	for _, r := range m.runners {
		if r.Name != controller {
			continue
		}
		for _, key := range keys {
			r.enqueue(key, "the world changed")
		}
	}
}

// runner is the queue of one controller.
type runner struct {
	control.Controller
	mount   *mount
	kernel  *kernel.Kernel
	kind    schema.GroupVersionKind
	objects map[types.NamespacedName]*object
	left    map[types.NamespacedName]Wait // what the process before this one waited for
}

// object is what a runner remembers of one object that it was asked to look at.
type object struct {
	key      types.NamespacedName
	look     func() // one reconcile
	looks    kernel.Counter
	queued   bool
	failures int    // in a row
	cancel   func() // the timer; nil if there is none
	wait     Wait   // what the timer is for, or the last one was
	over     Wait   // one that has ended and was not looked at yet; zero if there is none
}

// object returns what is remembered of an object.
func (r *runner) object(key types.NamespacedName) *object {
	o := r.objects[key]
	if o == nil {
		o = &object{key: key, looks: kernel.Counter{Name: r.Name, Of: key.String()}}
		o.look = func() { r.run(o) }
		r.objects[key] = o
	}
	return o
}

func (r *runner) ownEvent(e store.Event) {
	if key := client.ObjectKeyFromObject(e.Object); !r.echo(key, e) {
		r.enqueue(key, "it changed")
	}
}

// echo reports whether a change is known to need no look at an object.
func (r *runner) echo(key types.NamespacedName, e store.Event) bool {
	return r.Echo != nil && e.Type != watch.Deleted && r.Echo(key, e.Object)
}

// watchEvent maps a change to keys, as it is and as it was, like
// controller-runtime does.
func (r *runner) watchEvent(kind string, w control.Watch) func(store.Event) {
	kind += " "
	return func(e store.Event) {
		if e.Type == watch.Modified && w.Same != nil && w.Same(e.Old, e.Object) {
			return
		}
		keys := w.Keys(context.Background(), e.Object)
		if e.Old != nil {
			keys = append(keys, w.Keys(context.Background(), e.Old)...)
		}
		for i, key := range keys {
			if !slices.Contains(keys[:i], key) && !r.echo(key, e) {
				r.enqueue(key, kind, e.Object.GetName(), " changed")
			}
		}
	}
}

// enqueue asks for one reconcile of an object at this instant; more of them
// before it runs are one. The reason comes in up to three parts.
func (r *runner) enqueue(key types.NamespacedName, why ...string) {
	if r.mount.stopped {
		return
	}
	o := r.object(key)
	if o.queued {
		return
	}
	o.queued = true
	reason := append(make([]string, 0, 10), r.Name, " ", key.Namespace, "/", key.Name, ": ")
	r.kernel.Because(append(reason, why...)...)
	r.kernel.Post(kernel.ClassReconcile, r.Name, o.look)
}

// run is one reconcile.
func (r *runner) run(o *object) {
	o.queued = false
	if r.mount.stopped {
		return
	}
	r.kernel.Count(&o.looks)
	r.takeOver(o)
	before := r.mount.sim.store.Revision()
	wake, err := r.reconcile(o.key)
	r.waited(o, before)
	if r.mount.stopped {
		return // it died on the way
	}
	if o.cancel != nil {
		o.cancel()
		o.cancel = nil
	}
	switch {
	case err != nil && wake.IsZero():
		r.retry(o, err)
		return
	case err != nil:
		r.tellError(o, err)
	}
	o.failures = 0
	if !wake.IsZero() {
		r.timer(o, wake, "it asked to be woken")
	}
}

// reconcile turns a panic into a failure of the run.
func (r *runner) reconcile(key types.NamespacedName) (wake time.Time, err error) {
	defer func() {
		if p := recover(); p != nil {
			r.kernel.Fail(fmt.Errorf("%s panicked on %s: %v\n%s", r.Name, key, p, debug.Stack()))
		}
	}()
	return r.Reconcile(context.Background(), key)
}

// retry asks for another look after a back-off that grows with each failure.
func (r *runner) retry(o *object, err error) {
	delay := control.FirstRetry
	for range o.failures {
		delay = min(2*delay, control.LastRetry)
	}
	o.failures++
	r.tellError(o, err)
	r.timer(o, r.kernel.Now().Add(delay), "retry after: "+err.Error())
}

func (r *runner) tellError(o *object, err error) {
	r.kernel.Trace().AddWords(r.Name, "error", o.key.String()+":", err.Error())
}

func (r *runner) timer(o *object, at time.Time, why string) {
	wait := Wait{From: r.kernel.Now(), To: at}
	if o.wait.To.Equal(at) {
		wait.From = o.wait.From // the same, asked for again
	}
	o.wait = wait
	o.cancel = r.kernel.At(at, kernel.ClassWorld, r.Name, func() {
		o.cancel = nil
		o.over = wait
		r.enqueue(o.key, why)
	})
}

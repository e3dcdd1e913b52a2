package backend

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// change is one write to an object of a scenario.
type change struct {
	// version orders the writes of a cluster, whatever their kind.
	version uint64
	// seen is when we heard of it.
	seen    time.Time
	object  *unstructured.Unstructured
	deleted bool
}

// record is what happened to the objects of one scenario, in its own names.
type record struct {
	suffix string // of the names of its namespaces in the cluster

	mu      sync.Mutex
	changes []change      // by version
	news    chan struct{} // closed with the next change
	taken   int           // changes that are in the view
	torn    bool          // the view lacks one that belongs into it
}

func newRecord(suffix string) *record { return &record{suffix: suffix, news: make(chan struct{})} }

// add notes a change. Watches of different kinds are not in step, so that it may
// belong before others.
func (r *record) add(c change) {
	c.object.Object = withoutSuffix(c.object.Object, r.suffix).(map[string]any)
	r.mu.Lock()
	defer r.mu.Unlock()
	at, found := slices.BinarySearchFunc(r.changes, c, func(a, b change) int { return cmp.Compare(a.version, b.version) })
	if found {
		return // read again after a watch had broken
	}
	r.changes = slices.Insert(r.changes, at, c)
	r.torn = r.torn || at < r.taken
	close(r.news)
	r.news = make(chan struct{})
}

// withoutSuffix drops the suffix from every text in a value, in place.
func withoutSuffix(value any, suffix string) any {
	switch v := value.(type) {
	case string:
		return withoutOwn(v, suffix)
	case map[string]any:
		for key, inner := range v {
			v[key] = withoutSuffix(inner, suffix)
		}
	case []any:
		for i, inner := range v {
			v[i] = withoutSuffix(inner, suffix)
		}
	}
	return value
}

// view is how the objects of a scenario were at one time. A record has one view
// at a time.
type view struct {
	record  *record
	next    int // index of the first change that is not in it
	objects map[schema.GroupVersionKind]map[types.NamespacedName]*unstructured.Unstructured
	// from is when it came to be, to when it ended; zero if that is not yet so.
	from, to time.Time
}

// viewAt returns a view with the changes up to an index, without it.
func (r *record) viewAt(next int) *view {
	v := &view{record: r, objects: map[schema.GroupVersionKind]map[types.NamespacedName]*unstructured.Unstructured{}}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.torn = false
	for v.next < min(next, len(r.changes)) {
		v.step()
	}
	v.look()
	return v
}

// step takes one more change into the view. The record is locked.
func (v *view) step() {
	c := v.record.changes[v.next]
	v.next++
	kind := c.object.GroupVersionKind()
	if v.objects[kind] == nil {
		v.objects[kind] = map[types.NamespacedName]*unstructured.Unstructured{}
	}
	key := types.NamespacedName{Namespace: c.object.GetNamespace(), Name: c.object.GetName()}
	if c.deleted {
		delete(v.objects[kind], key)
	} else {
		v.objects[kind][key] = c.object
	}
	v.from = c.seen
}

// look notes where the view is, and when it ended. The record is locked.
func (v *view) look() {
	v.record.taken, v.to = v.next, time.Time{}
	if v.next < len(v.record.changes) {
		v.to = v.record.changes[v.next].seen
	}
}

// advance turns the view into the next one. If there is none yet, ok is false and
// news is closed when there is.
func (v *view) advance() (news <-chan struct{}, ok bool) {
	v.record.mu.Lock()
	defer v.record.mu.Unlock()
	if v.next < len(v.record.changes) {
		v.step()
		v.look()
		return nil, true
	}
	v.look()
	return v.record.news, false
}

// until returns when the view ended; now, if that is not yet so.
func (v *view) until(now time.Time) time.Time {
	if v.to.IsZero() {
		return now
	}
	return v.to
}

// torn is true if a change has come to be known that belongs into the view, and
// is not in it.
func (v *view) torn() bool {
	v.record.mu.Lock()
	defer v.record.mu.Unlock()
	return v.record.torn
}

// since returns the index for [record.viewAt] of the view that there was at a
// time, if it has a version; else that of the first that has. ok is false if no
// view has it yet.
func (r *record) since(at time.Time, version uint64) (next int, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for next < len(r.changes) && (!r.changes[next].seen.After(at) || r.changes[next].version <= version) {
		next++
	}
	return next, version == 0 || next > 0 && r.changes[next-1].version >= version
}

// writeTo writes what happened, a line for each change: seconds since the start, the
// object, its version, and its status or else its specification.
func (r *record) writeTo(w io.Writer, start time.Time) error {
	r.mu.Lock()
	changes := slices.Clone(r.changes)
	r.mu.Unlock()
	for _, c := range changes {
		what, text := "", any(nil)
		if c.deleted {
			what = "deleted"
		} else if c.object.GetDeletionTimestamp() != nil {
			what = "terminating"
		}
		if text = c.object.Object["status"]; text == nil {
			text = c.object.Object["spec"]
		}
		data, err := json.Marshal(text)
		if err == nil {
			_, err = fmt.Fprintf(w, "%9.3fs  %s %s/%s rv=%d %s %s\n", c.seen.Sub(start).Seconds(),
				c.object.GetKind(), c.object.GetNamespace(), c.object.GetName(), c.version, what, data)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// changed returns a channel that is closed with the next change.
func (r *record) changed() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.news
}

package store

import (
	"reflect"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/sim/kernel"
)

// Revision numbers the writes of a store: the first is 1. It is the
// resourceVersion of the object that was written.
type Revision = int64

// Options choose what differs between stores. The zero value is a plain API
// server without custom resource definitions.
type Options struct {
	// Schemas hold the custom resource definitions that the writes of users
	// are pruned, defaulted and validated with. Nil: custom resources are
	// taken as they are.
	Schemas *Schemas
	// GracefulKinds lists the kinds whose objects linger after Delete until
	// somebody (a kubelet) deletes them with a grace period of zero. Nil
	// means DefaultGracefulKinds().
	GracefulKinds map[schema.GroupKind]GraceFunc
	// StatusSubresource overrides, per kind, whether status is a subresource.
	StatusSubresource map[schema.GroupKind]bool
	// APIResources name the kinds that are not in the scheme, for the REST
	// mapper: plural, singular, short names and scope. Kinds that are named
	// nowhere are accepted too, as namespaced ones with a guessed plural.
	APIResources []metav1.APIResource
	// HistoryLimit is how many revisions back a view may look; zero means
	// DefaultHistoryLimit.
	HistoryLimit Revision
	// GCDelay is the time between the removal of an owner and that of its
	// dependents.
	GCDelay time.Duration
	// Describe adds detail to the trace line of a write ("replicas 1 -> 2").
	// It is called only while the trace is on.
	Describe func(Event) string
	// DetectMutation keeps a second copy of every object, so that
	// CheckUnmodified can tell whether a receiver of shared objects wrote to
	// one. It is for tests.
	DetectMutation bool
}

// DefaultHistoryLimit is enough for a cache that is some seconds behind.
const DefaultHistoryLimit Revision = 4096

// Store is the API server. Create one with [New].
type Store struct {
	kernel *kernel.Kernel
	scheme *runtime.Scheme
	opts   Options

	rev    Revision
	floor  Revision // the oldest revision that can still be read
	tables map[schema.GroupKind]*table
	types  map[reflect.Type]kindRef
	uids   map[types.UID]*record
	owned  map[types.UID]map[*record]struct{} // dependents by the uid of an owner
	graves []grave                            // deleted records in order of deletion
	behind []*table                           // those that have late writes
	late   *moment                            // that of the late write that is being made; nil: none is

	originals map[*record]client.Object // nil unless Options.DetectMutation

	hooks     []Hooks
	resources map[schema.GroupKind]metav1.APIResource
	mapper    *restMapper
}

// New returns an empty store on the kernel k, for the types in scheme and, as
// unstructured objects, for any other kind.
func New(k *kernel.Kernel, scheme *runtime.Scheme, o Options) *Store {
	if o.GracefulKinds == nil {
		o.GracefulKinds = DefaultGracefulKinds()
	}
	if o.HistoryLimit <= 0 {
		o.HistoryLimit = DefaultHistoryLimit
	}
	s := &Store{
		kernel: k, scheme: scheme, opts: o,
		tables:    map[schema.GroupKind]*table{},
		types:     map[reflect.Type]kindRef{},
		uids:      map[types.UID]*record{},
		owned:     map[types.UID]map[*record]struct{}{},
		resources: map[schema.GroupKind]metav1.APIResource{},
	}
	if o.DetectMutation {
		s.originals = map[*record]client.Object{}
	}
	for _, r := range o.APIResources {
		s.resources[schema.GroupKind{Group: r.Group, Kind: r.Kind}] = r
	}
	return s
}

// Revision returns the number of the last write.
func (s *Store) Revision() int64 { return s.rev }

// AddHooks adds hooks to the calls of every client, as an admission webhook or
// a failing API server would be: all writers meet them. They run before and
// after the hooks of the client, in the order in which they were added.
func (s *Store) AddHooks(h Hooks) { s.hooks = append(s.hooks, h) }

// change is one write on its way into the store.
type change struct {
	table  *table
	record *record
	kind   watch.EventType
	object client.Object // nil if the object is gone
	// content is true if the write changed anything beside metadata and status.
	content bool
	actor   string
	verb    string
	sub     string
}

// commit makes a change visible: it takes the next revision, records the new
// version, updates the indexes, tells those who watch and writes the trace.
// It returns the object as stored (for a deletion, its last state).
func (s *Store) commit(c change) client.Object {
	old := c.record.head()
	rev := s.next()
	stored := c.object
	if stored == nil {
		stored = c.table.shallowCopy(old)
	}
	stored.SetResourceVersion(strconv.FormatInt(rev, 10))

	c.table.put(c.record, versionOf{rev: rev, obj: c.object, base: c.base()})
	c.record.trim(s.floor)
	s.keepOriginal(c.record, c.object)
	s.reindex(c.record, old, c.object)
	if c.object == nil {
		s.graves = append(s.graves, grave{rev, c.record})
	}
	s.forget()

	event := Event{Type: c.kind, Object: stored, Old: old, Revision: rev, Touched: c.verb == verbTouch}
	s.deliver(c.table, event)
	s.traceWrite(c, event)
	return stored
}

// base is a content of the object that differs from that which is written in metadata
// and status alone, if one is known: from decoding it, or because the write changed no
// more than those.
func (c change) base() map[string]any {
	if known := c.table.known; known.of == c.object && c.object != nil {
		c.table.known = knownContent{}
		return known.content
	}
	n := len(c.record.versions)
	if c.content || c.kind == watch.Added || c.object == nil || n == 0 || c.table.layout.goType == nil {
		return nil
	}
	last := c.record.versions[n-1]
	if last.content != nil {
		return last.content
	}
	return last.base
}

// reindex keeps the index by uid and the index of dependents by owner.
func (s *Store) reindex(r *record, old, next client.Object) {
	if old == nil && next != nil {
		s.uids[next.GetUID()] = r
	}
	if old != nil && next == nil {
		delete(s.uids, old.GetUID())
	}
	before, after := owners(old), owners(next)
	if sameOwners(before, after) {
		return
	}
	for _, ref := range before {
		set := s.owned[ref.UID]
		delete(set, r)
		if len(set) == 0 {
			delete(s.owned, ref.UID)
		}
	}
	for _, ref := range after {
		set := s.owned[ref.UID]
		if set == nil {
			set = map[*record]struct{}{}
			s.owned[ref.UID] = set
		}
		set[r] = struct{}{}
	}
}

func owners(obj client.Object) []metav1.OwnerReference {
	if obj == nil {
		return nil
	}
	return obj.GetOwnerReferences()
}

func sameOwners(a, b []metav1.OwnerReference) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].UID != b[i].UID {
			return false
		}
	}
	return true
}

// traceWrite notes one write: who, what, to which object, and the revision.
func (s *Store) traceWrite(c change, e Event) {
	t := s.kernel.Trace()
	if !t.Enabled() {
		return
	}
	target := c.table.gvk.Kind + " " + c.record.key.String()
	if c.record.key.Namespace == "" {
		target = c.table.gvk.Kind + " " + c.record.key.Name
	}
	detail := ""
	if s.opts.Describe != nil {
		detail = s.opts.Describe(e)
	}
	t.AddWords(c.actor, c.verb, target, c.sub, "rv="+strconv.FormatInt(e.Revision, 10), detail)
}

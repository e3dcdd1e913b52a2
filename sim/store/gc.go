package store

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/sim/kernel"
)

// The garbage collector works in events of its own, Options.GCDelay after what
// caused them: a dependent whose last owner is gone is deleted, and a deletion
// that asked for it waits until its dependents are orphaned or gone.

// gcActor writes for the garbage collector.
func (s *Store) gcActor() *actor { return &actor{store: s, name: "gc"} }

// later schedules work for the garbage collector.
func (s *Store) later(name string, fn func()) {
	s.kernel.After(s.opts.GCDelay, kernel.ClassWorld, name, fn)
}

// releaseDependents follows the removal of an object: its dependents are
// looked at, and its owners may have been waiting for it.
func (s *Store) releaseDependents(gone client.Object) {
	if len(s.owned[gone.GetUID()]) > 0 {
		uid := gone.GetUID()
		s.later("gc dependents", func() {
			for _, r := range s.dependents(uid) {
				s.collect(r)
			}
		})
	}
	for _, ref := range gone.GetOwnerReferences() {
		if owner := s.uids[ref.UID]; owner != nil && slices.Contains(owner.head().GetFinalizers(), metav1.FinalizerDeleteDependents) {
			s.cascade(owner)
		}
	}
}

// collectOrphan looks at a new object whose owner does not exist (any more).
func (s *Store) collectOrphan(r *record) {
	for _, ref := range owners(r.head()) {
		if s.uids[ref.UID] == nil {
			s.later("gc absent owner", func() { s.collect(r) })
			return
		}
	}
}

// dependents returns the present objects that name uid as an owner, in a fixed
// order.
func (s *Store) dependents(uid types.UID) []*record {
	list := make([]*record, 0, len(s.owned[uid]))
	for r := range s.owned[uid] {
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b *record) int {
		if a.table != b.table {
			return compareKinds(a.table.gvk, b.table.gvk)
		}
		return compareRecords(a, b)
	})
	return list
}

// collect deletes an object none of whose owners is left, and drops the
// references to owners that are gone from an object that has others.
func (s *Store) collect(r *record) {
	obj := r.head()
	if obj == nil || len(obj.GetOwnerReferences()) == 0 {
		return
	}
	var solid []metav1.OwnerReference
	waiting := false
	for _, ref := range obj.GetOwnerReferences() {
		owner := s.uids[ref.UID]
		switch {
		case owner == nil:
		case slices.Contains(owner.head().GetFinalizers(), metav1.FinalizerDeleteDependents):
			waiting = true
		default:
			solid = append(solid, ref)
		}
	}
	req := request{actor: s.gcActor(), table: r.table, key: r.key, verb: "delete"}
	switch {
	case len(solid) == len(obj.GetOwnerReferences()):
	case len(solid) > 0:
		s.setOwners(r, solid)
	case obj.GetDeletionTimestamp() == nil:
		policy := metav1.DeletePropagationBackground
		if waiting && len(s.owned[obj.GetUID()]) > 0 {
			policy = metav1.DeletePropagationForeground
		}
		// Deleting what is there with no precondition cannot fail.
		_ = s.delete(req, &metav1.DeleteOptions{PropagationPolicy: &policy})
	}
}

// setOwners replaces the owner references of an object.
func (s *Store) setOwners(r *record, refs []metav1.OwnerReference) {
	next := r.table.shallowCopy(r.head())
	next.SetOwnerReferences(refs)
	s.commit(change{table: r.table, record: r, kind: watch.Modified, object: next, actor: "gc", verb: "patch", sub: "ownerReferences"})
}

// cascade does what the finalizers of the garbage collector on an object that
// is being deleted ask for.
func (s *Store) cascade(r *record) {
	finalizers := r.head().GetFinalizers()
	orphan := slices.Contains(finalizers, metav1.FinalizerOrphanDependents)
	foreground := slices.Contains(finalizers, metav1.FinalizerDeleteDependents)
	if !orphan && !foreground {
		return
	}
	uid := r.head().GetUID()
	s.later("gc cascade", func() {
		obj := r.head()
		if obj == nil || obj.GetUID() != uid || obj.GetDeletionTimestamp() == nil {
			return
		}
		if orphan {
			s.orphanDependents(uid)
			s.dropFinalizer(r, metav1.FinalizerOrphanDependents)
			return
		}
		blocked := false
		for _, d := range s.dependents(uid) {
			s.collect(d)
			blocked = blocked || blocks(d.head(), uid)
		}
		if !blocked {
			s.dropFinalizer(r, metav1.FinalizerDeleteDependents)
		}
	})
}

// blocks reports whether an object keeps its owner from going.
func blocks(obj client.Object, owner types.UID) bool {
	for _, ref := range owners(obj) {
		if ref.UID == owner && ref.BlockOwnerDeletion != nil && *ref.BlockOwnerDeletion {
			return true
		}
	}
	return false
}

// orphanDependents takes an owner out of the references of its dependents.
func (s *Store) orphanDependents(uid types.UID) {
	for _, r := range s.dependents(uid) {
		refs := slices.DeleteFunc(slices.Clone(r.head().GetOwnerReferences()), func(ref metav1.OwnerReference) bool {
			return ref.UID == uid
		})
		s.setOwners(r, refs)
	}
}

// dropFinalizer removes a finalizer and with it, perhaps, the object.
func (s *Store) dropFinalizer(r *record, name string) {
	cur := r.head()
	if !slices.Contains(cur.GetFinalizers(), name) {
		return
	}
	next := r.table.shallowCopy(cur)
	next.SetFinalizers(slices.DeleteFunc(slices.Clone(cur.GetFinalizers()), func(f string) bool { return f == name }))
	s.commitUpdate(request{actor: s.gcActor(), table: r.table, key: r.key, verb: "patch", sub: "finalizers"}, next, false)
}

package control

import (
	"cmp"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// specs remembers what follows from the spec of each object of a kind alone. A spec is
// looked at each time one of its pods moves and changes when a person edits it; the
// API server counts those edits in the generation, and of kinds whose status is not a
// subresource the writes of the status, too.
type specs[O client.Object, F any] struct {
	// derive says what follows from the spec of an object.
	derive func(O) F
	// collisions are what else the facts depend on.
	collisions func(O) int32
	// same says whether two generations of an object have the same spec; nil: they have not.
	same func(a, b O) bool

	mu    sync.Mutex
	known map[types.NamespacedName]knownSpec[O, F]
}

type knownSpec[O, F any] struct {
	object     O // with same only
	uid        types.UID
	generation int64
	collisions int32
	facts      F
}

func newSpecs[O client.Object, F any](derive func(O) F, collisions func(O) int32, same func(a, b O) bool) *specs[O, F] {
	return &specs[O, F]{derive: derive, collisions: collisions, same: same, known: map[types.NamespacedName]knownSpec[O, F]{}}
}

// of returns what follows from the spec of an object.
func (s *specs[O, F]) of(key types.NamespacedName, obj O) F {
	collisions := s.collisions(obj)
	s.mu.Lock()
	defer s.mu.Unlock()
	k, ok := s.known[key]
	known := ok && k.uid == obj.GetUID() && k.collisions == collisions
	if known && k.generation == obj.GetGeneration() {
		return k.facts
	}
	if !known || s.same == nil || !s.same(k.object, obj) {
		k.facts = s.derive(obj)
	}
	if s.same != nil {
		k.object = obj
	}
	k.uid, k.generation, k.collisions = obj.GetUID(), obj.GetGeneration(), collisions
	s.known[key] = k
	return k.facts
}

// last returns what followed from the spec of an object when it was looked at last.
func (s *specs[O, F]) last(key types.NamespacedName) (facts F, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, known := s.known[key]
	return k.facts, known
}

// those lists the objects of a namespace, or of all if it is empty, whose facts match, by
// name. It knows those that were looked at: one that is new to the controller is going
// to be looked at anyway, and one whose spec has changed.
func (s *specs[O, F]) those(namespace string, matches func(F) bool) (keys []types.NamespacedName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, known := range s.known {
		if (namespace == "" || namespace == key.Namespace) && matches(known.facts) {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(a, b types.NamespacedName) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return keys
}

// forget drops what is known of an object that is gone.
func (s *specs[O, F]) forget(key types.NamespacedName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.known, key)
}

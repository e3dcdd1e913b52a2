package control

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// specs remembers what follows from the spec of each object of a kind alone. A spec is
// looked at each time one of its pods moves and changes when a person edits it; the
// API server counts those edits in the generation.
type specs[O client.Object, F any] struct {
	// derive says what follows from the spec of an object.
	derive func(O) F
	// collisions are what else the facts depend on.
	collisions func(O) int32

	mu    sync.Mutex
	known map[types.NamespacedName]knownSpec[F]
}

type knownSpec[F any] struct {
	uid        types.UID
	generation int64
	collisions int32
	facts      F
}

func newSpecs[O client.Object, F any](derive func(O) F, collisions func(O) int32) *specs[O, F] {
	return &specs[O, F]{derive: derive, collisions: collisions, known: map[types.NamespacedName]knownSpec[F]{}}
}

// of returns what follows from the spec of an object.
func (s *specs[O, F]) of(key types.NamespacedName, obj O) F {
	collisions := s.collisions(obj)
	s.mu.Lock()
	defer s.mu.Unlock()
	k, ok := s.known[key]
	if ok && k.uid == obj.GetUID() && k.generation == obj.GetGeneration() && k.collisions == collisions {
		return k.facts
	}
	k = knownSpec[F]{obj.GetUID(), obj.GetGeneration(), collisions, s.derive(obj)}
	s.known[key] = k
	return k.facts
}

// forget drops what is known of an object that is gone.
func (s *specs[O, F]) forget(key types.NamespacedName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.known, key)
}

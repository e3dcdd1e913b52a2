package control

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/podhash"
	"github.com/aviary-rollouts/aviary/internal/validate"
)

// experimentSpecs remembers what follows from the spec of each Experiment alone, as
// specs does for Rollouts.
type experimentSpecs struct {
	mu    sync.Mutex
	known map[types.NamespacedName]experimentFacts
}

// experimentFacts is what follows from one generation of a spec.
type experimentFacts struct {
	uid        types.UID
	generation int64
	invalid    string            // the first error of validation; empty if there is none
	hashes     map[string]string // of the templates by name, without collisions
}

func newExperimentSpecs() *experimentSpecs {
	return &experimentSpecs{known: map[types.NamespacedName]experimentFacts{}}
}

// of returns what follows from the spec of an Experiment.
func (s *experimentSpecs) of(key types.NamespacedName, e *v1alpha1.Experiment) experimentFacts {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, ok := s.known[key]
	if ok && f.uid == e.UID && f.generation == e.Generation {
		return f
	}
	f = experimentFacts{uid: e.UID, generation: e.Generation, hashes: map[string]string{}}
	if problems := validate.Experiment(e); len(problems) > 0 {
		f.invalid = problems[0].Error()
	}
	for _, t := range e.Spec.Templates {
		f.hashes[t.Name] = podhash.Of(t.Template, nil)
	}
	s.known[key] = f
	return f
}

// forget drops what is known of an Experiment that is gone.
func (s *experimentSpecs) forget(key types.NamespacedName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.known, key)
}

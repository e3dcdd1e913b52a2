package control

import (
	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/equal"
	"github.com/aviary-rollouts/aviary/internal/podhash"
	"github.com/aviary-rollouts/aviary/internal/validate"
)

// experimentFacts is what follows from the spec of an Experiment.
type experimentFacts struct {
	invalid string            // the first error of validation; empty if there is none
	hashes  map[string]string // of the templates by name, without collisions
}

// experimentSpecs remembers specs of Experiments.
type experimentSpecs = specs[*v1alpha1.Experiment, experimentFacts]

func newExperimentSpecs() *experimentSpecs {
	return newSpecs(experimentFactsOf, func(*v1alpha1.Experiment) int32 { return 0 },
		func(a, b *v1alpha1.Experiment) bool { return equal.Objects(&a.Spec, &b.Spec) })
}

func experimentFactsOf(e *v1alpha1.Experiment) experimentFacts {
	f := experimentFacts{hashes: map[string]string{}}
	if problems := validate.Experiment(e); len(problems) > 0 {
		f.invalid = problems[0].Error()
	}
	for _, t := range e.Spec.Templates {
		f.hashes[t.Name] = podhash.Of(t.Template, nil)
	}
	return f
}

package metric

import (
	"context"
	"errors"

	"k8s.io/apimachinery/pkg/types"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/analysis"
)

// Hooks are told of the measurements of a plan; either may be nil.
type Hooks struct {
	// Before is told of each task before it is carried out.
	Before func(analysis.Task)
	// After is told of what became of it.
	After func(analysis.Outcome)
}

// Plan measures what is due of a run, one after the other, and says what follows;
// the time of the assessment is when the last measurement was done. An argument
// without a value ends the run. The error is one that a repetition may mend; what
// was measured until then is lost.
func (r *Registry) Plan(ctx context.Context, run *v1alpha1.AnalysisRun, hooks Hooks) (analysis.Plan, error) {
	a := r.read(run)
	var outcomes []analysis.Outcome
	for _, task := range a.Due(r.clock.Now()) {
		if hooks.Before != nil {
			hooks.Before(task)
		}
		outcome, err := r.Do(ctx, run, task)
		if unresolved := (*UnresolvedError)(nil); errors.As(err, &unresolved) {
			return a.Fail("Unable to resolve metric arguments: "+unresolved.Error(), r.clock.Now()), nil
		}
		if err != nil {
			return analysis.Plan{}, err
		}
		if hooks.After != nil {
			hooks.After(outcome)
		}
		outcomes = append(outcomes, outcome)
	}
	return a.Assess(outcomes, r.clock.Now()), nil
}

// readingKey names the spec of a run.
type readingKey struct {
	uid        types.UID
	generation int64
}

// read makes a run ready for questions; see [analysis.Read].
func (r *Registry) read(run *v1alpha1.AnalysisRun) *analysis.Analysis {
	if run.UID == "" || run.Status.Phase.Completed() {
		return analysis.Read(run)
	}
	reading, _ := r.readings.Of(readingKey{run.UID, run.Generation}, func() (analysis.Reading, error) { // never an error
		return analysis.ReadSpec(&run.Spec), nil
	})
	return reading.Of(run)
}

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
// without a value ends the run before anything is measured, and what is under way with it.
// The error is one that a repetition may mend; what was measured until then is lost.
func (r *Registry) Plan(ctx context.Context, run *v1alpha1.AnalysisRun, hooks Hooks) (analysis.Plan, error) {
	a := r.read(run)
	var tasks []resolved
	for _, task := range a.Due(r.clock.Now()) {
		ready, err := r.resolve(ctx, run, task)
		if unresolved := (*UnresolvedError)(nil); errors.As(err, &unresolved) {
			return r.fail(ctx, run, a, unresolved, hooks)
		}
		if err != nil {
			return analysis.Plan{}, err
		}
		tasks = append(tasks, ready)
	}
	outcomes, err := r.all(ctx, run, tasks, hooks)
	if err != nil {
		return analysis.Plan{}, err
	}
	return a.Assess(outcomes, r.clock.Now()), nil
}

// fail ends what is under way of a run, and the run.
func (r *Registry) fail(ctx context.Context, run *v1alpha1.AnalysisRun, a *analysis.Analysis, why *UnresolvedError, hooks Hooks) (analysis.Plan, error) {
	var ends []resolved
	for _, task := range a.UnderWay() {
		ends = append(ends, resolved{Task: task, filled: task.Metric})
	}
	outcomes, err := r.all(ctx, run, ends, hooks)
	if err != nil {
		return analysis.Plan{}, err
	}
	return a.Fail("Unable to resolve metric arguments: "+why.Error(), outcomes, r.clock.Now()), nil
}

// all carries out tasks, one after the other.
func (r *Registry) all(ctx context.Context, run *v1alpha1.AnalysisRun, tasks []resolved, hooks Hooks) ([]analysis.Outcome, error) {
	var outcomes []analysis.Outcome
	for _, task := range tasks {
		if hooks.Before != nil {
			hooks.Before(task.Task)
		}
		outcome, err := r.do(ctx, run, task)
		if err != nil {
			return nil, err
		}
		if hooks.After != nil {
			hooks.After(outcome)
		}
		outcomes = append(outcomes, outcome)
	}
	return outcomes, nil
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

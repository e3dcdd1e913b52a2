package metric

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/analysis"
	"github.com/aviary-rollouts/aviary/internal/clock"
)

// Registry carries out tasks with the provider of each metric.
type Registry struct {
	providers map[string]Provider
	secrets   client.Reader
	clock     clock.Clock
	// readings are what follows from the specs of runs: a run is looked at for each of
	// its measurements, and its spec changes when it is terminated.
	readings Memo[readingKey, analysis.Reading]
}

// judges are compiled conditions, by success and failure: every measurement of a metric
// has the same ones, and so has every run of a template, whoever measures it.
var judges Memo[[2]string, analysis.Judge]

// NewRegistry makes a registry of providers by the field of MetricProvider that
// each serves. Secrets are read through reader.
func NewRegistry(providers map[string]Provider, reader client.Reader, clock clock.Clock) *Registry {
	return &Registry{providers: providers, secrets: reader, clock: clock}
}

// Kinds lists the kinds of providers in alphabetical order.
func (r *Registry) Kinds() []string { return slices.Sorted(maps.Keys(r.providers)) }

// UnresolvedError says that an argument of a metric has no value, which no
// repetition mends.
type UnresolvedError struct{ reason string }

func (e *UnresolvedError) Error() string { return e.reason }

// resolved is a task whose metric has its secret arguments put in.
type resolved struct {
	analysis.Task
	filled v1alpha1.Metric
	// hide takes those arguments out of what the provider has to say.
	hide redactor
}

// resolve reads the Secrets that a task needs. What is under way has been given them: it is
// looked at, and ended, without those that are gone. The error is an [*UnresolvedError] or
// one that a repetition may mend.
func (r *Registry) resolve(ctx context.Context, run *v1alpha1.AnalysisRun, task analysis.Task) (resolved, error) {
	if task.Kind == analysis.Terminate {
		return resolved{Task: task, filled: task.Metric}, nil
	}
	filled, hide, err := r.fill(ctx, run, task.Metric)
	if gone := (*UnresolvedError)(nil); task.Kind == analysis.Resume && errors.As(err, &gone) {
		err = nil
	}
	if err != nil {
		return resolved{}, fmt.Errorf("metric %q: %w", task.Metric.Name, err)
	}
	return resolved{task, filled, hide}, nil
}

// do carries out one task of a run. The error is one that a repetition may mend; what a
// provider cannot answer is an outcome of phase Error.
func (r *Registry) do(ctx context.Context, run *v1alpha1.AnalysisRun, task resolved) (analysis.Outcome, error) {
	name, filled, hide := task.Metric.Name, task.filled, task.hide
	q := Query{Run: run, Metric: filled, Number: task.Number}
	q.judge, q.judgeErr = judges.Of([2]string{filled.SuccessCondition, filled.FailureCondition}, func() (analysis.Judge, error) {
		return analysis.Condition(filled.SuccessCondition, filled.FailureCondition)
	})
	if q.judgeErr != nil {
		q.judgeErr = errors.New(hide.fault(Misread("a condition", filled.SuccessCondition+"\n"+filled.FailureCondition, q.judgeErr)))
	}
	provider, err := r.providerOf(filled)
	var m v1alpha1.Measurement
	if err == nil {
		m, err = r.carryOut(ctx, provider, q, task.Task)
	}
	if isAgain(err) {
		return analysis.Outcome{}, fmt.Errorf("metric %q: %s", name, hide.fault(err))
	}
	if err != nil {
		m = task.Measurement
		m.Phase, m.Message = v1alpha1.AnalysisPhaseError, hide.fault(err)
	}
	o := analysis.Outcome{Metric: name, Measurement: hide.measurement(m)}
	if d, ok := provider.(Describer); ok && task.Kind != analysis.Terminate {
		o.Metadata = hide.metadata(d.Describe(q))
	}
	return o, nil
}

// carryOut asks the provider for one task.
func (r *Registry) carryOut(ctx context.Context, provider Provider, q Query, task analysis.Task) (v1alpha1.Measurement, error) {
	now := r.clock.Now()
	if task.Kind == analysis.Measure {
		m, err := provider.Measure(ctx, q, now)
		if m.StartedAt == nil {
			started := analysis.Second(now)
			m.StartedAt = &started
		}
		return m, err
	}
	resumer, ok := provider.(Resumer)
	if !ok {
		return task.Measurement, errors.New("the measurement was under way, and its provider has no way to go on with it")
	}
	if task.Kind == analysis.Terminate {
		return r.terminate(ctx, resumer, q, task.Measurement)
	}
	return resumer.Resume(ctx, q, task.Measurement, now)
}

// terminate ends a measurement. A refusal does not count against the metric: it
// is kept beside the measurement, for people.
func (r *Registry) terminate(ctx context.Context, p Resumer, q Query, m v1alpha1.Measurement) (v1alpha1.Measurement, error) {
	err := p.Terminate(ctx, q, m)
	if isAgain(err) {
		return m, err
	}
	m = analysis.Terminated(m)
	if err != nil {
		m.Metadata = maps.Clone(m.Metadata)
		if m.Metadata == nil {
			m.Metadata = map[string]string{}
		}
		m.Metadata["terminate-error"] = err.Error()
	}
	return m, nil
}

// providerOf finds the provider of a metric.
func (r *Registry) providerOf(m v1alpha1.Metric) (Provider, error) {
	kind, err := analysis.ProviderKind(m.Provider)
	if err != nil {
		return nil, err
	}
	if p := r.providers[kind]; p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("provider %q: this version of the controller cannot measure it; it can measure %s", kind, strings.Join(r.Kinds(), ", "))
}

// Collect deletes what old measurements left behind.
func (r *Registry) Collect(ctx context.Context, run *v1alpha1.AnalysisRun, trim analysis.Trim) error {
	for _, m := range run.Spec.Metrics {
		kind, err := analysis.ProviderKind(m.Provider)
		if err != nil || m.Name != trim.Metric {
			continue
		}
		if c, ok := r.providers[kind].(Collector); ok {
			if err := c.Collect(ctx, run, trim.Metric, trim.Keep); err != nil {
				return fmt.Errorf("metric %q: cleaning up after old measurements: %w", trim.Metric, err)
			}
		}
	}
	return nil
}

// fill puts the secret arguments into a metric, and returns what to hide.
func (r *Registry) fill(ctx context.Context, run *v1alpha1.AnalysisRun, m v1alpha1.Metric) (v1alpha1.Metric, redactor, error) {
	args, err := analysis.Secrets(run, m)
	if err != nil || len(args) == 0 {
		return m, redactor{}, err
	}
	values := map[string]string{}
	for _, arg := range args {
		value, err := r.secret(ctx, run.Namespace, arg.ValueFrom.SecretKeyRef)
		if err != nil {
			return m, redactor{}, fmt.Errorf("argument %q: %w", arg.Name, err)
		}
		values[arg.Name] = value
	}
	filled, err := analysis.PutValues(m, values)
	if err != nil { // the error may show what a Secret holds
		return m, redactor{}, &UnresolvedError{"the metric cannot be read with its secret arguments put in"}
	}
	return filled, newRedactor(values), nil
}

func (r *Registry) secret(ctx context.Context, namespace string, ref *v1alpha1.SecretKeyRef) (string, error) {
	secret := &corev1.Secret{}
	err := r.secrets.Get(ctx, types.NamespacedName{Namespace: namespace, Name: ref.Name}, secret)
	switch {
	case apierrors.IsNotFound(err), apierrors.IsForbidden(err):
		return "", &UnresolvedError{err.Error()}
	case err != nil:
		return "", fmt.Errorf("reading Secret %s: %w", ref.Name, err)
	}
	value, ok := secret.Data[ref.Key]
	if !ok {
		return "", &UnresolvedError{fmt.Sprintf("key '%s' does not exist in secret '%s'", ref.Key, ref.Name)}
	}
	return string(value), nil
}

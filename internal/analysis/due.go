package analysis

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

const (
	// errorRetry is how long after an error a metric is measured again, whatever
	// its interval.
	errorRetry = 10 * time.Second
	// resumeAgain is how long a measurement under way is left alone that wants
	// to be looked at at a time that is over.
	resumeAgain = time.Second
)

// TaskKind says what to do about a metric.
type TaskKind string

// What there is to do about a metric.
const (
	// Measure begins a measurement.
	Measure TaskKind = "Measure"
	// Resume looks at a measurement under way.
	Resume TaskKind = "Resume"
	// Terminate ends a measurement under way.
	Terminate TaskKind = "Terminate"
)

// Task is something to do about a metric.
type Task struct {
	Kind TaskKind
	// Metric has its arguments put in, all but those of [Secrets].
	Metric v1alpha1.Metric
	// Number counts the measurements of the metric from 1.
	Number int
	// Measurement is the one under way; zero for Measure.
	Measurement v1alpha1.Measurement
}

// Outcome is what became of a task.
type Outcome struct {
	// Metric is the name of the metric.
	Metric string
	// Measurement is the new state. Its Phase is Running if it goes on.
	Measurement v1alpha1.Measurement
	// Metadata is what the provider has to say about the metric; nil for
	// nothing new.
	Metadata map[string]string
}

// Due lists what to do now, in the order of the metrics. A run that has ended,
// or that cannot be carried out, has nothing to do.
//
// A metric is first measured when its initial delay, counted from the start of
// the run, is over; then each time its interval has passed since the end of the
// last measurement:
//
//	interval 30s, measurements at once:      0 s, 30 s, 60 s
//	interval 60s, Jobs that run for 15 s:    0 s, 75 s, 150 s
//	interval 5m, the second is an error:     0 s, 300 s, 310 s, 610 s
//	interval 1500ms, measurements at once:   0 s, 2 s, 4 s
func (a *Analysis) Due(now time.Time) []Task {
	if a.over() {
		return nil
	}
	status := &a.run.Status
	terminating := a.terminating(status)
	var tasks []Task
	for i := range a.metrics {
		m := &a.metrics[i]
		r := resultOf(status, m.spec.Name)
		at, ok := m.dueAt(r, start(status, now), terminating)
		if !ok || now.Before(at) {
			continue
		}
		task := Task{Kind: Measure, Metric: m.spec, Number: 1}
		if r != nil {
			task.Number = int(r.Count+r.Error) + 1
		}
		if running := underWay(r); running != nil {
			task.Kind, task.Measurement = Resume, *running.DeepCopy()
			if terminating {
				task.Kind = Terminate
			}
		}
		tasks = append(tasks, task)
	}
	return tasks
}

// UnderWay lists how to end the measurements that have begun and not ended.
func (a *Analysis) UnderWay() []Task {
	var tasks []Task
	for i := range a.metrics {
		r := resultOf(&a.run.Status, a.metrics[i].spec.Name)
		if running := underWay(r); running != nil {
			tasks = append(tasks, Task{Kind: Terminate, Metric: a.metrics[i].spec, Number: int(r.Count+r.Error) + 1, Measurement: *running.DeepCopy()})
		}
	}
	return tasks
}

// over says whether the run has ended or cannot be carried out.
func (a *Analysis) over() bool { return a.run.Status.Phase.Completed() || a.problem != "" }

// dueAt is when there is something to do about a metric; false if nothing but a
// change from outside can matter.
func (m *metric) dueAt(r *v1alpha1.MetricResult, start time.Time, terminating bool) (time.Time, bool) {
	switch {
	case r != nil && r.Phase.Completed():
		return time.Time{}, false
	case underWay(r) != nil:
		return resumeTime(underWay(r), terminating)
	case terminating:
		return time.Time{}, false
	case last(r) == nil:
		return start.Add(m.initialDelay), true
	}
	pause := wholeSeconds(m.interval)
	if last(r).Phase == v1alpha1.AnalysisPhaseError {
		pause = errorRetry
	}
	return finished(last(r)).Add(pause), true
}

// wholeSeconds rounds a pause up to the resolution of the end that it counts from. That
// is the second in which a measurement ended: half a second later would be over before it
// began, and every look would measure again.
func wholeSeconds(pause time.Duration) time.Duration {
	return (pause + time.Second - 1).Truncate(time.Second)
}

// finished is when a measurement ended.
func finished(m *v1alpha1.Measurement) time.Time {
	switch {
	case m.FinishedAt != nil:
		return m.FinishedAt.Time
	case m.StartedAt != nil:
		return m.StartedAt.Time
	}
	return time.Time{}
}

// resumeTime is when to look at a measurement under way: at the time that it
// asks for, or whenever something happened. When it is to be ended, at once.
func resumeTime(m *v1alpha1.Measurement, terminating bool) (time.Time, bool) {
	if terminating || m.ResumeAt == nil {
		return time.Time{}, true
	}
	return m.ResumeAt.Time, true
}

// underWay is the measurement that has begun and not ended; nil without one.
func underWay(r *v1alpha1.MetricResult) *v1alpha1.Measurement {
	if m := last(r); m != nil && !m.Phase.Completed() {
		return m
	}
	return nil
}

// last is the newest measurement; nil without one.
func last(r *v1alpha1.MetricResult) *v1alpha1.Measurement {
	if r == nil || len(r.Measurements) == 0 {
		return nil
	}
	return &r.Measurements[len(r.Measurements)-1]
}

// resultOf is the result of a metric; nil if it was never measured.
func resultOf(status *v1alpha1.AnalysisRunStatus, name string) *v1alpha1.MetricResult {
	for i := range status.MetricResults {
		if status.MetricResults[i].Name == name {
			return &status.MetricResults[i]
		}
	}
	return nil
}

// start is when the run began; now, if it begins now.
func start(status *v1alpha1.AnalysisRunStatus, now time.Time) time.Time {
	if status.StartedAt != nil {
		return status.StartedAt.Time
	}
	return now
}

// Second is the second that a time is in, the resolution of the API. Measurements have
// it: rounded up, an interval of 10 s would take 11 each time, since a measurement is
// never done at the very beginning of a second.
func Second(t time.Time) metav1.Time { return metav1.NewTime(t.Truncate(time.Second)) }

// Stamp is a time with the resolution of the API, one second, rounded up: what
// lasts 30 s from then on lasts at least 30 s.
func Stamp(t time.Time) metav1.Time {
	s := t.Truncate(time.Second)
	if s.Before(t) {
		s = s.Add(time.Second)
	}
	return metav1.NewTime(s)
}

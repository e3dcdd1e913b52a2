package analysis

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// record puts an outcome into the result of its metric.
func (p *Plan) record(m *metric, o Outcome, now time.Time) {
	r := resultOf(&p.Status, m.spec.Name)
	if r == nil {
		p.Status.MetricResults = append(p.Status.MetricResults, v1alpha1.MetricResult{
			Name: m.spec.Name, Phase: v1alpha1.AnalysisPhaseRunning, DryRun: m.dryRun,
		})
		r = &p.Status.MetricResults[len(p.Status.MetricResults)-1]
	}
	if o.Metadata != nil {
		r.Metadata = o.Metadata
	}
	measurement := stamped(o.Measurement, now)
	if running := underWay(r); running != nil {
		*running = measurement
	} else {
		r.Measurements = append(r.Measurements, measurement)
	}
	count(r, measurement.Phase)
	if extra := len(r.Measurements) - m.keep; extra > 0 {
		r.Measurements = slices.Clone(r.Measurements[extra:])
		p.Trimmed = append(p.Trimmed, Trim{Metric: r.Name, Keep: m.keep})
	}
	p.Why = append(p.Why, measured(m, r, measurement))
}

// stamped completes the times of a measurement.
func stamped(m v1alpha1.Measurement, now time.Time) v1alpha1.Measurement {
	m = *m.DeepCopy()
	t := Second(now)
	m.Phase = cmp.Or(m.Phase, v1alpha1.AnalysisPhaseRunning)
	if m.StartedAt == nil {
		m.StartedAt = &t
	}
	switch {
	case m.Phase.Completed():
		m.ResumeAt = nil
		if m.FinishedAt == nil {
			m.FinishedAt = &t
		}
	case m.ResumeAt != nil && !m.ResumeAt.After(now):
		later := metav1.NewTime(Stamp(now).Add(resumeAgain))
		m.ResumeAt = &later
	}
	return m
}

// count adds a measurement that has ended to the counts. An error is not one of
// the measurements that a metric's count asks for.
func count(r *v1alpha1.MetricResult, phase v1alpha1.AnalysisPhase) {
	switch phase {
	case v1alpha1.AnalysisPhaseSuccessful:
		r.Count++
		r.Successful++
		r.ConsecutiveSuccess++
		r.ConsecutiveError = 0
	case v1alpha1.AnalysisPhaseFailed:
		r.Count++
		r.Failed++
		r.ConsecutiveSuccess, r.ConsecutiveError = 0, 0
	case v1alpha1.AnalysisPhaseInconclusive:
		r.Count++
		r.Inconclusive++
		r.ConsecutiveSuccess, r.ConsecutiveError = 0, 0
	case v1alpha1.AnalysisPhaseError:
		r.Error++
		r.ConsecutiveError++
		r.ConsecutiveSuccess = 0
	}
}

// measured notes a measurement: `success-rate: [0.97] is Successful (2 of 3)`.
func measured(m *metric, r *v1alpha1.MetricResult, last v1alpha1.Measurement) Note {
	what := cmp.Or(last.Value, last.Message, "a measurement")
	of := fmt.Sprintf("%d so far", r.Count)
	if m.count > 0 {
		of = fmt.Sprintf("%d of %d", r.Count, m.count)
	}
	return Note{Reason: "Measured", Message: fmt.Sprintf("%s: %s is %s (%s)", r.Name, what, last.Phase, of)}
}

// sortResults puts the results into the order of the metrics.
func (p *Plan) sortResults(metrics []metric) {
	position := map[string]int{}
	for i, m := range metrics {
		position[m.spec.Name] = i + 1 // metrics that are gone come first
	}
	slices.SortStableFunc(p.Status.MetricResults, func(a, b v1alpha1.MetricResult) int {
		return cmp.Compare(position[a.Name], position[b.Name])
	})
}

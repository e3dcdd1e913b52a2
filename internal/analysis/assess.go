package analysis

import (
	"fmt"
	"slices"
	"time"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

const (
	metricTerminated = "Metric Terminated"
	runTerminated    = "Run Terminated"
)

// Terminated is the outcome of ending a measurement before its time: neither
// good nor bad, which the API calls Successful.
func Terminated(m v1alpha1.Measurement) v1alpha1.Measurement {
	m.Phase, m.Message = v1alpha1.AnalysisPhaseSuccessful, metricTerminated
	return m
}

// Assess says what follows from the outcomes of tasks that [Analysis.Due] asked
// for. The phases of the metrics come from their counts and limits, the phase of
// the run from the metrics that count:
//
//   - while one is not done, the run is Running;
//   - once one is Failed, Error or Inconclusive, the others are ended;
//   - when all are done, the run has the worst of their phases.
func (a *Analysis) Assess(outcomes []Outcome, now time.Time) Plan {
	p := Plan{Status: *a.run.Status.DeepCopy()}
	if a.run.Status.Phase.Completed() {
		p.expire(a.run, now)
		return p
	}
	if a.problem != "" {
		return a.Fail(a.problem, nil, now)
	}
	p.begin(now)
	a.record(&p, outcomes, now)
	a.judgeMetrics(&p)
	a.judgeRun(&p, now)
	if p.Status.Phase.Completed() {
		p.expire(&v1alpha1.AnalysisRun{Spec: a.run.Spec, Status: p.Status}, now)
	} else {
		a.wait(&p, now)
	}
	return p
}

// record puts outcomes into the results of their metrics.
func (a *Analysis) record(p *Plan, outcomes []Outcome, now time.Time) {
	for _, o := range outcomes {
		for i := range a.metrics {
			if a.metrics[i].spec.Name == o.Metric {
				p.record(&a.metrics[i], o, now)
			}
		}
	}
	p.sortResults(a.metrics)
}

// Fail ends the run as Error, for a reason that lies outside its metrics. ended is what
// became of what [Analysis.UnderWay] lists.
func (a *Analysis) Fail(reason string, ended []Outcome, now time.Time) Plan {
	p := Plan{Status: *a.run.Status.DeepCopy()}
	p.begin(now)
	a.record(&p, ended, now)
	for i := range a.metrics {
		m := &a.metrics[i]
		if slices.ContainsFunc(ended, func(o Outcome) bool { return o.Metric == m.spec.Name }) {
			p.judge(m, true)
		}
	}
	p.Status.Message = reason
	p.end(v1alpha1.AnalysisPhaseError, now)
	p.expire(&v1alpha1.AnalysisRun{Spec: a.run.Spec, Status: p.Status}, now)
	return p
}

// begin starts the run unless it has started.
func (p *Plan) begin(now time.Time) {
	if p.Status.StartedAt == nil {
		t := Second(now)
		p.Status.StartedAt = &t
	}
	p.Status.Phase = v1alpha1.AnalysisPhaseRunning
}

// end completes the run.
func (p *Plan) end(phase v1alpha1.AnalysisPhase, now time.Time) {
	t := Stamp(now)
	p.Status.Phase, p.Status.CompletedAt = phase, &t
	p.Why = append(p.Why, completed("AnalysisRun", "Analysis Completed. Result: ", phase))
}

// judgeMetrics gives every metric its phase. One that turns bad ends the others,
// which is why all are judged by themselves first: two that turn bad at once
// are both bad.
func (a *Analysis) judgeMetrics(p *Plan) {
	for _, terminating := range []bool{false, true} {
		if terminating && !a.terminating(&p.Status) {
			return
		}
		for i := range a.metrics {
			p.judge(&a.metrics[i], terminating)
		}
	}
}

// judge gives a metric its phase.
func (p *Plan) judge(m *metric, terminating bool) {
	r := resultOf(&p.Status, m.spec.Name)
	if r == nil || r.Phase.Completed() {
		return
	}
	var why string
	if r.Phase, why = m.assess(r, terminating); r.Phase.Completed() {
		r.Message = m.said(r, why, terminating)
		p.Why = append(p.Why, completed("Metric", fmt.Sprintf("Metric '%s' Completed. Result: ", r.Name), r.Phase))
	}
}

// terminating says whether everything is to end: somebody asks for it, or a
// metric that counts is bad.
func (a *Analysis) terminating(status *v1alpha1.AnalysisRunStatus) bool {
	if a.run.Spec.Terminate {
		return true
	}
	for i := range a.metrics {
		if m := &a.metrics[i]; !m.dryRun {
			if r := resultOf(status, m.spec.Name); r != nil && badness(r.Phase) >= badness(v1alpha1.AnalysisPhaseInconclusive) {
				return true
			}
		}
	}
	return false
}

// assess is the phase of a metric by its counts, and why it is bad.
func (m *metric) assess(r *v1alpha1.MetricResult, terminating bool) (phase v1alpha1.AnalysisPhase, why string) {
	if underWay(r) != nil {
		return v1alpha1.AnalysisPhaseRunning, ""
	}
	if phase, why := m.exceeded(r); why != "" {
		return phase, why
	}
	switch {
	case m.consecutiveSuccessLimit > 0 && r.ConsecutiveSuccess >= m.consecutiveSuccessLimit:
		return v1alpha1.AnalysisPhaseSuccessful, ""
	case m.count > 0 && r.Count >= m.count:
		return m.counted(r)
	case terminating:
		return v1alpha1.AnalysisPhaseSuccessful, ""
	}
	return v1alpha1.AnalysisPhaseRunning, ""
}

// exceeded says which limit is exceeded. A limit is what is tolerated:
// failureLimit 2 bears two failures and ends the metric with the third. Where
// several are exceeded at once, errors hide what is inconclusive, which hides
// failures.
func (m *metric) exceeded(r *v1alpha1.MetricResult) (v1alpha1.AnalysisPhase, string) {
	switch {
	case r.ConsecutiveError > m.consecutiveErrorLimit:
		return v1alpha1.AnalysisPhaseError, fmt.Sprintf("consecutiveErrors (%d) > consecutiveErrorLimit (%d)", r.ConsecutiveError, m.consecutiveErrorLimit)
	case r.Inconclusive > m.inconclusiveLimit:
		return v1alpha1.AnalysisPhaseInconclusive, fmt.Sprintf("inconclusive (%d) > inconclusiveLimit (%d)", r.Inconclusive, m.inconclusiveLimit)
	case m.failureLimit != noLimit && r.Failed > m.failureLimit:
		return v1alpha1.AnalysisPhaseFailed, fmt.Sprintf("failed (%d) > failureLimit (%d)", r.Failed, m.failureLimit)
	}
	return v1alpha1.AnalysisPhaseRunning, ""
}

// counted is the phase of a metric that was measured as often as asked for,
// without exceeding a limit. Where successes in a row are wanted, not having
// them is bad: undecided if failures were limited too, failed if not.
func (m *metric) counted(r *v1alpha1.MetricResult) (v1alpha1.AnalysisPhase, string) {
	if m.consecutiveSuccessLimit == 0 {
		return v1alpha1.AnalysisPhaseSuccessful, ""
	}
	why := fmt.Sprintf("consecutiveSuccesses (%d) < consecutiveSuccessLimit (%d)", r.ConsecutiveSuccess, m.consecutiveSuccessLimit)
	if m.failureLimit == noLimit {
		return v1alpha1.AnalysisPhaseFailed, why
	}
	return v1alpha1.AnalysisPhaseInconclusive, why
}

// said is the message of a metric that has ended. Why a metric is bad is the message of
// the run, which only speaks of those that count: one that runs dry says so itself, the
// others what their last measurement had to say.
func (m *metric) said(r *v1alpha1.MetricResult, why string, terminating bool) string {
	switch {
	case why == "" && (terminating || last(r).Message == metricTerminated):
		return metricTerminated
	case m.dryRun:
		return m.message(r, "Metric", why)
	}
	return last(r).Message
}

// message explains the phase of a metric that is bad: `Metric "x" assessed
// Failed due to failed (3) > failureLimit (2)`, with what the last measurement
// had to say.
func (m *metric) message(r *v1alpha1.MetricResult, subject, why string) string {
	if why == "" {
		return ""
	}
	text := fmt.Sprintf("%s assessed %s due to %s", subject, r.Phase, why)
	if said := last(r).Message; said != "" {
		text += fmt.Sprintf(": \"Error Message: %s\"", said)
	}
	return text
}

// judgeRun gives the run its phase, its message and its summaries.
func (a *Analysis) judgeRun(p *Plan, now time.Time) {
	worst, message, done := v1alpha1.AnalysisPhaseSuccessful, "", true
	if a.run.Spec.Terminate {
		message = runTerminated
	}
	terminating := a.terminating(&p.Status)
	for i := range a.metrics {
		m := &a.metrics[i]
		r := resultOf(&p.Status, m.spec.Name)
		switch {
		case r == nil: // never measured, and never will be if all is to end
			done = done && terminating
		case !r.Phase.Completed():
			done = false
		case !m.dryRun && badness(r.Phase) > badness(worst):
			_, why := m.assess(r, terminating)
			worst, message = r.Phase, m.message(r, fmt.Sprintf("Metric %q", r.Name), why)
		}
	}
	p.Status.RunSummary, p.Status.DryRunSummary = a.summarise(&p.Status)
	p.Status.Message = message
	if done {
		p.end(worst, now)
	}
}

// summarise counts the metrics by their outcome: those that count, and those
// that run dry, nil if there are none.
func (a *Analysis) summarise(status *v1alpha1.AnalysisRunStatus) (v1alpha1.RunSummary, *v1alpha1.RunSummary) {
	var wet, dry v1alpha1.RunSummary
	for i := range a.metrics {
		s := &wet
		if a.metrics[i].dryRun {
			s = &dry
		}
		s.Count++
		r := resultOf(status, a.metrics[i].spec.Name)
		if r == nil {
			continue
		}
		switch r.Phase {
		case v1alpha1.AnalysisPhaseSuccessful:
			s.Successful++
		case v1alpha1.AnalysisPhaseFailed:
			s.Failed++
		case v1alpha1.AnalysisPhaseInconclusive:
			s.Inconclusive++
		case v1alpha1.AnalysisPhaseError:
			s.Error++
		}
	}
	if dry.Count == 0 {
		return wet, nil
	}
	return wet, &dry
}

// wait says when to look again and what is waited for.
func (a *Analysis) wait(p *Plan, now time.Time) {
	terminating := a.terminating(&p.Status)
	for i := range a.metrics {
		m := &a.metrics[i]
		r := resultOf(&p.Status, m.spec.Name)
		at, ok := m.dueAt(r, p.Status.StartedAt.Time, terminating)
		running := underWay(r)
		switch {
		case !ok:
		case running == nil || (running.ResumeAt != nil && !terminating):
			p.wakeAt(at)
			p.Why = append(p.Why, Note{Reason: "Waiting", Message: fmt.Sprintf("%s: next look in %s", m.spec.Name, max(at.Sub(now), 0))})
		case terminating:
			p.wakeAt(now)
		default:
			p.Why = append(p.Why, Note{Reason: "Waiting", Message: m.spec.Name + ": a measurement is under way"})
		}
	}
}

// badness orders phases from good to bad.
func badness(phase v1alpha1.AnalysisPhase) int {
	switch phase {
	case v1alpha1.AnalysisPhaseSuccessful:
		return 0
	case v1alpha1.AnalysisPhaseRunning:
		return 1
	case v1alpha1.AnalysisPhaseInconclusive:
		return 3
	case v1alpha1.AnalysisPhaseError:
		return 4
	case v1alpha1.AnalysisPhaseFailed:
		return 5
	}
	return 2 // Pending
}

// Worse says whether a phase is worse than another: from good to bad Successful,
// Running, Pending, Inconclusive, Error, Failed.
func Worse(a, b v1alpha1.AnalysisPhase) bool { return badness(a) > badness(b) }

// expire says whether a run that has ended is to be deleted, or when it will be.
func (p *Plan) expire(run *v1alpha1.AnalysisRun, now time.Time) {
	deadline, ok := Deadline(run)
	switch {
	case !ok:
	case now.Before(deadline):
		p.wakeAt(deadline)
	default:
		p.Delete = true
	}
}

// Deadline is when a run that has ended is to be deleted; false if never. The
// time to live for the outcome beats the one for every outcome.
func Deadline(run *v1alpha1.AnalysisRun) (time.Time, bool) {
	ttl := run.Spec.TTLStrategy
	if ttl == nil || run.Status.CompletedAt == nil || !run.Status.Phase.Completed() {
		return time.Time{}, false
	}
	seconds := ttl.SecondsAfterFailure
	if run.Status.Phase == v1alpha1.AnalysisPhaseSuccessful {
		seconds = ttl.SecondsAfterSuccess
	}
	if seconds == nil {
		seconds = ttl.SecondsAfterCompletion
	}
	if seconds == nil {
		return time.Time{}, false
	}
	return run.Status.CompletedAt.Add(time.Duration(*seconds) * time.Second), true
}

package analysis

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// drawMetric draws a metric that is valid.
func drawMetric(t *rapid.T, name string) v1alpha1.Metric {
	limit := func(what string, low, high int) int { return rapid.IntRange(low, high).Draw(t, name+" "+what) }
	m := prom(name, nil)
	failures, inconclusives, successes := limit("failureLimit", 0, 3), limit("inconclusiveLimit", 0, 3), limit("consecutiveSuccessLimit", 0, 3)
	m.FailureLimit, m.InconclusiveLimit, m.ConsecutiveSuccessLimit = num(failures), num(inconclusives), num(successes)
	if successes > 0 && rapid.Bool().Draw(t, name+" failures do not matter") {
		m.FailureLimit, failures = num(noLimit), 0
	}
	m.ConsecutiveErrorLimit = num(limit("consecutiveErrorLimit", 0, 5))
	m.Interval = v1alpha1.DurationString(fmt.Sprintf("%ds", limit("interval", 1, 60)))
	m.InitialDelay = v1alpha1.DurationString(fmt.Sprintf("%ds", limit("initialDelay", 0, 60)))
	if count := limit("count", 0, 8); count > 0 {
		m.Count = num(max(count, failures+successes, inconclusives))
	}
	return m
}

// TestRuns plays random runs to their end, or to the hundredth look, and holds
// what must be so at every instant.
func TestRuns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := []string{"a", "b", "c"}[:rapid.IntRange(1, 3).Draw(t, "metrics")]
		run := runOf()
		for _, name := range names {
			run.Spec.Metrics = append(run.Spec.Metrics, drawMetric(t, name))
		}
		if rapid.Bool().Draw(t, "dry run") {
			run.Spec.DryRun = []v1alpha1.DryRun{{MetricName: rapid.SampledFrom(names).Draw(t, "dry metric")}}
		}
		run.Spec.MeasurementRetention = []v1alpha1.MeasurementRetention{{MetricName: "a", Limit: int32(rapid.IntRange(0, 3).Draw(t, "keep"))}}
		now, stop := noon, rapid.IntRange(1, 100).Draw(t, "looks before somebody terminates it")
		for look := 0; look < 130 && !run.Status.Phase.Completed(); look++ {
			run.Spec.Terminate = run.Spec.Terminate || look >= stop
			now = lookAt(t, run, now)
		}
		if !run.Status.Phase.Completed() {
			t.Fatalf("a terminated run goes on: %+v", run.Status)
		}
		holdEnd(t, run, now)
	})
}

// lookAt is one look of the controller, with outcomes drawn at random. It
// returns the time of the next.
func lookAt(t *rapid.T, run *v1alpha1.AnalysisRun, now time.Time) time.Time {
	before := run.DeepCopy()
	a := Read(run)
	var outcomes []Outcome
	for _, task := range a.Due(now) {
		holdDue(t, run, task, now)
		o := Outcome{Metric: task.Metric.Name, Measurement: task.Measurement}
		switch letter := rapid.SampledFrom([]rune("SSSFIEEJ")).Draw(t, task.Metric.Name); {
		case task.Kind == Terminate:
			o.Measurement = Terminated(task.Measurement)
		case task.Kind == Resume:
			o.Measurement.Phase = letters[letter]
		default:
			o.Measurement = measurementOf(letter)
		}
		if o.Measurement.Phase == running {
			later := Stamp(now.Add(7 * time.Second))
			o.Measurement.ResumeAt = &later
		}
		outcomes = append(outcomes, o)
	}
	p := a.Assess(outcomes, now)
	if diff := cmp.Diff(before, run); diff != "" {
		t.Fatalf("the run was modified:\n%s", diff)
	}
	run.Status = p.Status
	holdCounts(t, a, run)
	holdSettled(t, run, now)
	if run.Status.Phase.Completed() {
		return now
	}
	if p.Wake.Before(now) {
		t.Fatalf("a running run does not wake, or in the past: %s at %s: %+v", p.Wake, now, run.Status)
	}
	return p.Wake
}

// holdSettled: a second look at the same time finds nothing new, which is why the
// controller need not look at a run because of its own write.
func holdSettled(t *rapid.T, run *v1alpha1.AnalysisRun, now time.Time) {
	again := Read(run).Assess(nil, now)
	if diff := cmp.Diff(run.Status, again.Status); diff != "" {
		t.Fatalf("a second look changes the status:\n%s", diff)
	}
	for _, note := range again.Why {
		if note.Event {
			t.Fatalf("a second look tells something: %+v", note)
		}
	}
}

// holdDue: no measurement comes before its time.
func holdDue(t *rapid.T, run *v1alpha1.AnalysisRun, task Task, now time.Time) {
	r := resultOf(&run.Status, task.Metric.Name)
	if r == nil || task.Kind != Measure {
		return
	}
	pause, _ := task.Metric.Interval.Duration()
	if r.ConsecutiveError > 0 {
		pause = errorRetry
	}
	if early := finished(last(r)).Add(pause).Sub(now); early > 0 {
		t.Fatalf("%s is measured %s too early", r.Name, early)
	}
}

// holdCounts: counts add up and no metric goes on after a limit.
func holdCounts(t *rapid.T, a *Analysis, run *v1alpha1.AnalysisRun) {
	for i := range a.metrics {
		m := &a.metrics[i]
		r := resultOf(&run.Status, m.spec.Name)
		if r == nil {
			continue
		}
		switch {
		case r.Count != r.Successful+r.Failed+r.Inconclusive:
			t.Fatalf("%s: count %d is not the sum: %+v", r.Name, r.Count, r)
		case len(r.Measurements) > m.keep:
			t.Fatalf("%s keeps %d measurements, more than %d", r.Name, len(r.Measurements), m.keep)
		case m.count > 0 && r.Count > m.count:
			t.Fatalf("%s was measured %d times, more than %d", r.Name, r.Count, m.count)
		case m.failureLimit != noLimit && r.Failed > m.failureLimit+1,
			r.Inconclusive > m.inconclusiveLimit+1, r.ConsecutiveError > m.consecutiveErrorLimit+1:
			t.Fatalf("%s went on after a limit: %+v", r.Name, r)
		case r.ConsecutiveError > 0 && r.ConsecutiveSuccess > 0:
			t.Fatalf("%s: errors and successes in a row at once: %+v", r.Name, r)
		}
		holdMessage(t, m, r)
	}
}

// holdMessage: a metric beyond a limit is bad, and says why if it runs dry. The others
// have nothing to say but what their last measurement said.
func holdMessage(t *rapid.T, m *metric, r *v1alpha1.MetricResult) {
	_, why := m.exceeded(r)
	ended := r.Phase.Completed()
	bad, says := ended && r.Phase != successful, r.Message != "" && r.Message != metricTerminated
	other := says && r.Message != last(r).Message || !says && bad && last(r).Message != ""
	if why != "" && !bad || m.dryRun && bad != says || !m.dryRun && other || !ended && r.Message != "" {
		t.Fatalf("%s is %s, dry %t, message %q, limit %q", r.Name, r.Phase, m.dryRun, r.Message, why)
	}
}

// holdEnd: a run that has ended stays as it is, and its phase is the worst of
// the metrics that count.
func holdEnd(t *rapid.T, run *v1alpha1.AnalysisRun, now time.Time) {
	worst := successful
	for _, r := range run.Status.MetricResults {
		if !r.Phase.Completed() {
			t.Fatalf("the run ended, %s did not", r.Name)
		}
		if !r.DryRun && Worse(r.Phase, worst) {
			worst = r.Phase
		}
	}
	if worst != successful && run.Status.Message == "" {
		t.Fatalf("the run is %s and does not say why", worst)
	}
	if run.Status.Phase != worst {
		t.Fatalf("the run is %s, the worst metric %s", run.Status.Phase, worst)
	}
	later := now.Add(time.Hour)
	if tasks := Read(run).Due(later); len(tasks) > 0 {
		t.Fatalf("a finished run measures: %+v", tasks)
	}
	outcome := []Outcome{{Metric: "a", Measurement: measurementOf('F')}}
	if p := Read(run).Assess(outcome, later); cmp.Diff(run.Status, p.Status) != "" || len(p.Why) > 0 || !p.Wake.IsZero() {
		t.Fatalf("a finished run changes: %+v", p)
	}
}

// FuzzArgs: a value arrives in every field as it was written, whatever is in it.
func FuzzArgs(f *testing.F) {
	f.Add("reviews.istio.svc.cluster.local", "sum(rate(x{s=\"{{args.v}}\"}[1m]))")
	f.Add(`a"b\c`, "{{ args.v }}")
	f.Add("{{args.v}}", "{{args.v}}{{args.v}}")
	f.Add("\n\t\x00<&>\u2028", "x {{  args.v  }} {{ other }} {{args.}}")
	f.Fuzz(func(t *testing.T, value, query string) {
		metrics := []v1alpha1.Metric{prom("m", func(m *v1alpha1.Metric) { m.Provider.Prometheus.Query = query })}
		args := []v1alpha1.Argument{{Name: "v", Value: &value}}
		filled, err := putArgs(metrics, args)
		if err != nil {
			return // an argument that is not there
		}
		want := placeholder.ReplaceAllLiteralString(query, value)
		got := filled[0].Provider.Prometheus.Query
		if valid := fmt.Sprintf("%q", want); valid != fmt.Sprintf("%q", got) && !hasInvalidUTF8(value+query) {
			t.Errorf("%q with %q: got %q, want %q", query, value, got, want)
		}
		filled[0].Provider.Prometheus.Query = query
		if diff := cmp.Diff(metrics, filled); diff != "" {
			t.Errorf("something else changed (-want +got):\n%s", diff)
		}
		if got := ptr.Deref(args[0].Value, ""); got != value {
			t.Errorf("the argument changed to %q", got)
		}
	})
}

func hasInvalidUTF8(s string) bool {
	for _, r := range s {
		if r == '\uFFFD' {
			return true
		}
	}
	return false
}

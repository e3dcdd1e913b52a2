package analysis

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// prom is a metric with a provider; the table fills in the rest.
func prom(name string, more func(*v1alpha1.Metric)) v1alpha1.Metric {
	m := v1alpha1.Metric{Name: name, Provider: v1alpha1.MetricProvider{Prometheus: &v1alpha1.PrometheusMetric{Query: "up"}}}
	if more != nil {
		more(&m)
	}
	return m
}

func num(n int) *intstr.IntOrString { return ptr.To(intstr.FromInt32(int32(n))) }

func runOf(metrics ...v1alpha1.Metric) *v1alpha1.AnalysisRun {
	return &v1alpha1.AnalysisRun{
		ObjectMeta: metav1.ObjectMeta{Name: "run", Namespace: "default", UID: "11111111-2222-3333-4444-555555555555"},
		Spec:       v1alpha1.AnalysisRunSpec{Metrics: metrics},
	}
}

// letters are outcomes of measurements, one letter each: S F I E; J begins a
// measurement that goes on.
var letters = map[rune]v1alpha1.AnalysisPhase{'S': successful, 'F': failed, 'I': inconclusive, 'E': errored, 'J': running}

// measurementOf makes the outcome of one letter.
func measurementOf(letter rune) v1alpha1.Measurement {
	m := v1alpha1.Measurement{Phase: letters[letter], Value: "0.5"}
	if letter == 'E' {
		m.Message, m.Value = "no route to host", ""
	}
	return m
}

// play carries a run on until nothing is due, as the controller does, from noon.
// script has the outcomes of each metric; a metric whose script is used up is
// measured well. The returned strings are "<seconds>:<metric><letter>".
func play(t *testing.T, run *v1alpha1.AnalysisRun, script map[string]string, until time.Duration) []string {
	t.Helper()
	var log []string
	now := noon
	for range 1000 {
		tasks := Read(run).Due(now)
		var outcomes []Outcome
		for _, task := range tasks {
			name := task.Metric.Name
			o := Outcome{Metric: name, Measurement: measurementOf('S')}
			if task.Kind == Terminate {
				o.Measurement = Terminated(task.Measurement)
				log = append(log, fmt.Sprintf("%v:%s terminated", now.Sub(noon).Seconds(), name))
			} else {
				if script[name] != "" {
					o.Measurement = measurementOf(rune(script[name][0]))
					script[name] = script[name][1:]
				}
				log = append(log, fmt.Sprintf("%v:%s%c", now.Sub(noon).Seconds(), name, o.Measurement.Phase[0]))
			}
			outcomes = append(outcomes, o)
		}
		plan := Read(run).Assess(outcomes, now)
		run.Status = plan.Status
		if run.Status.Phase.Completed() || plan.Wake.IsZero() || plan.Wake.Sub(noon) > until {
			return log
		}
		if plan.Wake.Before(now) {
			t.Fatalf("asked to be woken in the past: %s at %s", plan.Wake, now)
		}
		now = plan.Wake
	}
	t.Fatal("the run does not end")
	return nil
}

// TestTimes has the timing rules of the documents: when each measurement is made.
func TestTimes(t *testing.T) {
	every := func(interval string, count int) func(*v1alpha1.Metric) {
		return func(m *v1alpha1.Metric) {
			m.Interval = v1alpha1.DurationString(interval)
			if count > 0 {
				m.Count = num(count)
			}
		}
	}
	tests := []struct {
		name    string
		metrics []v1alpha1.Metric
		script  map[string]string
		want    string
	}{
		{"three at t0, 30 and 60 s", []v1alpha1.Metric{prom("a", every("30s", 3))}, nil, "0:aS 30:aS 60:aS"},
		{"no interval, no count: once", []v1alpha1.Metric{prom("a", nil)}, nil, "0:aS"},
		{"count 0 is no count", []v1alpha1.Metric{prom("a", func(m *v1alpha1.Metric) { m.Count = num(0) })}, nil, "0:aS"},
		{"background, until ended", []v1alpha1.Metric{prom("a", every("5m", 0))}, nil, "0:aS 300:aS 600:aS"},
		{"errors after 10 s, not counted", []v1alpha1.Metric{prom("a", every("30s", 3))}, map[string]string{"a": "SEES"}, "0:aS 30:aE 40:aE 50:aS 80:aS"},
		{"an error without interval", []v1alpha1.Metric{prom("a", nil)}, map[string]string{"a": "E"}, "0:aE 10:aS"},
		{"five errors end it", []v1alpha1.Metric{prom("a", every("30s", 3))}, map[string]string{"a": "EEEEEE"}, "0:aE 10:aE 20:aE 30:aE 40:aE"},
		{"errors between successes start again", []v1alpha1.Metric{prom("a", every("30s", 3))}, map[string]string{"a": "EEEESEEEES"}, "0:aE 10:aE 20:aE 30:aE 40:aS 70:aE 80:aE 90:aE 100:aE 110:aS 140:aS"},
		{"initial delays", []v1alpha1.Metric{
			prom("a", func(m *v1alpha1.Metric) { m.InitialDelay = "30s" }),
			prom("b", nil),
		}, nil, "0:bS 30:aS"},
		{"two metrics, two intervals", []v1alpha1.Metric{prom("a", every("30s", 2)), prom("b", every("20s", 3))}, nil, "0:aS 0:bS 20:bS 30:aS 40:bS"},
		{"a failure ends the others", []v1alpha1.Metric{prom("a", every("30s", 3)), prom("b", every("20s", 3))}, map[string]string{"a": "SF"}, "0:aS 0:bS 20:bS 30:aF"},
		{"both of a round count", []v1alpha1.Metric{prom("a", every("30s", 3)), prom("b", every("30s", 3))}, map[string]string{"a": "F", "b": "F"}, "0:aF 0:bF"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.script == nil {
				tt.script = map[string]string{}
			}
			got := strings.Join(play(t, runOf(tt.metrics...), tt.script, 10*time.Minute), " ")
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestLimits has each limit at, below and above, and what each leads to.
func TestLimits(t *testing.T) {
	tests := []struct {
		name    string
		limits  func(*v1alpha1.Metric)
		script  string
		phase   v1alpha1.AnalysisPhase
		message string
		counts  [4]int32 // successful, failed, inconclusive, error
	}{
		{"failures below the limit", func(m *v1alpha1.Metric) { m.FailureLimit = num(2) }, "FSS", successful, "", [4]int32{2, 1, 0, 0}},
		{"failures at the limit", func(m *v1alpha1.Metric) { m.FailureLimit = num(2) }, "FFS", successful, "", [4]int32{1, 2, 0, 0}},
		{"failures above the limit", func(m *v1alpha1.Metric) { m.FailureLimit = num(2) }, "FFF", failed,
			`Metric "m" assessed Failed due to failed (3) > failureLimit (2)`, [4]int32{0, 3, 0, 0}},
		{"the limit as a string", func(m *v1alpha1.Metric) { m.FailureLimit = ptr.To(intstr.FromString("2")) }, "FFF", failed,
			`Metric "m" assessed Failed due to failed (3) > failureLimit (2)`, [4]int32{0, 3, 0, 0}},
		{"no failure limit is 0", nil, "SFS", failed, `Metric "m" assessed Failed due to failed (1) > failureLimit (0)`, [4]int32{1, 1, 0, 0}},
		{"no inconclusive limit is 0", nil, "SI", inconclusive, `Metric "m" assessed Inconclusive due to inconclusive (1) > inconclusiveLimit (0)`, [4]int32{1, 0, 1, 0}},
		{"inconclusive at the limit", func(m *v1alpha1.Metric) { m.InconclusiveLimit = num(2) }, "ISI", successful, "", [4]int32{1, 0, 2, 0}},
		{"inconclusive above the limit", func(m *v1alpha1.Metric) { m.InconclusiveLimit = num(2) }, "III", inconclusive,
			`Metric "m" assessed Inconclusive due to inconclusive (3) > inconclusiveLimit (2)`, [4]int32{0, 0, 3, 0}},
		{"four errors in a row", nil, "EEEESSS", successful, "", [4]int32{3, 0, 0, 4}},
		{"five errors in a row", nil, "EEEEE", errored,
			`Metric "m" assessed Error due to consecutiveErrors (5) > consecutiveErrorLimit (4): "Error Message: no route to host"`, [4]int32{0, 0, 0, 5}},
		{"five errors not in a row", nil, "EESEEESS", successful, "", [4]int32{3, 0, 0, 5}},
		{"an error limit of 0", func(m *v1alpha1.Metric) { m.ConsecutiveErrorLimit = num(0) }, "SE", errored,
			`Metric "m" assessed Error due to consecutiveErrors (1) > consecutiveErrorLimit (0): "Error Message: no route to host"`, [4]int32{1, 0, 0, 1}},
		{"a failure does not forget errors", func(m *v1alpha1.Metric) { m.FailureLimit = num(1); m.ConsecutiveErrorLimit = num(1) }, "EFES", successful, "", [4]int32{2, 1, 0, 2}},
		{"successes in a row reached", func(m *v1alpha1.Metric) { m.ConsecutiveSuccessLimit, m.FailureLimit = num(2), num(1) }, "FSS", successful, "", [4]int32{2, 1, 0, 0}},
		{"successes in a row reached at once", func(m *v1alpha1.Metric) { m.ConsecutiveSuccessLimit = num(2) }, "SS", successful, "", [4]int32{2, 0, 0, 0}},
		{"successes in a row not reached, failures limited", func(m *v1alpha1.Metric) { m.ConsecutiveSuccessLimit, m.FailureLimit = num(2), num(1) }, "SFS", inconclusive,
			`Metric "m" assessed Inconclusive due to consecutiveSuccesses (1) < consecutiveSuccessLimit (2)`, [4]int32{2, 1, 0, 0}},
		{"successes in a row not reached, failures not limited", func(m *v1alpha1.Metric) { m.ConsecutiveSuccessLimit, m.FailureLimit = num(2), num(-1) }, "FSF", failed,
			`Metric "m" assessed Failed due to consecutiveSuccesses (0) < consecutiveSuccessLimit (2)`, [4]int32{1, 2, 0, 0}},
		{"successes in a row without a count", func(m *v1alpha1.Metric) {
			m.Count, m.ConsecutiveSuccessLimit, m.FailureLimit = nil, num(3), num(-1)
		}, "FSSFSES", successful, "", [4]int32{6, 2, 0, 1}},
		{"failures beat successes in a row", func(m *v1alpha1.Metric) { m.ConsecutiveSuccessLimit = num(2) }, "SF", failed,
			`Metric "m" assessed Failed due to failed (1) > failureLimit (0)`, [4]int32{1, 1, 0, 0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			run := runOf(prom("m", func(m *v1alpha1.Metric) {
				m.Interval, m.Count = "30s", num(3)
				if tt.limits != nil {
					tt.limits(m)
				}
			}))
			play(t, run, map[string]string{"m": tt.script}, time.Hour)
			s, r := run.Status, run.Status.MetricResults[0]
			if s.Phase != tt.phase || r.Phase != tt.phase || s.Message != tt.message {
				t.Errorf("got %s %q (metric %s), want %s %q", s.Phase, s.Message, r.Phase, tt.phase, tt.message)
			}
			if want := r.Measurements[len(r.Measurements)-1].Message; r.Message != want {
				t.Errorf("message of the metric: got %q, want %q, that of its last measurement", r.Message, want)
			}
			if got := [4]int32{r.Successful, r.Failed, r.Inconclusive, r.Error}; got != tt.counts {
				t.Errorf("counts: got %v, want %v", got, tt.counts)
			}
			if s.CompletedAt == nil {
				t.Error("the end has no time")
			}
		})
	}
}

// TestLimitsTogether: errors hide what is inconclusive, which hides failures.
func TestLimitsTogether(t *testing.T) {
	m := &metric{}
	m.spec.Name = "m"
	all := v1alpha1.MetricResult{ConsecutiveError: 1, Inconclusive: 1, Failed: 1}
	for _, tt := range []struct {
		change func(*v1alpha1.MetricResult)
		want   v1alpha1.AnalysisPhase
	}{
		{func(*v1alpha1.MetricResult) {}, errored},
		{func(r *v1alpha1.MetricResult) { r.ConsecutiveError = 0 }, inconclusive},
		{func(r *v1alpha1.MetricResult) { r.ConsecutiveError, r.Inconclusive = 0, 0 }, failed},
		{func(r *v1alpha1.MetricResult) { r.ConsecutiveError, r.Inconclusive, r.Failed = 0, 0, 0 }, running},
	} {
		r := all
		tt.change(&r)
		if got, _ := m.exceeded(&r); got != tt.want {
			t.Errorf("%+v: got %s, want %s", r, got, tt.want)
		}
	}
}

// TestRunPhase has the phases of two metrics and what they make of a run.
func TestRunPhase(t *testing.T) {
	tests := []struct {
		a, b    string // scripts
		dry     string
		phase   v1alpha1.AnalysisPhase
		message string
		summary v1alpha1.RunSummary
		drySum  *v1alpha1.RunSummary
	}{
		{a: "S", b: "S", phase: successful, summary: v1alpha1.RunSummary{Count: 2, Successful: 2}},
		{a: "S", b: "F", phase: failed, message: `Metric "b" assessed Failed due to failed (1) > failureLimit (0)`, summary: v1alpha1.RunSummary{Count: 2, Successful: 1, Failed: 1}},
		{a: "F", b: "F", phase: failed, message: `Metric "a" assessed Failed due to failed (1) > failureLimit (0)`, summary: v1alpha1.RunSummary{Count: 2, Failed: 2}},
		{a: "I", b: "F", phase: failed, message: `Metric "b" assessed Failed due to failed (1) > failureLimit (0)`, summary: v1alpha1.RunSummary{Count: 2, Failed: 1, Inconclusive: 1}},
		{a: "E", b: "I", phase: errored, message: `Metric "a" assessed Error due to consecutiveErrors (1) > consecutiveErrorLimit (0): "Error Message: no route to host"`, summary: v1alpha1.RunSummary{Count: 2, Error: 1, Inconclusive: 1}},
		{a: "S", b: "I", phase: inconclusive, message: `Metric "b" assessed Inconclusive due to inconclusive (1) > inconclusiveLimit (0)`, summary: v1alpha1.RunSummary{Count: 2, Successful: 1, Inconclusive: 1}},
		{a: "S", b: "F", dry: "b", phase: successful, summary: v1alpha1.RunSummary{Count: 1, Successful: 1}, drySum: &v1alpha1.RunSummary{Count: 1, Failed: 1}},
		{a: "F", b: "E", dry: ".*", phase: successful, summary: v1alpha1.RunSummary{}, drySum: &v1alpha1.RunSummary{Count: 2, Failed: 1, Error: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.a+tt.b+tt.dry, func(t *testing.T) {
			limit := func(m *v1alpha1.Metric) { m.ConsecutiveErrorLimit = num(0) }
			run := runOf(prom("a", limit), prom("b", limit))
			if tt.dry != "" {
				run.Spec.DryRun = []v1alpha1.DryRun{{MetricName: tt.dry}}
			}
			play(t, run, map[string]string{"a": tt.a, "b": tt.b}, time.Hour)
			got := run.Status
			if got.Phase != tt.phase || got.Message != tt.message {
				t.Errorf("got %s %q, want %s %q", got.Phase, got.Message, tt.phase, tt.message)
			}
			if diff := cmp.Diff(tt.summary, got.RunSummary); diff != "" {
				t.Errorf("summary (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.drySum, got.DryRunSummary); diff != "" {
				t.Errorf("dry run summary (-want +got):\n%s", diff)
			}
		})
	}
}

// A metric that runs dry says itself why it is bad. Of the others the run does, and they
// have the message of their last measurement.
func TestMessageOfAMetric(t *testing.T) {
	for _, tt := range []struct {
		script string
		dry    bool
		want   string
	}{
		{"S", true, ""},
		{"S", false, ""},
		{"F", true, "Metric assessed Failed due to failed (1) > failureLimit (0)"},
		{"F", false, ""},
		{"E", true, `Metric assessed Error due to consecutiveErrors (1) > consecutiveErrorLimit (0): "Error Message: no route to host"`},
		{"E", false, "no route to host"},
	} {
		run := runOf(prom("a", func(m *v1alpha1.Metric) { m.ConsecutiveErrorLimit = num(0) }))
		if tt.dry {
			run.Spec.DryRun = []v1alpha1.DryRun{{MetricName: "a"}}
		}
		play(t, run, map[string]string{"a": tt.script}, time.Hour)
		if r := run.Status.MetricResults[0]; r.Message != tt.want || r.DryRun != tt.dry {
			t.Errorf("%s, dry %t: got %q, dry %t; want %q", tt.script, tt.dry, r.Message, r.DryRun, tt.want)
		}
	}
}

// TestTerminate ends runs from outside and from inside, with measurements under
// way and without.
func TestTerminate(t *testing.T) {
	forever := func(m *v1alpha1.Metric) { m.Interval = "1m"; m.FailureLimit = num(1) }
	t.Run("before the start", func(t *testing.T) {
		run := runOf(prom("a", forever))
		run.Spec.Terminate = true
		log := play(t, run, map[string]string{}, time.Hour)
		if len(log) > 0 || run.Status.Phase != successful || run.Status.Message != "Run Terminated" || len(run.Status.MetricResults) > 0 {
			t.Errorf("got %v, %+v", log, run.Status)
		}
	})
	t.Run("a background run with a tolerated failure", func(t *testing.T) {
		run := runOf(prom("a", forever))
		play(t, run, map[string]string{"a": "SFS"}, 2*time.Minute)
		run.Spec.Terminate = true
		p := Read(run).Assess(nil, noon.Add(150*time.Second))
		r := p.Status.MetricResults[0]
		if p.Status.Phase != successful || p.Status.Message != "Run Terminated" || r.Phase != successful || r.Message != "Metric Terminated" || r.Failed != 1 || r.Count != 3 {
			t.Errorf("got %+v", p.Status)
		}
	})
	t.Run("with a measurement under way", func(t *testing.T) {
		run := runOf(prom("a", forever))
		play(t, run, map[string]string{"a": "J"}, 0)
		run.Spec.Terminate = true
		p := Read(run).Assess(nil, noon.Add(time.Second))
		if p.Status.Phase != running || !p.Wake.Equal(noon.Add(time.Second)) {
			t.Fatalf("ended with a measurement under way, or does not wake to end it: %+v", p)
		}
		run.Status = p.Status
		log := play(t, run, map[string]string{}, time.Hour)
		r := run.Status.MetricResults[0]
		if fmt.Sprint(log) != "[0:a terminated]" || run.Status.Phase != successful || r.Measurements[0].Message != "Metric Terminated" || r.Message != "Metric Terminated" {
			t.Errorf("got %v, %+v", log, run.Status)
		}
	})
	t.Run("another metric fails while one is under way", func(t *testing.T) {
		run := runOf(prom("a", nil), prom("b", nil))
		log := play(t, run, map[string]string{"a": "F", "b": "J"}, time.Hour)
		if fmt.Sprint(log) != "[0:aF 0:bR 0:b terminated]" || run.Status.Phase != failed {
			t.Errorf("got %v, %+v", log, run.Status)
		}
		want := v1alpha1.RunSummary{Count: 2, Successful: 1, Failed: 1}
		if diff := cmp.Diff(want, run.Status.RunSummary); diff != "" {
			t.Errorf("summary (-want +got):\n%s", diff)
		}
	})
	t.Run("a metric that was never measured", func(t *testing.T) {
		run := runOf(prom("a", nil), prom("b", func(m *v1alpha1.Metric) { m.InitialDelay = "1m" }))
		play(t, run, map[string]string{"a": "F"}, time.Hour)
		if run.Status.Phase != failed || len(run.Status.MetricResults) != 1 || run.Status.RunSummary.Count != 2 {
			t.Errorf("got %+v", run.Status)
		}
	})
	t.Run("a bad dry metric ends nothing", func(t *testing.T) {
		run := runOf(prom("a", nil), prom("b", func(m *v1alpha1.Metric) { m.InitialDelay = "1m" }))
		run.Spec.DryRun = []v1alpha1.DryRun{{MetricName: "a"}}
		log := play(t, run, map[string]string{"a": "F"}, time.Hour)
		if fmt.Sprint(log) != "[0:aF 60:bS]" || run.Status.Phase != successful {
			t.Errorf("got %v, %+v", log, run.Status)
		}
	})
}

func TestResume(t *testing.T) {
	run := runOf(prom("a", nil))
	later := metav1.NewTime(noon.Add(20 * time.Second))
	p := Read(run).Assess([]Outcome{{Metric: "a", Measurement: v1alpha1.Measurement{ResumeAt: &later, Metadata: map[string]string{"job-name": "j"}}}}, noon)
	if m := p.Status.MetricResults[0].Measurements[0]; m.Phase != running || !p.Wake.Equal(later.Time) {
		t.Fatalf("got %+v, wake %s", m, p.Wake)
	}
	run.Status = p.Status
	if tasks := Read(run).Due(noon.Add(19 * time.Second)); len(tasks) != 0 {
		t.Errorf("due too early: %+v", tasks)
	}
	tasks := Read(run).Due(later.Time)
	if len(tasks) != 1 || tasks[0].Kind != Resume || tasks[0].Measurement.Metadata["job-name"] != "j" || tasks[0].Number != 1 {
		t.Fatalf("got %+v", tasks)
	}
	m := tasks[0].Measurement // the provider forgot to move ResumeAt
	p = Read(run).Assess([]Outcome{{Metric: "a", Measurement: m}}, later.Add(time.Second))
	if !p.Wake.Equal(later.Add(2 * time.Second)) {
		t.Errorf("wakes at %s, a hot loop", p.Wake)
	}
	m.Phase = successful
	p = Read(run).Assess([]Outcome{{Metric: "a", Measurement: m}}, later.Add(time.Second))
	got := p.Status.MetricResults[0]
	if p.Status.Phase != successful || len(got.Measurements) != 1 || got.Count != 1 || got.Measurements[0].ResumeAt != nil || !got.Measurements[0].StartedAt.Time.Equal(noon) {
		t.Errorf("got %+v", p.Status)
	}
}

func TestNumbers(t *testing.T) {
	run := runOf(prom("a", func(m *v1alpha1.Metric) { m.Interval, m.FailureLimit, m.Count = "1s", num(5), num(30) }))
	run.Spec.MeasurementRetention = []v1alpha1.MeasurementRetention{{MetricName: "a", Limit: 2}}
	play(t, run, map[string]string{"a": "SFESF"}, 3*time.Second)
	tasks := Read(run).Due(noon.Add(time.Minute))
	if len(tasks) != 1 || tasks[0].Number != 4 {
		t.Errorf("got %+v, want the fourth measurement", tasks)
	}
}

func TestRetention(t *testing.T) {
	for _, tt := range []struct {
		rules []v1alpha1.MeasurementRetention
		want  int
	}{
		{nil, 10},
		{[]v1alpha1.MeasurementRetention{{MetricName: "a", Limit: 3}}, 3},
		{[]v1alpha1.MeasurementRetention{{MetricName: ".*", Limit: 20}}, 12},
		{[]v1alpha1.MeasurementRetention{{MetricName: "a", Limit: 0}}, 10},
	} {
		run := runOf(prom("a", func(m *v1alpha1.Metric) { m.Interval, m.Count = "10s", num(12) }))
		run.Spec.MeasurementRetention = tt.rules
		play(t, run, map[string]string{}, time.Hour)
		r := run.Status.MetricResults[0]
		if len(r.Measurements) != tt.want || r.Count != 12 {
			t.Errorf("%+v: got %d measurements, count %d; want %d", tt.rules, len(r.Measurements), r.Count, tt.want)
		}
		if end := r.Measurements[len(r.Measurements)-1]; !end.FinishedAt.Time.Equal(noon.Add(110 * time.Second)) {
			t.Errorf("%+v: the newest is not kept: %+v", tt.rules, end)
		}
	}
}

func TestTrimmed(t *testing.T) {
	run := runOf(prom("a", func(m *v1alpha1.Metric) { m.Interval = "10s" }))
	run.Spec.MeasurementRetention = []v1alpha1.MeasurementRetention{{MetricName: "a", Limit: 1}}
	one := []Outcome{{Metric: "a", Measurement: measurementOf('S')}}
	p := Read(run).Assess(one, noon)
	if len(p.Trimmed) != 0 {
		t.Errorf("trimmed %+v", p.Trimmed)
	}
	run.Status = p.Status
	p = Read(run).Assess(one, noon.Add(10*time.Second))
	if diff := cmp.Diff([]Trim{{Metric: "a", Keep: 1}}, p.Trimmed); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEvents(t *testing.T) {
	run := runOf(prom("a", nil), prom("b", nil))
	p := Read(run).Assess([]Outcome{{Metric: "a", Measurement: measurementOf('S')}, {Metric: "b", Measurement: measurementOf('F')}}, noon)
	var got []string
	for _, n := range p.Why {
		if n.Event {
			got = append(got, n.EventType()+" "+n.Reason+" "+n.Message)
		}
	}
	want := []string{
		"Normal MetricSuccessful Metric 'a' Completed. Result: Successful",
		"Warning MetricFailed Metric 'b' Completed. Result: Failed",
		"Warning AnalysisRunFailed Analysis Completed. Result: Failed",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestInvalidRuns(t *testing.T) {
	twice := []v1alpha1.Metric{prom("a", nil), prom("a", nil)}
	tests := []struct {
		name string
		run  *v1alpha1.AnalysisRun
		more func(*v1alpha1.AnalysisRun)
		want string
	}{
		{"no metrics", runOf(), nil, "Analysis spec invalid: no metrics specified"},
		{"names", runOf(twice...), nil, "Analysis spec invalid: metrics[1]: duplicate name 'a'"},
		{"an argument without a value", runOf(prom("a", nil)), func(r *v1alpha1.AnalysisRun) { r.Spec.Args = []v1alpha1.Argument{{Name: "namespace"}} },
			`Unable to resolve metric arguments: argument "namespace" was not supplied`},
		{"an argument that is not there", runOf(prom("a", func(m *v1alpha1.Metric) { m.SuccessCondition = "result > {{ args.api-token }}" })), nil,
			"Unable to resolve metric arguments: failed to resolve {{args.api-token}}"},
		{"a dry run rule", runOf(prom("a", nil)), func(r *v1alpha1.AnalysisRun) { r.Spec.DryRun = []v1alpha1.DryRun{{MetricName: "b"}} },
			"Analysis spec invalid: dryRun[0]: Rule didn't match any metric name(s)"},
		{"a retention rule", runOf(prom("a", nil)), func(r *v1alpha1.AnalysisRun) {
			r.Spec.MeasurementRetention = []v1alpha1.MeasurementRetention{{MetricName: "a"}, {MetricName: "x"}}
		}, "Analysis spec invalid: measurementRetention[1]: Rule didn't match any metric name(s)"},
		{"a rule that is no expression", runOf(prom("a", nil)), func(r *v1alpha1.AnalysisRun) { r.Spec.DryRun = []v1alpha1.DryRun{{MetricName: "("}} },
			"Analysis spec invalid: dryRun[0]: error parsing regexp: missing closing ): `(`"},
		{"a limit from a Secret", runOf(prom("a", func(m *v1alpha1.Metric) { m.Count = ptr.To(intstr.FromString("{{args.s}}")) })), func(r *v1alpha1.AnalysisRun) {
			r.Spec.Args = []v1alpha1.Argument{{Name: "s", ValueFrom: &v1alpha1.ValueFrom{SecretKeyRef: &v1alpha1.SecretKeyRef{Name: "n", Key: "k"}}}}
		}, `Analysis spec invalid: metrics[0]: "{{args.s}}": a time or a limit cannot come from a Secret: give the argument a value`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.more != nil {
				tt.more(tt.run)
			}
			a := Read(tt.run)
			if tasks := a.Due(noon); len(tasks) > 0 {
				t.Errorf("something is due: %+v", tasks)
			}
			p := a.Assess(nil, noon)
			if p.Status.Phase != errored || p.Status.Message != tt.want || p.Status.CompletedAt == nil || p.Status.StartedAt == nil {
				t.Errorf("got %s %q, want %q", p.Status.Phase, p.Status.Message, tt.want)
			}
			if n := p.Why[len(p.Why)-1]; n.Reason != "AnalysisRunError" || !n.Warning {
				t.Errorf("event %+v", n)
			}
		})
	}
}

func TestTimeToLive(t *testing.T) {
	sec := func(n int32) *int32 { return &n }
	tests := []struct {
		phase v1alpha1.AnalysisPhase
		ttl   *v1alpha1.TTLStrategy
		want  time.Duration // after the end; negative: never
	}{
		{successful, nil, -1},
		{successful, &v1alpha1.TTLStrategy{}, -1},
		{successful, &v1alpha1.TTLStrategy{SecondsAfterCompletion: sec(10)}, 10 * time.Second},
		{successful, &v1alpha1.TTLStrategy{SecondsAfterCompletion: sec(10), SecondsAfterSuccess: sec(20)}, 20 * time.Second},
		{successful, &v1alpha1.TTLStrategy{SecondsAfterFailure: sec(20)}, -1},
		{failed, &v1alpha1.TTLStrategy{SecondsAfterCompletion: sec(10), SecondsAfterFailure: sec(0)}, 0},
		{errored, &v1alpha1.TTLStrategy{SecondsAfterCompletion: sec(10), SecondsAfterSuccess: sec(20)}, 10 * time.Second},
		{inconclusive, &v1alpha1.TTLStrategy{SecondsAfterFailure: sec(30)}, 30 * time.Second},
	}
	for _, tt := range tests {
		run := runOf(prom("a", nil))
		run.Spec.TTLStrategy = tt.ttl
		end := metav1.NewTime(noon)
		run.Status = v1alpha1.AnalysisRunStatus{Phase: tt.phase, CompletedAt: &end}
		p := Read(run).Assess(nil, noon.Add(5*time.Second))
		switch {
		case tt.want < 0:
			if p.Delete || !p.Wake.IsZero() {
				t.Errorf("%s %+v: delete %t, wake %s; want to keep it", tt.phase, tt.ttl, p.Delete, p.Wake)
			}
		case tt.want <= 5*time.Second:
			if !p.Delete {
				t.Errorf("%s %+v: kept", tt.phase, tt.ttl)
			}
		default:
			if p.Delete || !p.Wake.Equal(noon.Add(tt.want)) {
				t.Errorf("%s %+v: delete %t, wake %s", tt.phase, tt.ttl, p.Delete, p.Wake)
			}
			if p = Read(run).Assess(nil, noon.Add(tt.want)); !p.Delete {
				t.Errorf("%s %+v: kept after its time", tt.phase, tt.ttl)
			}
		}
	}
	run := runOf(prom("a", nil))
	run.Spec.TTLStrategy = &v1alpha1.TTLStrategy{SecondsAfterCompletion: sec(10)}
	if p := Read(run).Assess([]Outcome{{Metric: "a", Measurement: measurementOf('S')}}, noon); !p.Wake.Equal(noon.Add(10 * time.Second)) {
		t.Errorf("the end does not ask to be woken for the deletion: %+v", p)
	}
}

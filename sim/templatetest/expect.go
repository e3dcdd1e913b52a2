package templatetest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/sim/trial"
)

// Mismatch is something that came out other than expected.
type Mismatch struct {
	// Line is that of the expectation, Field its name below expect:
	// "metrics.success-rate.failed".
	Line  int
	Field string
	// Expected and Got are texts for people.
	Expected, Got string
}

// check sees that an expectation can be met by a run.
func (e *expectation) check(at place, spec v1alpha1.AnalysisRunSpec) error {
	if e.Phase == "" {
		return at.problem("it is not said how the run has to end", "set expect.phase to Successful, Failed, Error or Inconclusive")
	}
	if err := at.field("phase").phase(e.Phase, v1alpha1.AnalysisPhaseRunning); err != nil {
		return err
	}
	if _, err := at.field("after").duration(e.After); err != nil {
		return err
	}
	var names []string
	for _, m := range spec.Metrics {
		names = append(names, m.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(e.Metrics)) {
		at := at.field("metrics.%s", name)
		if !slices.Contains(names, name) {
			return at.problem(fmt.Sprintf("this test has no metric %q", name), "there is "+strings.Join(names, ", "))
		}
		if err := e.Metrics[name].check(at); err != nil {
			return err
		}
	}
	return nil
}

func (m metricExpected) check(at place) error {
	if err := at.field("phase").phase(m.Phase, v1alpha1.AnalysisPhaseRunning); err != nil {
		return err
	}
	for i, one := range m.Measurements {
		at := at.field("measurements[%d]", i)
		if err := at.field("phase").phase(one.Phase); err != nil {
			return err
		}
		if _, err := at.field("at").duration(one.At); err != nil {
			return err
		}
	}
	return nil
}

// comparison collects what is not as expected.
type comparison struct {
	root  place
	found []Mismatch
}

// compare holds a record against an expectation.
func (e *expectation) compare(at place, r *trial.Record) []Mismatch {
	c := &comparison{root: at}
	status := &r.Run.Status
	compareValue(c, "phase", e.Phase, status.Phase)
	c.message("message", e.Message, status.Message)
	c.time("after", e.After, r.Took)
	for _, name := range slices.Sorted(maps.Keys(e.Metrics)) {
		got := v1alpha1.MetricResult{Name: name}
		for _, m := range status.MetricResults {
			if m.Name == name {
				got = m
			}
		}
		c.metric("metrics."+name, e.Metrics[name], got, measurementsOf(r, name))
	}
	return c.found
}

func measurementsOf(r *trial.Record, metric string) []trial.Measurement {
	return slices.DeleteFunc(slices.Clone(r.Measurements), func(m trial.Measurement) bool { return m.Metric != metric })
}

func (c *comparison) metric(field string, want metricExpected, got v1alpha1.MetricResult, measurements []trial.Measurement) {
	compareValue(c, field+".phase", want.Phase, got.Phase)
	c.message(field+".message", want.Message, got.Message)
	c.count(field+".count", want.Count, got.Count)
	c.count(field+".successful", want.Successful, got.Successful)
	c.count(field+".failed", want.Failed, got.Failed)
	c.count(field+".inconclusive", want.Inconclusive, got.Inconclusive)
	c.count(field+".error", want.Error, got.Error)
	if want.Measurements == nil {
		return
	}
	if len(want.Measurements) != len(measurements) {
		c.add(field+".measurements", count(len(want.Measurements)), count(len(measurements)))
	}
	for i := range min(len(want.Measurements), len(measurements)) {
		c.measurement(fmt.Sprintf("%s.measurements[%d]", field, i), want.Measurements[i], measurements[i])
	}
}

func count(n int) string {
	if n == 1 {
		return "1 measurement"
	}
	return fmt.Sprintf("%d measurements", n)
}

func (c *comparison) measurement(field string, want measurementExpected, got trial.Measurement) {
	c.time(field+".at", want.At, got.Started)
	compareValue(c, field+".phase", want.Phase, got.Phase)
	if want.Value != nil && !sameValue(want.Value, got.Value) {
		c.add(field+".value", plain(want.Value), got.Value)
	}
	c.message(field+".message", want.Message, got.Message)
}

// compareValue compares what is expected, unless it is the zero value.
func compareValue[T ~string](c *comparison, field string, want, got T) {
	if want != "" && want != got {
		c.add(field, string(want), string(got))
	}
}

func (c *comparison) count(field string, want *int32, got int32) {
	if want != nil && *want != got {
		c.add(field, fmt.Sprint(*want), fmt.Sprint(got))
	}
}

func (c *comparison) message(field string, want *string, got string) {
	if want != nil && !sameText(*want, got) {
		c.add(field, *want, got)
	}
}

func (c *comparison) time(field, want string, got time.Duration) {
	if want == "" {
		return
	}
	if d, err := c.root.field("%s", field).duration(want); err != nil || d != got {
		c.add(field, want, got.String())
	}
}

// add notes a difference. What is empty is called nothing.
func (c *comparison) add(field, want, got string) {
	c.found = append(c.found, Mismatch{Line: c.root.field("%s", field).line(), Field: field, Expected: orNothing(want), Got: orNothing(got)})
}

func orNothing(s string) string {
	if s == "" {
		return "(nothing)"
	}
	return s
}

package analysis

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

const (
	// defaultErrorLimit is how many errors in a row a metric tolerates.
	defaultErrorLimit = 4
	// defaultRetention is how many measurements of a metric are kept.
	defaultRetention = 10
	// noLimit as failureLimit tolerates any number of failures.
	noLimit = -1
)

// Analysis is an AnalysisRun made ready for questions: see [Read].
type Analysis struct {
	run *v1alpha1.AnalysisRun
	Reading
}

// Reading is what follows from the spec of a run alone. It is not modified once made,
// so that one serves for as long as the spec is the same: see [ReadSpec].
type Reading struct {
	metrics []metric
	// problem is why the run cannot be carried out; empty if it can.
	problem string
}

// metric is a metric as numbers and durations.
type metric struct {
	// spec has the arguments put in, all but the secret ones.
	spec v1alpha1.Metric
	// interval is 0 if the metric is measured once.
	interval, initialDelay time.Duration
	// count of measurements; 0 for no end.
	count                                                  int32
	failureLimit, inconclusiveLimit, consecutiveErrorLimit int32
	// consecutiveSuccessLimit is 0 if successes in a row do not end the metric.
	consecutiveSuccessLimit int32
	dryRun                  bool
	// keep is how many measurements are kept.
	keep int
}

// Read makes a run ready for questions. It does not modify the run, which must
// not change as long as the Analysis is in use. A run that cannot be carried out
// is no error here: [Analysis.Assess] ends it.
func Read(run *v1alpha1.AnalysisRun) *Analysis {
	if run.Status.Phase.Completed() {
		return &Analysis{run: run}
	}
	return ReadSpec(&run.Spec).Of(run)
}

// Of makes a run ready for questions whose spec is the one that was read.
func (r Reading) Of(run *v1alpha1.AnalysisRun) *Analysis { return &Analysis{run: run, Reading: r} }

// ReadSpec does the part of [Read] that needs the spec only.
func ReadSpec(spec *v1alpha1.AnalysisRunSpec) (r Reading) {
	specs, err := putArgs(spec.Metrics, spec.Args)
	if err != nil {
		r.problem = "Unable to resolve metric arguments: " + err.Error()
		return r
	}
	if err := r.read(spec, specs); err != nil {
		r.problem = "Analysis spec invalid: " + err.Error()
	}
	return r
}

// Problem is why the run cannot be carried out, in the words of its message when
// it ends in Error for that; empty if it can.
func (r Reading) Problem() string { return r.problem }

func (r *Reading) read(spec *v1alpha1.AnalysisRunSpec, specs []v1alpha1.Metric) (err error) {
	if r.metrics, err = readMetrics(specs); err != nil {
		return err
	}
	for i, m := range specs {
		if err := needsNoSecret(m); err != nil {
			return fmt.Errorf("metrics[%d]: %w", i, err)
		}
	}
	return r.readRules(spec)
}

// needsNoSecret refuses a metric whose times or limits come from a Secret:
// Secrets are read when it is time to measure, which these decide.
func needsNoSecret(m v1alpha1.Metric) error {
	texts := []string{string(m.Interval), string(m.InitialDelay)}
	for _, n := range []*intstr.IntOrString{m.Count, m.FailureLimit, m.InconclusiveLimit, m.ConsecutiveErrorLimit, m.ConsecutiveSuccessLimit} {
		if n != nil {
			texts = append(texts, n.StrVal)
		}
	}
	for _, text := range texts {
		if waitsForArg(text) {
			return fmt.Errorf("%q: a time or a limit cannot come from a Secret: give the argument a value", text)
		}
	}
	return nil
}

// readRules applies dryRun and measurementRetention to the metrics that they
// match. As in the original, an expression matches a part of a name: "rate"
// also matches error-rate. The last retention rule that matches a metric wins.
func (r *Reading) readRules(spec *v1alpha1.AnalysisRunSpec) error {
	for i, rule := range spec.DryRun {
		err := r.each(rule.MetricName, func(m *metric) { m.dryRun = true })
		if err != nil {
			return fmt.Errorf("dryRun[%d]: %w", i, err)
		}
	}
	for i, rule := range spec.MeasurementRetention {
		err := r.each(rule.MetricName, func(m *metric) {
			if m.keep = int(rule.Limit); m.keep <= 0 {
				m.keep = defaultRetention
			}
		})
		if err != nil {
			return fmt.Errorf("measurementRetention[%d]: %w", i, err)
		}
	}
	return nil
}

// each calls apply with the metrics that a rule matches.
func (r *Reading) each(rule string, apply func(*metric)) error {
	expression, err := regexp.Compile(rule)
	if err != nil {
		return err
	}
	matched := false
	for i := range r.metrics {
		if expression.MatchString(r.metrics[i].spec.Name) {
			matched = true
			apply(&r.metrics[i])
		}
	}
	if !matched {
		//lint:ignore ST1005 the words of the original
		return errors.New("Rule didn't match any metric name(s)")
	}
	return nil
}

// Validate says what is wrong with the metrics of a run or of a template, the
// first error only. Values that still wait for an argument are not looked at.
func Validate(metrics []v1alpha1.Metric) error {
	_, err := readMetrics(metrics)
	return err
}

// RunsForever says whether a metric is measured until something ends it. It
// cannot be told while the count still waits for an argument; the answer is
// then false.
func RunsForever(m v1alpha1.Metric) bool {
	count, known, err := readNumber(m.Count, 0)
	return err == nil && known && count == 0 && m.Interval != ""
}

func readMetrics(specs []v1alpha1.Metric) ([]metric, error) {
	if len(specs) == 0 {
		return nil, errors.New("no metrics specified")
	}
	names := map[string]bool{}
	metrics := make([]metric, 0, len(specs))
	for i, spec := range specs {
		if names[spec.Name] {
			return nil, fmt.Errorf("metrics[%d]: duplicate name '%s'", i, spec.Name)
		}
		names[spec.Name] = true
		m, err := readMetric(spec)
		if err != nil {
			return nil, fmt.Errorf("metrics[%d]: %w", i, err)
		}
		metrics = append(metrics, m)
	}
	return metrics, nil
}

func readMetric(spec v1alpha1.Metric) (metric, error) {
	m := metric{spec: spec, keep: defaultRetention}
	if err := m.readTimes(); err != nil {
		return m, err
	}
	if err := m.readLimits(); err != nil {
		return m, err
	}
	_, err := ProviderKind(spec.Provider)
	return m, err
}

func (m *metric) readTimes() error {
	var err error
	if m.interval, err = readDuration("interval", m.spec.Interval); err != nil {
		return err
	}
	if m.spec.Interval != "" && m.interval <= 0 && !waitsForArg(string(m.spec.Interval)) {
		return fmt.Errorf("interval must be > 0, got %s", m.spec.Interval)
	}
	if m.initialDelay, err = readDuration("initialDelay", m.spec.InitialDelay); err != nil {
		return err
	}
	if m.initialDelay < 0 {
		return fmt.Errorf("initialDelay must be >= 0, got %s", m.spec.InitialDelay)
	}
	return nil
}

// readLimits reads count and the four limits, and checks them against each
// other: a metric with count 3 cannot fail more than 3 times.
func (m *metric) readLimits() error {
	known := true
	for _, n := range []struct {
		name     string
		from     *intstr.IntOrString
		to       *int32
		fallback int32
	}{
		{"count", m.spec.Count, &m.count, 0},
		{"failureLimit", m.spec.FailureLimit, &m.failureLimit, 0},
		{"inconclusiveLimit", m.spec.InconclusiveLimit, &m.inconclusiveLimit, 0},
		{"consecutiveErrorLimit", m.spec.ConsecutiveErrorLimit, &m.consecutiveErrorLimit, defaultErrorLimit},
		{"consecutiveSuccessLimit", m.spec.ConsecutiveSuccessLimit, &m.consecutiveSuccessLimit, 0},
	} {
		value, closed, err := readNumber(n.from, n.fallback)
		if err != nil {
			return fmt.Errorf("%s: %w", n.name, err)
		}
		*n.to, known = value, known && closed
	}
	if !known {
		return nil // an argument will tell
	}
	if err := m.checkLimits(); err != nil {
		return err
	}
	if m.count == 0 && m.spec.Interval == "" {
		m.count = 1
	}
	return nil
}

func (m *metric) checkLimits() error {
	switch {
	case m.count < 0:
		return errors.New("count must be >= 0")
	case m.failureLimit < 0 && (m.failureLimit != noLimit || m.consecutiveSuccessLimit <= 0):
		return errors.New("failureLimit must be >= 0, or -1 together with consecutiveSuccessLimit > 0")
	case m.inconclusiveLimit < 0:
		return errors.New("inconclusiveLimit must be >= 0")
	case m.consecutiveErrorLimit < 0:
		return errors.New("consecutiveErrorLimit must be >= 0")
	case m.consecutiveSuccessLimit < 0:
		return errors.New("consecutiveSuccessLimit must be >= 0")
	case m.count > 1 && m.spec.Interval == "":
		return errors.New("interval must be specified when count > 1")
	case m.count == 0:
		return nil
	case m.consecutiveSuccessLimit > 0 && m.count < max(m.failureLimit, 0)+m.consecutiveSuccessLimit:
		return errors.New("count must be >= failureLimit + consecutiveSuccessLimit")
	case m.count < m.failureLimit:
		return errors.New("count must be >= failureLimit")
	case m.count < m.inconclusiveLimit:
		return errors.New("count must be >= inconclusiveLimit")
	}
	return nil
}

// readNumber reads a number or the digits of one. known is false if it waits
// for an argument.
func readNumber(v *intstr.IntOrString, fallback int32) (n int32, known bool, err error) {
	switch {
	case v == nil:
		return fallback, true, nil
	case v.Type == intstr.Int:
		return v.IntVal, true, nil
	case waitsForArg(v.StrVal):
		return fallback, false, nil
	}
	parsed, err := strconv.ParseInt(strings.TrimSpace(v.StrVal), 10, 32)
	if err != nil {
		return 0, true, fmt.Errorf("%q is not a whole number", v.StrVal)
	}
	return int32(parsed), true, nil
}

// readDuration reads Go's notation; an empty string, or one that waits for an
// argument, is 0.
func readDuration(name string, s v1alpha1.DurationString) (time.Duration, error) {
	if s == "" || waitsForArg(string(s)) {
		return 0, nil
	}
	d, err := s.Duration()
	if err != nil {
		return 0, fmt.Errorf("invalid %s string: %w", name, err)
	}
	return d, nil
}

// waitsForArg says whether a text still has a placeholder.
func waitsForArg(s string) bool { return strings.Contains(s, "{{") }

// ProviderKind is the name of the field of a provider that is set: "prometheus".
// None or several are an error.
func ProviderKind(p v1alpha1.MetricProvider) (string, error) {
	kind, found := "", 0
	v := reflect.ValueOf(p)
	for i := range v.NumField() {
		n := 1
		switch field := v.Field(i); {
		case field.IsZero():
			continue
		case field.Kind() == reflect.Map:
			n = field.Len()
		}
		kind, _, _ = strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		found += n
	}
	switch {
	case found == 0:
		return "", errors.New("no provider specified")
	case found > 1:
		return "", errors.New("multiple providers specified")
	}
	return kind, nil
}

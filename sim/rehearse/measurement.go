package rehearse

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/sim/store"
)

// Measurement is one look at a metric.
type Measurement struct {
	At      Duration `json:"at"`
	Seconds float64  `json:"seconds"`
	// Run is the AnalysisRun, Kind what it is for: "step 3", "background",
	// "pre-promotion", "post-promotion", "experiment".
	Run    string `json:"run"`
	Kind   string `json:"kind"`
	Metric string `json:"metric"`
	// Value is what was measured; Message says why there is none.
	Value   string                 `json:"value"`
	Phase   v1alpha1.AnalysisPhase `json:"phase"`
	Message string                 `json:"message,omitempty"`
	// DryRun is true if it does not count.
	DryRun bool `json:"dryRun,omitempty"`
}

// MeasurementEvent is the type of events that are measurements.
const MeasurementEvent = "Measurement"

// runSeen is what is known of an AnalysisRun.
type runSeen struct {
	name       string
	kind       string
	began      Duration
	ended      Duration // 0 while it runs
	phase      v1alpha1.AnalysisPhase
	measured   map[string]int32  // by metric: how many measurements there were
	resolved   map[string]string // by metric: the query with its arguments put in
	terminated bool
}

// runWritten notes the measurements and the end of an AnalysisRun.
func (o *observer) runWritten(e store.Event) {
	run, ok := e.Object.(*v1alpha1.AnalysisRun)
	if !ok || run.Namespace != o.key.Namespace {
		return
	}
	at := Duration(o.sim.Now().Sub(o.began))
	seen := o.runs[run.Name]
	if seen == nil {
		seen = &runSeen{name: run.Name, kind: kindOfRun(run), began: at, measured: map[string]int32{}, resolved: map[string]string{}}
		o.runs[run.Name] = seen
	}
	for i := range run.Status.MetricResults {
		o.metricWritten(run, &run.Status.MetricResults[i], seen, at)
	}
	seen.terminated = run.Spec.Terminate
	if run.Status.Phase.Completed() && seen.ended == 0 {
		seen.ended, seen.phase = at, run.Status.Phase
	}
}

func (o *observer) metricWritten(run *v1alpha1.AnalysisRun, m *v1alpha1.MetricResult, seen *runSeen, at Duration) {
	if query := m.Metadata[resolvedQuery]; query != "" {
		seen.resolved[m.Name] = query
	}
	done := slices.DeleteFunc(slices.Clone(m.Measurements), func(x v1alpha1.Measurement) bool { return !x.Phase.Completed() })
	total := m.Count + m.Error
	fresh := min(int(total-seen.measured[m.Name]), len(done))
	seen.measured[m.Name] = max(total, seen.measured[m.Name])
	for _, x := range done[len(done)-max(fresh, 0):] {
		found := Measurement{
			At: at, Seconds: at.Seconds(), Run: run.Name, Kind: seen.kind, Metric: m.Name,
			Value: x.Value, Phase: x.Phase, Message: x.Message, DryRun: m.DryRun,
		}
		o.measurements = append(o.measurements, found)
		o.pending = append(o.pending, Event{Type: MeasurementEvent, Reason: string(x.Phase), Message: found.text(), metric: m.Name})
	}
}

// resolvedQuery is where the Prometheus provider puts the query that it asked.
const resolvedQuery = "ResolvedPrometheusQuery"

// kindOfRun says what a run is for.
func kindOfRun(run *v1alpha1.AnalysisRun) string {
	switch run.Labels[v1alpha1.RolloutTypeLabel] {
	case v1alpha1.RolloutTypeBackgroundRunLabel:
		return "background"
	case v1alpha1.RolloutTypePrePromotionLabel:
		return "pre-promotion"
	case v1alpha1.RolloutTypePostPromotionLabel:
		return "post-promotion"
	case v1alpha1.RolloutTypeStepLabel:
		if index, err := strconv.Atoi(run.Labels["step-index"]); err == nil {
			return fmt.Sprintf("step %d", index+1)
		}
		return "step"
	}
	if owner := metav1.GetControllerOf(run); owner != nil && owner.Kind == v1alpha1.KindExperiment {
		return "experiment"
	}
	return "other"
}

// text is "success-rate = 0.897: Failed".
func (m *Measurement) text() string {
	text := m.Metric
	if m.Value != "" {
		text += " = " + m.Short()
	}
	text += ": " + string(m.Phase)
	if m.Message != "" {
		text += ", " + strings.Join(strings.Fields(m.Message), " ")
	}
	if m.DryRun {
		text += " (dry run)"
	}
	return text
}

// maxValue is how long a value may be where there is little room.
const maxValue = 40

// Short is the value with four significant digits, and not longer than a column
// is wide.
func (m *Measurement) Short() string {
	var numbers []json.Number
	if err := json.Unmarshal([]byte(m.Value), &numbers); err == nil && len(numbers) > 0 {
		var texts []string
		for _, n := range numbers {
			texts = append(texts, shortNumber(n.String()))
		}
		return cut("[" + strings.Join(texts, ", ") + "]")
	}
	return cut(shortNumber(m.Value))
}

// shortNumber rounds a number; other texts stay as they are.
func shortNumber(text string) string {
	f, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) || f == math.Trunc(f) && math.Abs(f) < 1e15 {
		return text
	}
	rounded, _ := strconv.ParseFloat(strconv.FormatFloat(f, 'g', 4, 64), 64)
	return strconv.FormatFloat(rounded, 'g', -1, 64)
}

func cut(text string) string {
	if runes := []rune(text); len(runes) > maxValue {
		return string(runes[:maxValue-3]) + "..."
	}
	return text
}

// noData is true if nothing was measured: no value, NaN, or an empty answer.
func (m *Measurement) noData() bool {
	switch strings.Trim(m.Value, "[] ") {
	case "", "NaN", "null":
		return true
	}
	return false
}

// sortedRuns lists the runs by name.
func sortedRuns(runs map[string]*runSeen) []*runSeen {
	var list []*runSeen
	for _, name := range slices.Sorted(maps.Keys(runs)) {
		list = append(list, runs[name])
	}
	slices.SortStableFunc(list, func(a, b *runSeen) int { return cmp.Compare(a.began, b.began) })
	return list
}

package rehearse

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// rows are a timeline in which p99 is measured at each minute with a verdict, of which
// the first letters are given; a dash is a minute at which the weight changes.
func rowsOf(verdicts string) *Report {
	r := &Report{Strategy: "Canary"}
	state := State{Phase: v1alpha1.RolloutPhasePaused}
	for i, letter := range verdicts {
		m := Measurement{At: Duration(i) * Duration(60e9), Run: "run", Metric: "p99", Value: fmt.Sprint(i)}
		switch letter {
		case 's':
			m.Phase = v1alpha1.AnalysisPhaseSuccessful
		case 'f':
			m.Phase = v1alpha1.AnalysisPhaseFailed
		case '-':
			state.SetWeight++
			r.Timeline = append(r.Timeline, Row{At: m.At, State: state, Events: []Event{{Type: "Normal", Reason: "More"}}})
			continue
		}
		r.Measurements = append(r.Measurements, m)
		r.Timeline = append(r.Timeline, Row{
			At: m.At, State: state, Events: []Event{{Type: MeasurementEvent, Reason: string(m.Phase), Message: m.text(), metric: m.Metric}},
		})
	}
	return r
}

func TestTableOfManyMeasurements(t *testing.T) {
	for verdicts, want := range map[string][]string{
		"ssssssss":      {"0s", "1m", "2m", "3m", "4m", "5m", "6m", "7m"},
		"sssssssss":     {"0s", "... (7 times the same verdicts, up to 7m)", "8m"},
		"ssssfssss":     {"0s", "1m", "2m", "3m", "4m", "5m", "6m", "7m", "8m"},
		"sssssssssff-s": {"0s", "... (7 times the same verdicts, up to 7m)", "8m", "9m", "10m", "11m", "12m"},
		"sssss-sssss":   {"0s", "1m", "2m", "3m", "4m", "5m", "6m", "7m", "8m", "9m", "10m"},
		"---------":     {"0s", "1m", "2m", "3m", "4m", "5m", "6m", "7m", "8m"},
	} {
		_, rows := rowsOf(verdicts).Table()
		var got []string
		for _, row := range rows {
			text := row.Cells[0]
			if text == "..." {
				text += " " + row.Status
			}
			got = append(got, text)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", verdicts, diff)
		}
	}
}

func TestGathered(t *testing.T) {
	for verdicts, want := range map[string][]string{
		"":            nil,
		"ssssssss":    {"0", "1", "2", "3", "4", "5", "6", "7"},
		"sssssssss":   {"0", "1", "2 and 5 up to 7m", "8"},
		"sss--ssssss": {"0", "1", "2 and 5 up to 9m", "10"}, // a weight is no verdict
		"fffffffffss": {"0", "1", "2 and 5 up to 7m", "8", "9", "10"},
		"sfsfsfsfsf":  {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"},
	} {
		var got []string
		for _, m := range rowsOf(verdicts).Gathered() {
			text := m.Value
			if m.More > 0 {
				text += fmt.Sprintf(" and %d up to %s", m.More, m.Until)
			}
			got = append(got, text)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: -want +got:\n%s", verdicts, diff)
		}
	}
}

// Every measurement of two metrics, one that errs in between, is shown or counted.
func TestGatheredLosesNothing(t *testing.T) {
	a, b := rowsOf("ssssssssffffffffs"), rowsOf("fffffffsssssssssss")
	r := &Report{}
	for i := range b.Measurements {
		if i < len(a.Measurements) {
			r.Measurements = append(r.Measurements, a.Measurements[i])
		}
		other := b.Measurements[i]
		other.Metric = "other"
		r.Measurements = append(r.Measurements, other)
	}
	n := 0
	for _, m := range r.Gathered() {
		n += 1 + m.More
	}
	if n != len(r.Measurements) {
		t.Errorf("%d of %d measurements", n, len(r.Measurements))
	}
}

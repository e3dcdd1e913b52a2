package analysis

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

var noon = time.Date(2026, time.January, 5, 12, 0, 0, 0, time.UTC)

const (
	successful   = v1alpha1.AnalysisPhaseSuccessful
	failed       = v1alpha1.AnalysisPhaseFailed
	inconclusive = v1alpha1.AnalysisPhaseInconclusive
	errored      = v1alpha1.AnalysisPhaseError
	running      = v1alpha1.AnalysisPhaseRunning
)

// TestVerdicts has every combination of conditions that are absent, true, false
// and broken.
func TestVerdicts(t *testing.T) {
	const none, yes, no, broken = "", "result >= 0.5", "result < 0.5", "result.x > 0.5"
	want := map[[2]string]v1alpha1.AnalysisPhase{
		{none, none}:     successful,
		{none, yes}:      failed,
		{none, no}:       successful,
		{none, broken}:   errored,
		{yes, none}:      successful,
		{yes, yes}:       failed,
		{yes, no}:        successful,
		{yes, broken}:    errored,
		{no, none}:       failed,
		{no, yes}:        failed,
		{no, no}:         inconclusive,
		{no, broken}:     errored,
		{broken, none}:   errored,
		{broken, yes}:    errored,
		{broken, no}:     errored,
		{broken, broken}: errored,
	}
	for conditions, phase := range want {
		judge, err := Condition(conditions[0], conditions[1])
		if err != nil {
			t.Fatalf("%q: %v", conditions, err)
		}
		got, err := judge.Phase(0.97, noon)
		if got != phase || (err != nil) != (phase == errored) {
			t.Errorf("success %q, failure %q: got %s, %v; want %s", conditions[0], conditions[1], got, err, phase)
		}
	}
}

// TestConditions has the conditions of the documents on every kind of value.
func TestConditions(t *testing.T) {
	apdex := map[string]any{"service_apdex": map[string]any{"values": map[string]any{"values": []any{
		map[string]any{"value": 10000.0}, map[string]any{"value": 9950.0},
	}}}}
	tests := []struct {
		success, failure string
		value            any
		want             v1alpha1.AnalysisPhase
		err              string
	}{
		{success: "result >= 0.95", value: 0.95, want: successful},
		{success: "result >= 0.95", value: math.NaN(), want: failed},
		{success: "isNaN(result) || result >= 0.95", value: math.NaN(), want: successful},
		{success: "result >= 0.95", failure: "result < 0.95", value: math.NaN(), want: inconclusive},
		{success: "result >= 0.95", value: math.Inf(1), want: successful},
		{failure: "isInf(result)", value: math.Inf(-1), want: failed},
		{success: "result[0] >= 0.50", value: []float64{0.97}, want: successful},
		{success: "result[0] >= 0.50", value: []float64{}, want: errored,
			err: `successCondition "result[0] >= 0.50": index out of range: 0 (array length is 0) (1:7); the provider returned no data: test len(result) > 0 first`},
		{success: "len(result) == 0 || result[0] >= 0.95", value: []float64{}, want: successful},
		{success: "len(result) > 0 && result[0] >= 0.95", value: []float64{}, want: failed},
		{success: "all(result, # < 1000)", value: []float64{1, 999}, want: successful},
		{success: "all(result, # < 1000)", value: []float64{1, 1000}, want: failed},
		{success: "result[0] <= 0.60 and result[0] > 0.50", failure: "result[0] <= 0.50", value: []float64{0.7}, want: inconclusive},
		{success: "result[0] <= 0.60 and result[0] > 0.50", failure: "result[0] <= 0.50", value: []float64{0.4}, want: failed},
		{success: "all(result.service_apdex.values.values, {asFloat(.value) >= 9900})", value: apdex, want: successful},
		{success: "all(result.service_apdex.values.values, {asFloat(.value) >= 9960})", value: apdex, want: failed},
		{success: "result.ok && result.successPercent >= 0.90", value: map[string]any{"ok": true, "successPercent": 0.95}, want: successful},
		{success: "result == 'true'", value: "true", want: successful},
		{success: "result == 'true'", value: true, want: failed},
		{success: "asInt(result) == 200", value: "200", want: successful},
		{success: "asInt(result) == 3", value: 3.7, want: successful},
		{success: "asInt(result) == 3", value: "three", want: errored, err: `asInt: "three" is not a whole number`},
		{success: "asInt(result) == 3", value: math.NaN(), want: errored, err: "asInt: NaN is not a whole number"},
		{success: "asFloat(result) >= 0.9", value: " 0.91 ", want: successful},
		{success: "asFloat(result) >= 0.9", value: "n/a", want: errored, err: `asFloat: "n/a" is not a number`},
		{success: "asFloat(result) >= 0.9", value: nil, want: errored, err: "asFloat: <nil> (<nil>) is not a number"},
		{success: "isNaN(result)", value: []float64{1}, want: errored, err: "isNaN: a list is not a number: take one of its values, as result[0]"},
		{success: "isNaN(result)", value: int64(1), want: failed},
		{success: "isInf(result)", value: uint8(1), want: failed},
		{success: "result < 0.05", value: nil, want: errored, err: "the provider returned nothing: default(result, 0) stands in for it"},
		{success: "default(result, 0) < 0.05", value: nil, want: successful},
		{success: "default(result, 0) < 0.05", value: 0.5, want: failed},
		{success: "isNil(result)", value: nil, want: successful},
		{success: "isNil(result)", value: 0.0, want: failed},
		{success: "result", value: 1.0, want: errored, err: "expected true or false"},
		{success: "result", value: true, want: successful},
		{success: "now() == date('2026-01-05T12:00:00Z')", want: successful},
	}
	for _, tt := range tests {
		judge, err := Condition(tt.success, tt.failure)
		if err != nil {
			t.Errorf("%q, %q: %v", tt.success, tt.failure, err)
			continue
		}
		got, err := judge.Phase(tt.value, noon)
		if got != tt.want {
			t.Errorf("%q, %q of %v: got %s (%v), want %s", tt.success, tt.failure, tt.value, got, err, tt.want)
		}
		if text := errorText(err); !strings.Contains(text, tt.err) || (tt.err == "") != (text == "") {
			t.Errorf("%q, %q of %v: error %q, want %q", tt.success, tt.failure, tt.value, text, tt.err)
		}
	}
}

func TestConditionErrors(t *testing.T) {
	tests := []struct{ success, failure, want string }{
		{"result >=", "", `successCondition "result >=": unexpected token EOF (1:9)`},
		{"", "latency > 3", `failureCondition "latency > 3": unknown name latency (1:1)`},
		{"'yes'", "", `successCondition "'yes'": expected true or false, got string`},
		{"asInt() > 1", "", "not enough arguments to call asInt"},
		{"default(result) > 1", "", "not enough arguments to call default"},
		{"result matches 'a('", "", "missing closing )"},
	}
	for _, tt := range tests {
		_, err := Condition(tt.success, tt.failure)
		if text := errorText(err); !strings.Contains(text, tt.want) || strings.Contains(text, "\n") {
			t.Errorf("%q, %q: got %q, want %q", tt.success, tt.failure, text, tt.want)
		}
	}
}

// What a condition that cannot judge a value is told about it.
func TestConditionHints(t *testing.T) {
	for _, tt := range []struct {
		condition string
		value     any
		want      string
	}{
		{"result > 1", []float64{2}, "invalid operation: []float64 > int (1:8); the provider returned a list: result[0] is its first value"},
		{"result[0] > 1", []float64{}, "; the provider returned no data: test len(result) > 0 first"},
		{"result > 1", nil, "; the provider returned nothing: default(result, 0) stands in for it"},
		{"result[3] > 1", []float64{2}, "index out of range"},
	} {
		judge, err := Condition(tt.condition, "")
		if err != nil {
			t.Fatal(err)
		}
		_, err = judge.Phase(tt.value, noon)
		if text := errorText(err); !strings.Contains(text, tt.want) || strings.Count(text, ";") != strings.Count(tt.want, ";") {
			t.Errorf("%q of %v: %q, want %q", tt.condition, tt.value, text, tt.want)
		}
	}
}

func TestMoment(t *testing.T) {
	tests := []struct {
		text string
		want time.Time
		err  string
	}{
		{text: "now()", want: noon},
		{text: "now() - duration('5m')", want: noon.Add(-5 * time.Minute)},
		{text: `date("2026-01-05T11:00:00Z")`, want: noon.Add(-time.Hour)},
		{text: "duration('5m')", err: "expected a time"},
		{text: "now() - ", err: "unexpected token EOF"},
		{text: "duration('five')", err: "invalid duration"},
		{text: "", err: "unexpected token EOF"},
	}
	for _, tt := range tests {
		got, err := Moment(tt.text, noon)
		if text := errorText(err); !got.Equal(tt.want) || !strings.Contains(text, tt.err) || (tt.err == "") != (err == nil) {
			t.Errorf("%q: got %s, %v; want %s, %q", tt.text, got, err, tt.want, tt.err)
		}
	}
}

// FuzzCondition: whatever is written, judging ends with one of the phases, and
// with Error only if it says why.
func FuzzCondition(f *testing.F) {
	for _, text := range []string{
		"result >= 0.95", "result[0] > 1", "all(result, # < 1)", "default(result, 0) < asFloat('1')", "isNaN(result) or isInf(result)",
		"result.a.b == 'x'", "map(1..10, #)[99] == 1", "result matches '^a'", "now().Unix() > 0", "let x = result; x == nil", "1..1000000000 == nil",
	} {
		f.Add(text, "", 0.5)
		f.Add("", text, math.NaN())
	}
	f.Fuzz(func(t *testing.T, success, failure string, number float64) {
		if strings.Contains(success+failure, "..") && len(success)+len(failure) > 30 {
			t.Skip("loops within loops over long ranges take their time")
		}
		judge, err := Condition(success, failure)
		if err != nil {
			if strings.Contains(err.Error(), "\n| ") {
				t.Errorf("an error of several lines: %q", err)
			}
			return
		}
		for _, value := range []any{nil, number, []float64{number}, []float64{}, "text", map[string]any{"a": number}, true} {
			phase, err := judge.Phase(value, noon)
			if !phase.Completed() || (phase == errored) != (err != nil) {
				t.Errorf("%q, %q of %v: %s, %v", success, failure, value, phase, err)
			}
		}
	})
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

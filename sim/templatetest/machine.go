package templatetest

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/aviary-rollouts/aviary/internal/junit"
)

// The JSON form. Times are in simulated seconds.
type (
	report struct {
		Passed int          `json:"passed"`
		Failed int          `json:"failed"`
		Files  []fileReport `json:"files"`
	}
	fileReport struct {
		Name  string       `json:"name"`
		Tests []testReport `json:"tests"`
	}
	testReport struct {
		Name         string              `json:"name"`
		Line         int                 `json:"line"`
		Result       string              `json:"result"`
		Simulated    float64             `json:"simulatedSeconds"`
		Phase        string              `json:"phase,omitempty"`
		Message      string              `json:"message,omitempty"`
		Error        string              `json:"error,omitempty"`
		Mismatches   []mismatchReport    `json:"mismatches,omitempty"`
		Measurements []measurementReport `json:"measurements"`
	}
	mismatchReport struct {
		Line     int    `json:"line"`
		Field    string `json:"field"`
		Expected string `json:"expected"`
		Got      string `json:"got"`
	}
	measurementReport struct {
		Metric   string  `json:"metric"`
		Started  float64 `json:"startedSeconds"`
		Finished float64 `json:"finishedSeconds"`
		Phase    string  `json:"phase"`
		Value    string  `json:"value,omitempty"`
		Message  string  `json:"message,omitempty"`
	}
)

// WriteJSON writes the outcomes as one JSON object.
func WriteJSON(w io.Writer, files []*FileOutcome) error {
	r := report{Files: []fileReport{}}
	for _, f := range files {
		passed, failed := f.Count()
		r.Passed, r.Failed = r.Passed+passed, r.Failed+failed
		file := fileReport{Name: f.Name}
		for _, o := range f.Outcomes {
			file.Tests = append(file.Tests, o.report())
		}
		r.Files = append(r.Files, file)
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(r)
}

func (o *Outcome) report() testReport {
	r := testReport{
		Name: o.Test.Name, Line: o.Test.Line, Result: "passed", Simulated: o.Simulated().Seconds(), Measurements: []measurementReport{},
	}
	if !o.Passed() {
		r.Result = "failed"
	}
	for _, m := range o.Mismatches {
		r.Mismatches = append(r.Mismatches, mismatchReport(m))
	}
	if o.Err != nil {
		r.Error = o.Err.Error()
		return r
	}
	r.Phase, r.Message = string(o.Record.Run.Status.Phase), o.Record.Run.Status.Message
	for _, m := range o.Record.Measurements {
		r.Measurements = append(r.Measurements, measurementReport{
			Metric: m.Metric, Started: m.Started.Seconds(), Finished: m.Finished.Seconds(), Phase: string(m.Phase), Value: m.Value, Message: m.Message,
		})
	}
	return r
}

// WriteJUnit writes the outcomes as JUnit XML: a test suite for each file. Times
// are wall time in seconds.
func WriteJUnit(w io.Writer, files []*FileOutcome) error {
	var suites []junit.Suite
	for _, f := range files {
		s := junit.Suite{Name: f.Name}
		for _, o := range f.Outcomes {
			s.Cases = append(s.Cases, junit.Case{Name: o.Test.Name, Took: o.Wall, Failure: o.junitFailure()})
		}
		suites = append(suites, s)
	}
	return junit.Write(w, suites)
}

func (o *Outcome) junitFailure() *junit.Failure {
	switch {
	case o.Passed():
		return nil
	case o.Err != nil:
		return &junit.Failure{Message: o.Err.Error(), Text: o.details(true)}
	}
	m := o.Mismatches[0]
	return &junit.Failure{Message: fmt.Sprintf("%s: expected %s, got %s", m.Field, m.Expected, m.Got), Text: o.details(true)}
}

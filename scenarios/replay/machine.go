package replay

import (
	"encoding/json"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/aviary-rollouts/aviary/internal/junit"
)

// report is the JSON form of a replay.
type report struct {
	Seed      uint64           `json:"seed"`
	Passed    int              `json:"passed"`
	Failed    int              `json:"failed"`
	Skipped   int              `json:"skipped"`
	Scenarios []scenarioReport `json:"scenarios"`
}

// scenarioReport is the JSON form of an outcome. Times are in seconds.
type scenarioReport struct {
	Name      string          `json:"name"`
	Result    string          `json:"result"`
	Checks    int             `json:"checks"`
	Simulated float64         `json:"simulatedSeconds"`
	Wall      float64         `json:"wallSeconds"`
	Error     string          `json:"error,omitempty"`
	Skipped   string          `json:"skipped,omitempty"`
	Failures  []failureReport `json:"failures,omitempty"`
}

type failureReport struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Command string `json:"command,omitempty"`
	Text    string `json:"text"`
	Diff    string `json:"diff,omitempty"`
}

var verdictWords = map[Verdict]string{Passed: "passed", Failed: "failed", Skipped: "skipped"}

// WriteJSON writes the outcomes as one JSON object.
func WriteJSON(w io.Writer, seed uint64, outcomes []Outcome) error {
	r := report{Seed: seed, Scenarios: []scenarioReport{}}
	for i := range outcomes {
		switch outcomes[i].Verdict() {
		case Passed:
			r.Passed++
		case Failed:
			r.Failed++
		case Skipped:
			r.Skipped++
		}
		r.Scenarios = append(r.Scenarios, outcomes[i].report())
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(r)
}

// report is the JSON form of an outcome.
func (o *Outcome) report() scenarioReport {
	s := scenarioReport{Name: o.Scenario.Name, Result: verdictWords[o.Verdict()], Wall: o.Wall.Seconds()}
	if o.Err != nil {
		s.Error = o.Err.Error()
	}
	if o.Result != nil {
		s.Checks, s.Simulated, s.Skipped = o.Result.Checks, o.Result.Simulated.Seconds(), o.Result.Skipped
		for _, f := range o.Result.Failures {
			s.Failures = append(s.Failures, failureReport(f))
		}
	}
	return s
}

// WriteJUnit writes the outcomes as JUnit XML: a test suite for each folder, a
// test case for each file. Times are wall time in seconds.
func WriteJUnit(w io.Writer, outcomes []Outcome) error {
	var suites []junit.Suite
	for i := range outcomes {
		o := &outcomes[i]
		folder := path.Dir(o.Scenario.Name)
		n := len(suites)
		if n == 0 || suites[n-1].Name != folder {
			suites = append(suites, junit.Suite{Name: folder})
			n++
		}
		suites[n-1].Cases = append(suites[n-1].Cases, o.junitCase())
	}
	return junit.Write(w, suites)
}

func (o *Outcome) junitCase() junit.Case {
	c := junit.Case{Name: path.Base(o.Scenario.Name), Took: o.Wall}
	switch o.Verdict() {
	case Failed:
		c.Failure = o.junitFailure()
	case Skipped:
		c.Skipped = o.Result.Skipped
	}
	return c
}

func (o *Outcome) junitFailure() *junit.Failure {
	if o.Err != nil {
		first, _, _ := strings.Cut(o.Err.Error(), "\n")
		return &junit.Failure{Message: first, Text: o.Err.Error()}
	}
	var b strings.Builder
	for i := range o.Result.Failures {
		b.WriteString(o.Result.Failures[i].String())
	}
	first := o.Result.Failures[0]
	return &junit.Failure{Message: fmt.Sprintf("%s:%d: %s", first.File, first.Line, first.Text), Text: b.String()}
}

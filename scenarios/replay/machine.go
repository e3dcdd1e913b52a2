package replay

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"path"
	"strings"
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
		o := &outcomes[i]
		s := scenarioReport{Name: o.Scenario.Name, Result: verdictWords[o.Verdict()], Wall: o.Wall.Seconds()}
		switch o.Verdict() {
		case Passed:
			r.Passed++
		case Failed:
			r.Failed++
		case Skipped:
			r.Skipped++
		}
		if o.Err != nil {
			s.Error = o.Err.Error()
		}
		if o.Result != nil {
			s.Checks, s.Simulated = o.Result.Checks, o.Result.Simulated.Seconds()
			for _, f := range o.Result.Failures {
				s.Failures = append(s.Failures, failureReport(f))
			}
		}
		r.Scenarios = append(r.Scenarios, s)
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(r)
}

// The JUnit form: a test suite for each folder, a test case for each file.
type (
	junitSuites struct {
		XMLName xml.Name     `xml:"testsuites"`
		Suites  []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
		seconds  float64
	}
	junitCase struct {
		Name      string        `xml:"name,attr"`
		ClassName string        `xml:"classname,attr"`
		Time      string        `xml:"time,attr"`
		Failure   *junitFailure `xml:"failure,omitempty"`
		Skipped   *struct{}     `xml:"skipped,omitempty"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",cdata"`
	}
)

// WriteJUnit writes the outcomes as JUnit XML. Times are wall time in seconds.
func WriteJUnit(w io.Writer, outcomes []Outcome) error {
	var all junitSuites
	for i := range outcomes {
		o := &outcomes[i]
		folder := path.Dir(o.Scenario.Name)
		n := len(all.Suites)
		if n == 0 || all.Suites[n-1].Name != folder {
			all.Suites = append(all.Suites, junitSuite{Name: folder})
			n++
		}
		all.Suites[n-1].add(o)
	}
	data, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return fmt.Errorf("write JUnit: %w", err)
	}
	_, err = fmt.Fprintf(w, "%s%s\n", xml.Header, data)
	return err
}

func (s *junitSuite) add(o *Outcome) {
	c := junitCase{Name: path.Base(o.Scenario.Name), ClassName: s.Name, Time: seconds(o.Wall.Seconds())}
	switch o.Verdict() {
	case Failed:
		s.Failures++
		c.Failure = o.junitFailure()
	case Skipped:
		s.Skipped++
		c.Skipped = &struct{}{}
	}
	s.Tests++
	s.seconds += o.Wall.Seconds()
	s.Time = seconds(s.seconds)
	s.Cases = append(s.Cases, c)
}

func seconds(s float64) string { return fmt.Sprintf("%.3f", s) }

func (o *Outcome) junitFailure() *junitFailure {
	if o.Err != nil {
		first, _, _ := strings.Cut(o.Err.Error(), "\n")
		return &junitFailure{Message: first, Text: o.Err.Error()}
	}
	var b strings.Builder
	for i := range o.Result.Failures {
		b.WriteString(o.Result.Failures[i].String())
	}
	first := o.Result.Failures[0]
	return &junitFailure{Message: fmt.Sprintf("%s:%d: %s", first.File, first.Line, first.Text), Text: b.String()}
}

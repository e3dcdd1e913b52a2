// Package junit writes the outcomes of tests in the XML of JUnit, which every CI
// system reads.
//
// It is a format and nothing else: scenarios/replay and sim/templatetest say what
// their cases are.
package junit

import (
	"encoding/xml"
	"fmt"
	"io"
	"time"
)

// Suite is a group of cases.
type Suite struct {
	Name  string
	Cases []Case
}

// Case is one test.
type Case struct {
	Name string
	// Took is the wall time.
	Took time.Duration
	// Failure is nil for a case that did not fail.
	Failure *Failure
	// Skipped says why the case did not run; empty if it did.
	Skipped string
}

// Failure is why a case failed.
type Failure struct {
	// Message is one line, Text everything.
	Message, Text string
}

// The form on paper.
type (
	xmlSuites struct {
		XMLName xml.Name   `xml:"testsuites"`
		Suites  []xmlSuite `xml:"testsuite"`
	}
	xmlSuite struct {
		Name     string    `xml:"name,attr"`
		Tests    int       `xml:"tests,attr"`
		Failures int       `xml:"failures,attr"`
		Skipped  int       `xml:"skipped,attr"`
		Time     string    `xml:"time,attr"`
		Cases    []xmlCase `xml:"testcase"`
	}
	xmlCase struct {
		Name      string      `xml:"name,attr"`
		ClassName string      `xml:"classname,attr"`
		Time      string      `xml:"time,attr"`
		Failure   *xmlFailure `xml:"failure,omitempty"`
		Skipped   *xmlSkipped `xml:"skipped,omitempty"`
	}
	xmlSkipped struct {
		Message string `xml:"message,attr"`
	}
	xmlFailure struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",cdata"`
	}
)

// Write writes suites as one document.
func Write(w io.Writer, suites []Suite) error {
	var all xmlSuites
	for _, s := range suites {
		all.Suites = append(all.Suites, suite(s))
	}
	data, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return fmt.Errorf("write JUnit: %w", err)
	}
	_, err = fmt.Fprintf(w, "%s%s\n", xml.Header, data)
	return err
}

func suite(s Suite) xmlSuite {
	x := xmlSuite{Name: s.Name, Tests: len(s.Cases)}
	var total time.Duration
	for _, c := range s.Cases {
		total += c.Took
		y := xmlCase{Name: c.Name, ClassName: s.Name, Time: seconds(c.Took)}
		if c.Failure != nil {
			x.Failures++
			y.Failure = &xmlFailure{c.Failure.Message, c.Failure.Text}
		}
		if c.Skipped != "" {
			x.Skipped++
			y.Skipped = &xmlSkipped{c.Skipped}
		}
		x.Cases = append(x.Cases, y)
	}
	x.Time = seconds(total)
	return x
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }

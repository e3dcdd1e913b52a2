package main

import (
	"bytes"
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTest plays the transcripts in testdata/test.
func TestTest(t *testing.T) { runGolden(t, "test", newTestCommand) }

// TestTestReports checks that the files of -o are written and can be read.
func TestTestReports(t *testing.T) {
	dir := t.TempDir()
	junit, asJSON := filepath.Join(dir, "r.xml"), filepath.Join(dir, "r.json")
	got := output(newTestCommand(), []string{"testdata/test/failing", "-o", "junit=" + junit, "-o", "json=" + asJSON})
	if !strings.Contains(got, "\n2 passed, 3 failed\n") {
		t.Errorf("the lines are missing:\n%s", got)
	}
	data, err := os.ReadFile(junit)
	if err != nil {
		t.Fatal(err)
	}
	var suites struct {
		Suites []struct {
			Name     string `xml:"name,attr"`
			Tests    int    `xml:"tests,attr"`
			Failures int    `xml:"failures,attr"`
			Cases    []struct {
				Name    string `xml:"name,attr"`
				Failure struct {
					Message string `xml:"message,attr"`
					Text    string `xml:",chardata"`
				} `xml:"failure"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(data, &suites); err != nil {
		t.Fatal(err)
	}
	if len(suites.Suites) != 2 {
		t.Fatalf("JUnit report:\n%s", data)
	}
	s := suites.Suites[1]
	if s.Name != "testdata/test/failing/errors_test.yaml" || s.Tests != 3 || s.Failures != 2 || s.Cases[0].Name != "errors rise" ||
		s.Cases[0].Failure.Message != "phase: expected Successful, got Failed" || !strings.Contains(s.Cases[0].Failure.Text, "error-rate") {
		t.Errorf("JUnit report:\n%s", data)
	}
	if data, err := os.ReadFile(asJSON); err != nil || !bytes.Contains(data, []byte(`"failed": 3`)) {
		t.Errorf("JSON report: %v\n%s", err, data)
	}
	if got := output(newTestCommand(), []string{"testdata/test/failing", "-o", "junit=" + dir}); !strings.HasSuffix(got, "(exit code 2)\n") {
		t.Errorf("a report that cannot be written:\n%s", got)
	}
}

// TestTestCurrentFolder checks that a call without paths looks around.
func TestTestCurrentFolder(t *testing.T) {
	t.Chdir("../../examples/analysis")
	got := output(newTestCommand(), []string{})
	if !strings.Contains(got, "ok    limits_test.yaml") || !strings.HasSuffix(got, " passed, 0 failed\n") {
		t.Error(got)
	}
}

// TestTestDocument holds the documentation against the example that it prints, and
// the output that it shows against what the command prints.
func TestTestDocument(t *testing.T) {
	const file = "examples/analysis/success-rate_test.yaml"
	t.Chdir("../..")
	document, err := os.ReadFile("docs/testing-analysis.md")
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(document, []byte("```yaml\n"+string(example)+"```\n")) {
		t.Errorf("docs/testing-analysis.md does not print %s as it is", file)
	}
	shown := "```\n$ aviary test " + file + "\n" + output(newTestCommand(), []string{file}) + "```\n"
	if !bytes.Contains(document, []byte(shown)) {
		t.Errorf("docs/testing-analysis.md does not show\n%s", shown)
	}
}

package main

import (
	"bytes"
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/aviary-rollouts/aviary/internal/interrupt/interrupttest"
)

// wallTime matches the column and the field that differ from run to run.
var wallTime = regexp.MustCompile(`(?m)( simulated|"wallSeconds":) +[0-9.e-]+(?:µs|ms|s)?`)

// newTimelessReplay is aviary replay with "WALL" in the place of wall times.
func newTimelessReplay() *cobra.Command { return timeless(newReplayCommand()) }

func timeless(cmd *cobra.Command) *cobra.Command {
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		out := cmd.OutOrStdout()
		var printed bytes.Buffer
		cmd.SetOut(&printed)
		err := run(cmd, args)
		if _, err := io.WriteString(out, wallTime.ReplaceAllString(printed.String(), "${1} WALL")); err != nil {
			return err
		}
		return err
	}
	return cmd
}

// TestReplay plays the transcripts in testdata/replay.
func TestReplay(t *testing.T) { runGolden(t, "replay", newTimelessReplay) }

// TestReplayReports checks that the files of -o are written and can be read.
func TestReplayReports(t *testing.T) {
	dir := t.TempDir()
	junit, asJSON := filepath.Join(dir, "r.xml"), filepath.Join(dir, "r.json")
	got := output(newReplayCommand(), []string{"testdata/replay/scenarios", "-o", "junit=" + junit, "-o", "json=" + asJSON})
	if !strings.Contains(got, "\n1 passed, 1 failed\n") {
		t.Errorf("the lines are missing:\n%s", got)
	}
	data, err := os.ReadFile(junit)
	if err != nil {
		t.Fatal(err)
	}
	var suites struct {
		Suites []struct {
			Tests    int `xml:"tests,attr"`
			Failures int `xml:"failures,attr"`
			Skipped  int `xml:"skipped,attr"`
			Cases    []struct {
				Failure string `xml:"failure"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(data, &suites); err != nil {
		t.Fatal(err)
	}
	s := suites.Suites[0]
	if s.Tests != 3 || s.Failures != 1 || s.Skipped != 1 || !strings.Contains(s.Cases[0].Failure, "-node-4   0s") {
		t.Errorf("JUnit report:\n%s", data)
	}
	if data, err := os.ReadFile(asJSON); err != nil || !bytes.Contains(data, []byte(`"failed": 1`)) {
		t.Errorf("JSON report: %v\n%s", err, data)
	}
}

// TestReplayUpdates checks that --update writes outputs into files on disk.
func TestReplayUpdates(t *testing.T) {
	file := filepath.Join(t.TempDir(), "new.txtar")
	if err := os.WriteFile(file, []byte("# New.\n$ kubectl get nodes\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got := output(newReplayCommand(), []string{file, "--update"}); !strings.HasSuffix(got, "1 passed, 0 failed\n") {
			t.Fatal(got)
		}
	}
	const want = "# New.\n$ kubectl get nodes\nNAME     AGE\nnode-1   0s\nnode-2   0s\nnode-3   0s\n"
	if got, err := os.ReadFile(file); err != nil || string(got) != want {
		t.Errorf("%v\n%s", err, got)
	}
}

// TestReplayAll plays the scenarios that are built in.
func TestReplayAll(t *testing.T) {
	got := output(newReplayCommand(), []string{})
	lines := strings.Split(strings.TrimSpace(got), "\n")
	last := lines[len(lines)-1]
	if !regexp.MustCompile(`^[0-9]+ passed, 0 failed$`).MatchString(last) {
		t.Errorf("got\n%s", got)
	}
}

func TestRootTellsItsVersion(t *testing.T) {
	if got := output(newRootCommand(), []string{"--version"}); !regexp.MustCompile(`^aviary version \S.*\n$`).MatchString(got) {
		t.Errorf("--version printed %q", got)
	}
}

func TestRootRefusesUnknownCommands(t *testing.T) {
	got := output(newRootCommand(), []string{"frobnicate"})
	if !strings.HasPrefix(got, `Error: unknown command "frobnicate"; aviary has `) || !strings.HasSuffix(got, "(exit code 2)\n") {
		t.Error(got)
	}
}

// TestInterrupted ends commands in the middle of a simulation. The scenario would take
// hours, and --update leaves its file alone.
func TestInterrupted(t *testing.T) {
	const scenario = `# An analysis for ever, and users all the time
$ kubectl apply -f cases/mock-server-canary-istio-virtualservice-analysis.yaml
$ kubectl apply -f run.yaml
$ kubectl apply -f cases/shell.yaml
$ sleep 10s
$ @load 1 kubectl exec shell -c shell -- curl http://mock-server-stable:8080/
$ sleep 1000000h
$ kubectl get analysisruns
-- run.yaml --
apiVersion: argoproj.io/v1alpha1
kind: AnalysisRun
metadata: {name: r}
spec:
  metrics:
  - {name: a, interval: 1s, successCondition: result == 1, provider: {prometheus: {address: "http://prometheus:9090", query: "scalar(vector(1))"}}}
`
	path := filepath.Join(t.TempDir(), "ever.txtar")
	if err := os.WriteFile(path, []byte(scenario), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		cmd  *cobra.Command
		args []string
		left int
		want string
	}{
		{newReplayCommand(), []string{path, "--update"}, 5000, "interrupted while playing " + strings.TrimSuffix(path, ".txtar")},
		{newConformanceCommand(), []string{"--on", "sim", "--run", "canary"}, 100, "interrupted"},
		{newSimulateCommand(), []string{"-f", "../../fixtures/cases/mock-server-canary-istio-virtualservice-analysis.yaml"}, 100, "interrupted"},
	} {
		tc.cmd.SetArgs(tc.args)
		tc.cmd.SetOut(io.Discard)
		tc.cmd.SetErr(io.Discard)
		err := tc.cmd.ExecuteContext(interrupttest.Impatient(tc.left))
		if err == nil || err.Error() != tc.want || exitCode(err) != 1 {
			t.Errorf("%s: error %v, want %s", tc.cmd.Name(), err, tc.want)
		}
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != scenario {
		t.Errorf("the file was changed (%v):\n%s", err, data)
	}
}

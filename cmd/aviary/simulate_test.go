package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aviary-rollouts/aviary/sim/rehearse"
)

func TestSimulateGolden(t *testing.T) { runGolden(t, "simulate", newSimulateCommand) }

// TestSimulateStandardInput pipes a manifest in.
func TestSimulateStandardInput(t *testing.T) {
	const file = "testdata/simulate/manifests/canary.yaml"
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	cmd := newSimulateCommand()
	cmd.SetIn(strings.NewReader(string(data)))
	piped := output(cmd, []string{"-f", "-"})
	named := output(newSimulateCommand(), []string{"-f", file})
	if piped != named || !strings.Contains(piped, "WHAT HAPPENED") {
		t.Errorf("standard input gives another report than the file:\n%s", piped)
	}
	cmd = newSimulateCommand()
	cmd.SetIn(strings.NewReader("apiVersion: v1\nkind: Servise\nmetadata: {name: web}\n"))
	want := "Error: standard input:2: there is no kind \"Servise\" in apiVersion \"v1\"; did you mean \"Service\"?\n(exit code 2)\n"
	if got := output(cmd, []string{"-f", "-"}); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// TestSimulateMistake finds a condition that is none only when it is measured:
// the report is printed, and the exit code says that the input is wrong.
func TestSimulateMistake(t *testing.T) {
	data, err := os.ReadFile("testdata/simulate/manifests/shop.yaml")
	if err != nil {
		t.Fatal(err)
	}
	cmd := newSimulateCommand()
	cmd.SetIn(strings.NewReader(strings.Replace(string(data), "successCondition: ", "successCondition: (", 1)))
	got := output(cmd, []string{"-f", "-"})
	for _, want := range []string{
		"WHAT HAPPENED", ", as every version would be: the analysis has a mistake.",
		"\nError: metric \"", "cannot be measured until this is corrected: standard input:", ".successCondition: ", "\n(exit code 2)\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the output lacks %q:\n%s", want, got)
		}
	}
}

// TestSimulateJSON reads the JSON as a script would.
func TestSimulateJSON(t *testing.T) {
	text := output(newSimulateCommand(), []string{"-f", "testdata/simulate/manifests/canary.yaml", "--promote-after", "2m", "-o", "json"})
	var plain struct {
		Outcome  struct{ Phase, Took string }
		Timeline []struct {
			At      string
			Seconds float64
			Phase   string
			Events  []struct{ Reason string }
		}
		Warnings []rehearse.Finding
	}
	if err := json.Unmarshal([]byte(text), &plain); err != nil {
		t.Fatalf("the output is no JSON: %v\n%s", err, text)
	}
	if plain.Outcome.Phase != "Healthy" || plain.Outcome.Took == "" || len(plain.Timeline) < 5 || plain.Timeline[0].At != "0s" {
		t.Errorf("the report is not that of a canary that ends: %+v", plain)
	}
	found := map[string]int{}
	for _, w := range plain.Warnings {
		found[w.Code]++
	}
	if found["weight"] != 2 || found["waits"] != 1 {
		t.Errorf("warnings = %v, want two weights and one wait", plain.Warnings)
	}
}

// TestSimulatePictures writes both files beside the table.
func TestSimulatePictures(t *testing.T) {
	page, svg := filepath.Join(t.TempDir(), "x.html"), filepath.Join(t.TempDir(), "x.svg")
	args := []string{"-f", "testdata/simulate/manifests/shop.yaml", "--fail", "new=5%"}
	text := output(newSimulateCommand(), append(args, "-o", "html="+page, "-o", "svg="+svg))
	if text != output(newSimulateCommand(), args) {
		t.Errorf("the table differs from the one without pictures:\n%s", text)
	}
	for file, want := range map[string]string{page: "<h2>Measurements</h2>", svg: "aborted after"} {
		data, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(data), want) {
			t.Errorf("%s lacks %q (%v)", file, want, err)
		}
	}
	if text = output(newSimulateCommand(), append(args, "-o", "html="+filepath.Join(page, "x"))); !strings.Contains(text, "there is no folder "+page+" for x") {
		t.Errorf("a file that cannot be written: %s", text)
	}
}

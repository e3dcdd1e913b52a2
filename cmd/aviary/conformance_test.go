package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestConformance plays the transcripts in testdata/conformance: all of them on the
// simulator, or wrong before anything starts.
func TestConformance(t *testing.T) {
	runGolden(t, "conformance", func() *cobra.Command { return timeless(newConformanceCommand()) })
}

// TestConformanceReports reads the files of -o. What cannot be written does not take the
// table with it.
func TestConformanceReports(t *testing.T) {
	dir := t.TempDir()
	args := []string{"testdata/replay/scenarios"}
	for _, form := range []string{"markdown", "json", "junit"} {
		args = append(args, "-o", form+"="+filepath.Join(dir, form))
	}
	const row = "scenarios"
	if got := output(newConformanceCommand(), args); !strings.Contains(got, row) {
		t.Errorf("no table:\n%s", got)
	}
	for form, want := range map[string]string{
		"markdown": "| " + row, "json": `"on": "sim"`, "junit": `failures="1"`,
	} {
		if data, err := os.ReadFile(filepath.Join(dir, form)); err != nil || !strings.Contains(string(data), want) {
			t.Errorf("%s lacks %q: %v\n%s", form, want, err, data)
		}
	}
	name := filepath.Join(dir, strings.Repeat("x", 300)) // longer than a name may be
	got := output(newConformanceCommand(), []string{"testdata/replay/scenarios", "-o", "json=" + name})
	if !strings.Contains(got, row) || !strings.Contains(got, "Error: write the report: ") {
		t.Errorf("a report that cannot be written took the table with it:\n%s", got)
	}
}

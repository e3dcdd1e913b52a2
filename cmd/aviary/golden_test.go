package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

var update = flag.Bool("update", false, "rewrite the outputs in testdata")

// runGolden plays the transcripts in testdata/DIR: files whose first line is
// "$ aviary WORDS..." and whose other lines are what the command prints. An
// error is its last line, with the exit code.
func runGolden(t *testing.T, dir string, newCommand func() *cobra.Command) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", dir, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts in testdata/%s (%v)", dir, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			first, _, _ := strings.Cut(string(want), "\n")
			words := strings.Fields(first)
			if len(words) < 3 || words[0] != "$" || words[1] != "aviary" {
				t.Fatalf("%s:1: the first line must be a command: $ aviary %s ...", file, dir)
			}
			got := first + "\n" + output(newCommand(), words[3:])
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s differs (-want +got); run with -update if that is meant:\n%s", file, diff)
			}
		})
	}
}

// output is what the command prints, and its error with the exit code.
func output(cmd *cobra.Command, args []string) string {
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	cmd.SetArgs(args)
	if err := cmd.Execute(); err != nil {
		fmt.Fprintf(&out, "Error: %v\n(exit code %d)\n", err, exitCode(err))
	}
	return out.String()
}

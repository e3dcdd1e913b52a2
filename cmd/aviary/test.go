package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"

	"github.com/spf13/cobra"

	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/sim/templatetest"
)

// testFlags is what a person asks aviary test.
type testFlags struct {
	verbose bool
	outputs []string
	run     string
}

func newTestCommand() *cobra.Command {
	var f testFlags
	cmd := &cobra.Command{
		Use:   "test [FILE|FOLDER...]",
		Short: "Run unit tests of AnalysisTemplates",
		Long: `Run unit tests of AnalysisTemplates.

A test file says which templates to run, with which arguments, on which data,
and what has to come out. Prometheus metrics are measured by the PromQL engine
on series in the notation of promtool; web, SkyWalking and job metrics get the
answers that the file has for them. The analysis runs as in a cluster, in
virtual time.

Of a folder, all files are run whose names end in _test.yaml or _test.yml, also
of the folders below it; without a name, those of the current folder.
docs/testing-analysis.md describes the files:

  template_files: [success-rate.yaml]
  interval: 15s
  tests:
  - name: one request in ten fails
    start_after: 1m
    input_series:
    - {series: 'requests_total{code="200"}', values: '0+90x20'}
    - {series: 'requests_total{code="500"}', values: '0+10x20'}
    expect:
      phase: Failed
      metrics:
        success-rate: {failed: 3}

The exit code is 1 if a test failed, 2 if the call or a file is wrong.`,
		Example: `  aviary test
  aviary test analysis/success-rate_test.yaml -v
  aviary test --run 'no traffic'
  aviary test analysis -o junit=report.xml`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, paths []string) error {
			return f.test(cmd.Context(), cmd.OutOrStdout(), paths)
		},
	}
	flagsAreUsage(cmd)
	cmd.Flags().BoolVarP(&f.verbose, "verbose", "v", false, "also show the tests that pass, and every measurement")
	cmd.Flags().StringArrayVarP(&f.outputs, "output", "o", nil, "report as json (instead of lines), json=FILE or junit=FILE; may be repeated")
	cmd.Flags().StringVar(&f.run, "run", "", "run only tests whose name matches this regular expression")
	return cmd
}

// errTestsFailed ends the program with code 1; the report has said why.
var errTestsFailed = errors.New("not every test passed")

func (f *testFlags) test(ctx context.Context, out io.Writer, paths []string) error {
	reports, err := parseReports(f.outputs)
	if err != nil {
		return err
	}
	files, err := f.read(paths)
	if err != nil {
		return err
	}
	lines := out
	if reports.insteadOfLines() {
		lines = io.Discard
	}
	outcomes, err := f.runAll(ctx, lines, files)
	if err != nil {
		return err
	}
	fmt.Fprintln(lines, templatetest.Summary(outcomes))
	err = reports.write(out,
		func(w io.Writer) error { return templatetest.WriteJSON(w, outcomes) },
		func(w io.Writer) error { return templatetest.WriteJUnit(w, outcomes) })
	if err != nil {
		return err
	}
	for _, o := range outcomes {
		if !o.Passed() {
			return errTestsFailed
		}
	}
	return nil
}

// read reads all files before any test is run, so that a mistake in one of them
// is not lost among failures.
func (f *testFlags) read(paths []string) ([]*templatetest.File, error) {
	pattern, err := regexp.Compile(f.run)
	if err != nil {
		return nil, usagef("--run %s: %w", f.run, err)
	}
	if len(paths) == 0 {
		paths = []string{"."}
	}
	names, err := templatetest.Find(paths...)
	if err != nil {
		return nil, usageError{err}
	}
	var files []*templatetest.File
	total := 0
	for _, name := range names {
		file, err := templatetest.Read(name)
		if err != nil {
			return nil, usageError{err}
		}
		total += len(file.Tests)
		if file.Tests = matching(file.Tests, pattern); len(file.Tests) > 0 {
			files = append(files, file)
		}
	}
	if len(files) == 0 {
		return nil, usagef("--run %s: no test of %d has such a name", f.run, total)
	}
	return files, nil
}

func matching(tests []*templatetest.Test, pattern *regexp.Regexp) []*templatetest.Test {
	var chosen []*templatetest.Test
	for _, t := range tests {
		if pattern.MatchString(t.Name) {
			chosen = append(chosen, t)
		}
	}
	return chosen
}

// runAll runs the tests in turn. An interrupt ends it.
func (f *testFlags) runAll(ctx context.Context, out io.Writer, files []*templatetest.File) ([]*templatetest.FileOutcome, error) {
	text := templatetest.Text{Out: out, Verbose: f.verbose}
	for _, file := range files {
		text.NameWidth = max(text.NameWidth, len(file.Name))
	}
	var outcomes []*templatetest.FileOutcome
	for _, file := range files {
		outcome := &templatetest.FileOutcome{Name: file.Name}
		for _, t := range file.Tests {
			outcome.Outcomes = append(outcome.Outcomes, t.Run(ctx, clock.Real{}))
			if ctx.Err() != nil {
				return nil, fmt.Errorf("interrupted while testing %q of %s", t.Name, file.Name)
			}
		}
		if err := text.Write(outcome); err != nil {
			return nil, err
		}
		outcomes = append(outcomes, outcome)
	}
	return outcomes, nil
}

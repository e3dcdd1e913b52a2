package templatetest

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/aviary-rollouts/aviary/sim/trial"
)

// maxValue is how much of a value the table shows.
const maxValue = 60

// maxRows is how many measurements of a failed test are shown without Verbose:
// the first and the last of them.
const maxRows = 20

// Text writes outcomes as lines for people, as go test does.
type Text struct {
	// Out receives the lines.
	Out io.Writer
	// Verbose also shows the tests that passed, with all measurements.
	Verbose bool
	// NameWidth is the width of the column of file names.
	NameWidth int
}

// Write writes what failed in a file, and one line for the file.
func (t *Text) Write(f *FileOutcome) error {
	var b strings.Builder
	for _, o := range f.Outcomes {
		t.writeTest(&b, o)
	}
	word := "ok  "
	if !f.Passed() {
		word = "FAIL"
	}
	tests := "1 test "
	if n := len(f.Outcomes); n != 1 {
		tests = fmt.Sprintf("%d tests", n)
	}
	fmt.Fprintf(&b, "%s  %-*s  %9s  %s simulated\n", word, t.NameWidth, f.Name, tests, f.Simulated())
	_, err := io.WriteString(t.Out, b.String())
	return err
}

func (t *Text) writeTest(b *strings.Builder, o *Outcome) {
	verdict := "PASS"
	if !o.Passed() {
		verdict = "FAIL"
	} else if !t.Verbose {
		return
	}
	fmt.Fprintf(b, "--- %s: %s (%s simulated)\n", verdict, o.Test.Name, o.Simulated())
	indent(b, o.details(t.Verbose))
}

// details are the mismatches of a test, its measurements and its end.
func (o *Outcome) details(all bool) string {
	var b strings.Builder
	if o.Err != nil {
		fmt.Fprintf(&b, "%s:%d: %v\n", o.Test.File, o.Test.Line, o.Err)
		return b.String()
	}
	for _, m := range o.Mismatches {
		fmt.Fprintf(&b, "%s:%d: %s\n    expected  %s\n    got       %s\n", o.Test.File, m.Line, m.Field, m.Expected, m.Got)
	}
	b.WriteString(o.table(all))
	status := &o.Record.Run.Status
	fmt.Fprintf(&b, "%s after %s", status.Phase, o.Record.Took)
	if status.Message != "" {
		fmt.Fprintf(&b, ": %s", status.Message)
	}
	b.WriteString("\n")
	if hint := o.hint(); hint != "" {
		fmt.Fprintf(&b, "hint: %s\n", hint)
	}
	return b.String()
}

// table lists the measurements.
func (o *Outcome) table(all bool) string {
	measurements := o.Record.Measurements
	if len(measurements) == 0 {
		return "no measurement was made\n"
	}
	rows := [][]string{{"TIME", "METRIC", "VALUE", "VERDICT"}}
	for i, m := range measurements {
		hidden := len(measurements) - maxRows
		if !all && hidden > 1 && i >= maxRows/2 && i < maxRows/2+hidden {
			if i == maxRows/2 {
				rows = append(rows, []string{"...", "", "", fmt.Sprintf("(%d more; -v shows them)", hidden)})
			}
			continue
		}
		rows = append(rows, row(m))
	}
	return align(rows)
}

func row(m trial.Measurement) []string {
	at := m.Started.String()
	if m.Finished > m.Started {
		at += " - " + m.Finished.String()
	}
	verdict := string(m.Phase)
	if m.Message != "" {
		verdict += ": " + m.Message
	}
	return []string{at, m.Metric, shorten(m.Value), verdict}
}

func shorten(value string) string {
	value = strings.Join(strings.Fields(value), " ")
	if utf8.RuneCountInString(value) <= maxValue {
		return value
	}
	return string([]rune(value)[:maxValue-3]) + "..."
}

// align puts rows into columns.
func align(rows [][]string) string {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			line.WriteString(cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return b.String()
}

// hint is a guess at why a test failed; empty without one.
func (o *Outcome) hint() string {
	if o.Passed() {
		return ""
	}
	for _, m := range o.Record.Measurements {
		if m.Value == "NaN" || m.Value == "[]" {
			return fmt.Sprintf("%s is what a query without data yields: no series fits it, or its window has fewer than two samples; "+
				"the run starts %s after the first sample (start_after)", m.Value, o.Test.startAfter)
		}
	}
	if !o.Record.Run.Status.Phase.Completed() {
		return fmt.Sprintf("the run had not ended after %s; set terminate_after to end it as a Rollout would, or until to look earlier", o.Record.Took)
	}
	return ""
}

func indent(b *strings.Builder, text string) {
	for line := range strings.Lines(text) {
		b.WriteString("    " + line)
	}
}

// Summary is "N passed, N failed", of tests.
func Summary(files []*FileOutcome) string {
	passed, failed := 0, 0
	for _, f := range files {
		p, n := f.Count()
		passed, failed = passed+p, failed+n
	}
	return fmt.Sprintf("%d passed, %d failed", passed, failed)
}

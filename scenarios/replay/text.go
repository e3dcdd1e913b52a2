package replay

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"
)

// Text writes outcomes as lines for people.
type Text struct {
	// Out receives the lines.
	Out io.Writer
	// Verbose shows the whole transcript with what was printed.
	Verbose bool
	// Time says what the cluster's time is; empty means simulated.
	Time string
	// NameWidth is the width of the column of names.
	NameWidth int
}

// maxDiffs is how many differences of one scenario are shown without Verbose:
// the first is the one to look at, the rest often follows from it.
const maxDiffs = 3

// Write writes one line for the outcome, and below it what failed.
func (t *Text) Write(o *Outcome) {
	checks, simulated := 0, time.Duration(0)
	if o.Result != nil {
		checks, simulated = o.Result.Checks, o.Result.Simulated
	}
	fmt.Fprintf(t.Out, "%s  %-*s  %3d checks  %10s %s  %7s\n",
		o.Verdict(), t.NameWidth, o.Scenario.Name, checks, simulated, cmp.Or(t.Time, "simulated"), roundWall(o.Wall))
	if t.Verbose && o.Result != nil {
		t.writeTranscript(o)
	}
	if o.Err != nil {
		t.indented(o.Err.Error())
		return
	}
	if o.Result.Skipped != "" {
		t.indented(o.Result.Skipped)
	}
	t.writeFailures(o)
}

func (t *Text) writeFailures(o *Outcome) {
	for i := range o.Result.Failures {
		if i == maxDiffs && !t.Verbose {
			t.indented(fmt.Sprintf("and %d more; -v shows them", len(o.Result.Failures)-i))
			return
		}
		t.indented(o.Result.Failures[i].String())
	}
}

func (t *Text) writeTranscript(o *Outcome) {
	for _, step := range o.Result.Steps {
		t.indented("$ " + strings.Join(step.Command.Source, "\n"))
		t.indented(step.Output)
	}
}

func (t *Text) indented(text string) {
	text = strings.TrimRight(text, "\n")
	if text == "" {
		return
	}
	for line := range strings.SplitSeq(text, "\n") {
		fmt.Fprintln(t.Out, strings.TrimRight("      "+line, " "))
	}
}

// roundWall keeps three digits or so.
func roundWall(d time.Duration) time.Duration {
	switch {
	case d > time.Second:
		return d.Round(10 * time.Millisecond)
	case d > time.Millisecond:
		return d.Round(100 * time.Microsecond)
	}
	return d.Round(time.Microsecond)
}

// Summary returns "N passed, N failed", after a line that says how many were
// skipped if any were.
func Summary(outcomes []Outcome) string {
	count := map[Verdict]int{}
	for i := range outcomes {
		count[outcomes[i].Verdict()]++
	}
	s := fmt.Sprintf("%d passed, %d failed", count[Passed], count[Failed])
	if count[Skipped] > 0 {
		s = fmt.Sprintf("%d skipped\n%s", count[Skipped], s)
	}
	return s
}

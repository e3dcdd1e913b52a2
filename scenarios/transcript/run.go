package transcript

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/aviary-rollouts/aviary/scenarios/backend"
)

// Call is a command that is ready to run.
type Call struct {
	// Reads is true for a command that only looks. It waits for a settled
	// point and may be repeated.
	Reads bool
	// Sleeps is true for a command that only lets time pass.
	Sleeps bool
	// Sends is true for a command that sends requests to applications.
	Sends bool
	// Disturbs is true for a command that other scenarios on one cluster would
	// suffer from.
	Disturbs bool
	// Missing names what the command needs and the backend does not have; empty
	// if it can be run.
	Missing string
	// Mixed says whether chance can have made one output of another, where it is
	// chance who answers: lines in another order, and a few more of one than of
	// another. It is nil for other commands.
	Mixed func(want, got []string) bool
	// Run runs the command and writes what a person would see.
	Run func(ctx context.Context, out io.Writer) error
	// Alike says whether two lines of output mean the same where chance and
	// time cannot be commanded; nil means that only ages may differ.
	Alike func(want, got string) bool
}

// Interpreter knows the commands.
type Interpreter interface {
	// Parse understands one command line, or says why it does not.
	Parse(line string) (Call, error)
}

// Runner plays scenarios on a backend.
type Runner struct {
	// Backend is the cluster.
	Backend backend.Backend
	// Commands understands the command lines.
	Commands Interpreter
	// Pace is told of each command before it runs, so that a backend whose time
	// passes by itself can know where in the file it is. It may be nil.
	Pace func(line int)
	// Update replaces expected output that does not fit instead of failing.
	// The caller writes the file back.
	Update bool
}

// Result says what playing a file showed.
type Result struct {
	// Steps are the commands that were run, in their order.
	Steps []Step
	// Checks counts the outputs that were compared.
	Checks int
	// Failures are what was not as expected, in the order of the file.
	Failures []Failure
	// Updated is true if Update changed the file.
	Updated bool
	// Simulated is how much of the backend's time passed.
	Simulated time.Duration
	// Skipped says why the file was not played on this backend; empty if it was.
	Skipped string
}

// Step is one command with what it printed.
type Step struct {
	Command *Command
	Call    Call
	Output  string
	// Began and Ended are in the backend's time.
	Began, Ended time.Time
	// Lines is how many lines the trace had in the end, if there is one.
	Lines int
	// Unchecked is true if there was output and nothing to compare it with.
	Unchecked bool
}

// Failure is one thing that was not as expected.
type Failure struct {
	File string
	Line int
	// Command is the command line; empty for a section.
	Command string
	// Text says what is wrong, in one line.
	Text string
	// Diff is the difference in output, if that is what is wrong.
	Diff string
}

// String returns "file:line: text", the command and the diff.
func (f *Failure) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d: %s\n", f.File, f.Line, f.Text)
	if f.Command != "" {
		fmt.Fprintf(&b, "  $ %s\n", f.Command)
	}
	b.WriteString(f.Diff)
	return b.String()
}

// Run plays the file. It goes on after an output that differs, and stops after
// a command that fails though it should not (or the reverse), because nothing
// that follows could be trusted. The error is for a backend that broke.
func (r *Runner) Run(ctx context.Context, f *File) (*Result, error) {
	result := &Result{}
	if result.Skipped = r.excluded(f); result.Skipped != "" {
		return result, nil
	}
	start := r.Backend.Clock().Now()
	err := r.play(ctx, f, result)
	result.Simulated = r.Backend.Clock().Now().Sub(start)
	return result, err
}

// excluded says why the file cannot be played on the backend, or nothing.
func (r *Runner) excluded(f *File) string {
	name := r.Backend.Name()
	if !Allow(f.Guards, r.Backend.Is) {
		return "the first lines of the file exclude " + name
	}
	for i := range f.Parts {
		c := f.Parts[i].Command
		if c == nil || !Allow(c.Guards, r.Backend.Is) {
			continue
		}
		if call, err := r.Commands.Parse(c.Text()); err == nil && call.Missing != "" {
			return fmt.Sprintf("line %d needs %s, which %s does not have", c.Line, call.Missing, name)
		}
	}
	if line := namesRoutes(f); line > 0 && !r.servesRoutes() {
		return fmt.Sprintf("line %d needs Istio's definitions, which %s does not have", line, name)
	}
	return ""
}

// istioRoutes is the group of the objects that routers of requests are told by.
const istioRoutes = "networking.istio.io"

// namesRoutes is the line on which a file begins to speak of such objects, or 0.
func namesRoutes(f *File) int {
	for i := range f.Sections {
		if before, _, found := bytes.Cut(f.Sections[i].Data, []byte("apiVersion: "+istioRoutes)); found {
			return f.Sections[i].Line + bytes.Count(before, []byte("\n"))
		}
	}
	return 0
}

// servesRoutes is true on a cluster that has them.
func (r *Runner) servesRoutes() bool {
	_, err := r.Backend.Client().RESTMapper().RESTMapping(schema.GroupKind{Group: istioRoutes, Kind: "VirtualService"})
	return !meta.IsNoMatchError(err)
}

var errStop = errors.New("stop")

func (r *Runner) play(ctx context.Context, f *File, result *Result) error {
	for i := range f.Parts {
		c := f.Parts[i].Command
		if c == nil || !Allow(c.Guards, r.Backend.Is) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := r.step(ctx, f, c, result); errors.Is(err, errStop) {
			return nil
		} else if err != nil {
			return fmt.Errorf("%s:%d: $ %s: %w", f.Name, c.Line, c.Text(), err)
		}
	}
	return r.checkTrace(f, result)
}

// step runs one command and compares what it prints.
func (r *Runner) step(ctx context.Context, f *File, c *Command, result *Result) error {
	failure := Failure{File: f.Name, Line: c.Line, Command: c.Text()}
	call, err := r.Commands.Parse(c.Text())
	if err != nil {
		failure.Text = err.Error()
		result.Failures = append(result.Failures, failure)
		return errStop
	}
	if r.Pace != nil {
		r.Pace(c.Line)
	}
	began := r.Backend.Clock().Now()
	output, alignment, commandErr, err := r.run(ctx, c, call)
	if err := cmp.Or(ctx.Err(), err); err != nil {
		return err // what an interrupted command printed says nothing
	}
	checked := len(c.Want) > 0
	done := Step{Command: c, Call: call, Output: output, Began: began, Ended: r.Backend.Clock().Now(), Unchecked: !checked && output != ""}
	if t := r.Backend.Tools().Trace; t != nil {
		done.Lines = t.Lines()
	}
	result.Steps = append(result.Steps, done)
	if failure.Text = outcome(c, commandErr); failure.Text != "" {
		if lines := outputLines(output); len(lines) > 0 && (commandErr == nil || strings.Join(lines, "\n") != commandErr.Error()) {
			failure.Diff = "  " + strings.Join(lines, "\n  ") + "\n"
		}
		result.Failures = append(result.Failures, failure)
		return errStop
	}
	r.compare(c, alignment, output, &failure, result)
	return nil
}

// run runs the command at a settled point and lays what it prints beside what is
// expected; one that reads is repeated as the backend sees fit.
func (r *Runner) run(ctx context.Context, c *Command, call Call) (output string, a Alignment, commandErr, err error) {
	attempt := func(ctx context.Context) bool {
		var out bytes.Buffer
		commandErr = call.Run(ctx, &out)
		output = out.String()
		a = r.align(c.Want, call, output)
		return outcome(c, commandErr) == "" && (len(c.Want) == 0 || a.Equal())
	}
	if call.Reads {
		err = r.Backend.Await(ctx, attempt)
		return output, a, commandErr, err
	}
	if err := r.Backend.Settle(ctx); err != nil {
		return "", nil, nil, err
	}
	attempt(ctx)
	return output, a, commandErr, nil
}

// outcome says what is wrong with how a command ended, or nothing.
func outcome(c *Command, err error) string {
	switch {
	case err != nil && !c.MustFail:
		return "the command failed: " + err.Error()
	case err == nil && c.MustFail:
		return "the command should have failed"
	}
	return ""
}

// compare checks the output of a command, or puts it in the place of what was
// expected.
func (r *Runner) compare(c *Command, a Alignment, output string, failure *Failure, result *Result) {
	if len(c.Want) == 0 {
		if r.Update && output != "" {
			c.Want = Rewrite(a)
			result.Updated = true
		}
		return
	}
	result.Checks++
	switch {
	case a.Equal():
	case r.Update:
		c.Want = Rewrite(a)
		result.Updated = true
	default:
		failure.Text, failure.Diff = "the output is not as expected (- expected, + printed)", a.Diff()
		result.Failures = append(result.Failures, *failure)
	}
}

// align compares expected lines with output in the way that the backend allows.
func (r *Runner) align(want []Line, call Call, output string) Alignment {
	if r.Backend.Name() == backend.SimName {
		return Align(want, outputLines(output), NormalizeNames)
	}
	got := outputLines(output)
	if call.Mixed != nil && mixed(want, got, call.Mixed) {
		return Align(exactly(got), got, itself)
	}
	if call.Alike != nil {
		return AlignAlike(want, got, call.Alike)
	}
	want, got = withoutEnding(want, lineText), withoutEnding(got, itself)
	return Align(sortedPods(want, lineText), sortedPods(got, itself), normalizeLive)
}

// outputLines cuts output into lines without blanks at their ends and without
// blank lines at its end, which a transcript cannot express.
func outputLines(output string) []string {
	return splitLines(strings.TrimRight(output, " \t\r\n"))
}

// checkTrace compares the trace section, if there is one and the backend is
// able to tell.
func (r *Runner) checkTrace(f *File, result *Result) error {
	section := f.Section(TraceSection)
	tracer := r.Backend.Tools().Trace
	if section == nil || tracer == nil {
		return nil
	}
	if err := r.Backend.Settle(context.Background()); err != nil {
		return err
	}
	var want []Line
	for _, line := range splitLines(string(section.Data)) {
		want = append(want, Line{Text: line, Any: line == Wildcard})
	}
	result.Checks++
	a := Align(want, tracer.TraceLines(), NormalizeNames)
	switch {
	case a.Equal():
	case r.Update:
		section.Data = formatTrace(Rewrite(a))
		result.Updated = true
	default:
		result.Failures = append(result.Failures, Failure{File: f.Name, Line: section.Line,
			Text: "the trace is not as expected (- expected, + happened)", Diff: a.Diff()})
	}
	return nil
}

func formatTrace(lines []Line) []byte {
	var b bytes.Buffer
	for _, line := range lines {
		if line.Any {
			line.Text = Wildcard
		}
		b.WriteString(line.Text + "\n")
	}
	return b.Bytes()
}

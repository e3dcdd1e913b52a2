package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/scenarios"
	"github.com/aviary-rollouts/aviary/scenarios/backend"
	"github.com/aviary-rollouts/aviary/scenarios/console"
	"github.com/aviary-rollouts/aviary/scenarios/replay"
	"github.com/aviary-rollouts/aviary/sim"
)

// replayFlags is what a person asks aviary replay.
type replayFlags struct {
	verbose      bool
	outputs      []string
	seed         uint64
	run          string
	update       bool
	helpLanguage bool
}

func newReplayCommand() *cobra.Command {
	var f replayFlags
	cmd := &cobra.Command{
		Use:   "replay [PATH...]",
		Short: "Play scenarios in the simulator and check every output",
		Long: `Play scenarios in the simulator and check every output.

A scenario is a console transcript in a .txtar file: commands with the output
that they must have. PATH is a file or a folder; without one, the scenarios
that aviary was built with are played. The language is described by
--help-language.

The exit code is 1 if a scenario failed, 2 if the call or a path is wrong.`,
		Example: `  aviary replay
  aviary replay --run blue-green -v
  aviary replay my-service.txtar --update
  aviary replay scenarios -o junit=report.xml`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, paths []string) error {
			if f.helpLanguage {
				return f.writeLanguage(cmd.OutOrStdout())
			}
			return f.replay(cmd.Context(), cmd.OutOrStdout(), paths)
		},
	}
	flagsAreUsage(cmd)
	cmd.Flags().BoolVarP(&f.verbose, "verbose", "v", false, "show every command with what it printed")
	cmd.Flags().StringArrayVarP(&f.outputs, "output", "o", nil, "report as json (instead of lines), json=FILE or junit=FILE; may be repeated")
	cmd.Flags().Uint64Var(&f.seed, "seed", 1, "seed of the simulator's randomness")
	cmd.Flags().StringVar(&f.run, "run", "", "play only scenarios whose name matches this regular expression")
	cmd.Flags().BoolVar(&f.update, "update", false, "write the simulator's outputs into the files instead of failing")
	cmd.Flags().BoolVar(&f.helpLanguage, "help-language", false, "print the description of the scenario language")
	return cmd
}

// errScenariosFailed ends the program with code 1; the report has said why.
var errScenariosFailed = errors.New("not every scenario passed")

func (f *replayFlags) replay(ctx context.Context, out io.Writer, paths []string) error {
	reports, err := parseReports(f.outputs)
	if err != nil {
		return err
	}
	found, err := f.scenarios(paths)
	if err != nil {
		return err
	}
	lines := out
	if reports.insteadOfLines() {
		lines = io.Discard
	}
	outcomes, err := f.play(ctx, lines, found)
	if err != nil {
		return err
	}
	fmt.Fprintln(lines, replay.Summary(outcomes))
	err = reports.write(out,
		func(w io.Writer) error { return replay.WriteJSON(w, f.seed, outcomes) },
		func(w io.Writer) error { return replay.WriteJUnit(w, outcomes) })
	if err != nil {
		return err
	}
	for i := range outcomes {
		if outcomes[i].Verdict() == replay.Failed {
			return errScenariosFailed
		}
	}
	return nil
}

// scenarios reads what is to be played. A path that does not exist is a
// mistake in the call.
func (f *replayFlags) scenarios(paths []string) ([]replay.Scenario, error) {
	pattern, err := regexp.Compile(f.run)
	if err != nil {
		return nil, usagef("--run %s: %w", f.run, err)
	}
	if f.update && len(paths) == 0 {
		return nil, usagef("--update: name the files or folders to rewrite; the built-in scenarios cannot be")
	}
	var found []replay.Scenario
	if len(paths) == 0 {
		found, err = replay.All(scenarios.FS)
	} else {
		found, err = replay.Find(paths...)
	}
	if err != nil {
		return nil, usageError{err}
	}
	var chosen []replay.Scenario
	for _, s := range found {
		if pattern.MatchString(s.Name) {
			chosen = append(chosen, s)
		}
	}
	if len(chosen) == 0 {
		return nil, usagef("--run %s: no scenario of %d has such a name", f.run, len(found))
	}
	return chosen, nil
}

// play plays the scenarios in turn. A file that cannot be understood, or an
// interrupt, ends it.
func (f *replayFlags) play(ctx context.Context, out io.Writer, found []replay.Scenario) ([]replay.Outcome, error) {
	player := replay.Player{
		Open:   func() (backend.Backend, error) { return backend.NewSim(sim.Options{Seed: f.seed, Interrupt: ctx.Err}) },
		Clock:  clock.Real{},
		Update: f.update,
	}
	text := replay.Text{Out: out, Verbose: f.verbose, NameWidth: nameWidth(found)}
	show := newProgress(out, len(found))
	var outcomes []replay.Outcome
	for _, s := range found {
		show.next(s.Name)
		o := player.Play(ctx, s)
		show.clear()
		if o.Broken() {
			return nil, usageError{o.Err}
		}
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("interrupted while playing %s", s.Name)
		}
		text.Write(&o)
		outcomes = append(outcomes, o)
	}
	return outcomes, nil
}

func nameWidth(found []replay.Scenario) int {
	width := 0
	for _, s := range found {
		width = max(width, len(s.Name))
	}
	return width
}

// progress names the scenario that is being played on a terminal, in a line
// that the next output replaces. Elsewhere it does nothing.
type progress struct {
	out         io.Writer
	done, total int
}

func newProgress(out io.Writer, total int) *progress {
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return &progress{out: out, total: total}
	}
	return &progress{out: io.Discard}
}

const eraseLine = "\r\x1b[K"

func (p *progress) next(name string) {
	p.done++
	fmt.Fprintf(p.out, "%s%d/%d  %s", eraseLine, p.done, p.total, name)
}

func (p *progress) clear() { fmt.Fprint(p.out, eraseLine) }

// writeLanguage prints the README of the scenarios, or writes it to the file
// that -o names.
func (f *replayFlags) writeLanguage(out io.Writer) error {
	if len(f.outputs) == 0 {
		return console.WriteLanguage(out)
	}
	return writeReport(out, f.outputs[0], console.WriteLanguage)
}

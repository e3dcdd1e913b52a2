// Package replay plays scenario files and reports how they went: as lines for
// people, as JSON and as JUnit XML for machines.
//
// It knows no flags and prints nothing by itself; cmd/aviary does. Read
// package transcript for what playing a file means.
package replay

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/aviary-rollouts/aviary/fixtures"
	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/scenarios/backend"
	"github.com/aviary-rollouts/aviary/scenarios/console"
	"github.com/aviary-rollouts/aviary/scenarios/transcript"
	"github.com/aviary-rollouts/aviary/sim"
)

// Player plays scenarios.
type Player struct {
	// Open makes a fresh cluster for a scenario.
	Open func() (backend.Backend, error)
	// Clock tells the wall time.
	Clock clock.Clock
	// Longest is how much real time a scenario may take on a cluster whose time
	// cannot be commanded, by its timetable; zero means any.
	Longest time.Duration
	// Update rewrites the files instead of failing.
	Update bool
	// Closing, if it is set, sees how a scenario went while its cluster is still
	// there.
	Closing func(o *Outcome, cluster backend.Backend)
}

// Outcome says how one scenario went.
type Outcome struct {
	// Scenario is what was played.
	Scenario Scenario
	// File is the scenario as parsed; nil if it cannot be.
	File *transcript.File
	// Result is what playing it showed; nil if Err prevented that.
	Result *transcript.Result
	// Err is set if the file is broken, or if the backend broke.
	Err error
	// Wall is the wall time that playing took.
	Wall time.Duration
}

// Verdict is how a scenario ended.
type Verdict string

// The verdicts.
const (
	Passed  Verdict = "PASS"
	Failed  Verdict = "FAIL"
	Skipped Verdict = "SKIP"
)

// Verdict returns how the scenario ended.
func (o *Outcome) Verdict() Verdict {
	switch {
	case o.Err != nil || len(o.Result.Failures) > 0:
		return Failed
	case o.Result.Skipped != "":
		return Skipped
	}
	return Passed
}

// Play plays one scenario on a fresh cluster.
func (p *Player) Play(ctx context.Context, s Scenario) Outcome {
	o := Outcome{Scenario: s}
	start := p.Clock.Now()
	o.Err = p.play(ctx, &o)
	o.Wall = p.Clock.Now().Sub(start)
	return o
}

func (p *Player) play(ctx context.Context, o *Outcome) (err error) {
	if o.File, err = transcript.Parse(o.Scenario.Path(), o.Scenario.Data); err != nil {
		return err
	}
	cluster, err := p.Open()
	if err != nil {
		return fmt.Errorf("%s: open the backend: %w", o.Scenario.Path(), err)
	}
	defer func() {
		if p.Closing != nil {
			o.Err = err
			p.Closing(o, cluster)
		}
		err = errors.Join(err, cluster.Close())
	}()
	runner := transcript.Runner{
		Backend: cluster, Update: p.Update,
		Commands: console.New(cluster, console.SectionFiles(o.File, o.Scenario.folders()...)),
	}
	if live, ok := cluster.(paced); ok {
		table, err := p.rehearse(ctx, o)
		if err != nil {
			return err
		}
		if p.Longest > 0 && table.Length > p.Longest {
			o.Result = &transcript.Result{Skipped: fmt.Sprintf("it takes %s of real time, and %s is allowed", table.Length.Round(time.Second), p.Longest)}
			return nil
		}
		runner.Pace = func(line int) { live.SetPace(table.Paces[line]) }
	}
	if o.Result, err = runner.Run(ctx, o.File); err != nil {
		return err
	}
	if o.Result.Updated {
		if err := os.WriteFile(o.Scenario.Path(), o.File.Format(), 0o644); err != nil {
			return fmt.Errorf("update %s: %w", o.Scenario.Path(), err)
		}
	}
	return nil
}

// paced is a backend whose time passes by itself.
type paced interface{ SetPace(backend.Pace) }

// rehearse plays the scenario in the simulator, to learn what has to be waited
// for in real time.
func (p *Player) rehearse(ctx context.Context, o *Outcome) (Timetable, error) {
	cluster, err := backend.NewSim(sim.Options{Seed: 1})
	if err != nil {
		return Timetable{}, err
	}
	runner := transcript.Runner{Backend: cluster, Commands: console.New(cluster, console.SectionFiles(o.File, o.Scenario.folders()...))}
	result, err := runner.Run(ctx, o.File)
	if err != nil {
		return Timetable{}, fmt.Errorf("rehearse it in the simulator: %w", err)
	}
	return NewTimetable(result, cluster.Sim()), nil
}

// folders are where the files are that commands name and the scenario does not
// hold: beside it, then the fixtures.
func (s Scenario) folders() []fs.FS {
	if s.Folder == "" {
		return []fs.FS{fixtures.FS}
	}
	return []fs.FS{os.DirFS(s.Folder), fixtures.FS}
}

// Broken reports whether the file itself cannot be understood, so that nothing
// was played.
func (o *Outcome) Broken() bool {
	var syntax *transcript.SyntaxError
	return errors.As(o.Err, &syntax)
}

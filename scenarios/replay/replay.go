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
	// Tables are those of the scenarios that PlayAll gets, as [Timetables] makes them;
	// nil: it makes them itself.
	Tables []*Timetable
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
	return p.follow(ctx, s, nil)
}

// follow plays a scenario by its timetable; nil if there is none yet.
func (p *Player) follow(ctx context.Context, s Scenario, table *Timetable) Outcome {
	o := Outcome{Scenario: s}
	start := p.Clock.Now()
	o.Err = p.play(ctx, &o, table)
	o.Wall = p.Clock.Now().Sub(start)
	return o
}

func (p *Player) play(ctx context.Context, o *Outcome, table *Timetable) (err error) {
	if o.File, err = transcript.Parse(o.Scenario.Path(), o.Scenario.Data); err != nil {
		return err
	}
	if table != nil && p.tooLong(o, table) {
		return nil
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
		if table == nil {
			if table, err = rehearse(ctx, o.Scenario); err != nil || p.tooLong(o, table) {
				return err
			}
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

// tooLong is true, and says so in the outcome, for a scenario that may not be
// played because of the time that it takes.
func (p *Player) tooLong(o *Outcome, table *Timetable) bool {
	if p.Longest <= 0 || table.Length <= p.Longest {
		return false
	}
	o.Result = &transcript.Result{Skipped: fmt.Sprintf("it takes %s of real time, and %s is allowed", table.Length.Round(time.Second), p.Longest)}
	return true
}

// paced is a backend whose time passes by itself.
type paced interface{ SetPace(backend.Pace) }

// epilogue is how long the simulation goes on after a scenario: what is read last may
// be about to end.
const epilogue = 10 * time.Second

// rehearse plays a scenario in the simulator, to learn what has to be waited for
// in real time.
func rehearse(ctx context.Context, s Scenario) (*Timetable, error) {
	file, err := transcript.Parse(s.Path(), s.Data)
	if err != nil {
		return nil, err
	}
	simulated, err := backend.NewSim(sim.Options{Seed: 1, Interrupt: ctx.Err})
	if err != nil {
		return nil, err
	}
	cluster := &rehearsal{Sim: simulated, ready: map[int]*backend.Readiness{}}
	open := console.SectionFiles(file, s.folders()...)
	runner := transcript.Runner{Backend: cluster, Commands: console.New(cluster, open), Pace: func(line int) { cluster.line = line }}
	result, err := runner.Run(ctx, file)
	if err != nil {
		return nil, fmt.Errorf("rehearse %s in the simulator: %w", s.Path(), err)
	}
	if err := simulated.Sleep(ctx, epilogue); err != nil {
		return nil, fmt.Errorf("rehearse %s in the simulator: %w", s.Path(), err)
	}
	table := NewTimetable(result, simulated.Sim())
	for line, ready := range cluster.ready {
		pace := table.Paces[line]
		pace.Ready = ready
		table.Paces[line] = pace
	}
	table.sharing = sharingOf(result, open)
	return &table, nil
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

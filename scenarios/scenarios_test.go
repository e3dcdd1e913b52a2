package scenarios_test

import (
	"bytes"
	"flag"
	"os"
	"regexp"
	"runtime"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/scenarios"
	"github.com/aviary-rollouts/aviary/scenarios/backend"
	"github.com/aviary-rollouts/aviary/scenarios/console"
	"github.com/aviary-rollouts/aviary/scenarios/replay"
	"github.com/aviary-rollouts/aviary/scenarios/transcript"
	"github.com/aviary-rollouts/aviary/sim"
)

var update = flag.Bool("update", false, "write the simulator's outputs into the scenario files and README.md")

// all returns every scenario, broken ones failing the test.
func all(t testing.TB) []replay.Scenario {
	t.Helper()
	found, err := replay.All(scenarios.FS)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// play plays a scenario in a fresh simulator; with update it rewrites the file.
func play(t testing.TB, s replay.Scenario, update bool) (*transcript.Result, *sim.Sim) {
	t.Helper()
	var cluster *backend.Sim
	player := replay.Player{Clock: clock.Real{}, Update: update, Open: func() (backend.Backend, error) {
		var err error
		cluster, err = backend.NewSim(sim.Options{Seed: 1})
		return cluster, err
	}}
	o := player.Play(t.Context(), s)
	if o.Err != nil {
		t.Fatal(o.Err)
	}
	return o.Result, cluster.Sim()
}

// TestScenarios plays every scenario. -update rewrites the files.
func TestScenarios(t *testing.T) {
	for _, s := range all(t) {
		t.Run(s.Name, func(t *testing.T) {
			result, _ := play(t, s, *update)
			for i := range result.Failures {
				t.Error(result.Failures[i].String())
			}
			for _, step := range result.Steps {
				if step.Unchecked && !*update {
					t.Errorf("%s:%d: the output is not checked; write it below the command, or \"...\"", s.Path(), step.Command.Line)
				}
			}
		})
	}
}

// TestScenariosAreDeterministic plays every scenario twice: the timelines have
// to be the same, line for line.
func TestScenariosAreDeterministic(t *testing.T) {
	for _, s := range all(t) {
		t.Run(s.Name, func(t *testing.T) {
			_, first := play(t, s, false)
			_, second := play(t, s, false)
			if first.Trace().Hash() == second.Trace().Hash() {
				return
			}
			d := cmp.Diff(first.Trace().Lines(), second.Trace().Lines())
			t.Errorf("the second run differs (-first +second):\n%s", d)
		})
	}
}

// TestScenariosAreWellFormed checks that files are as Format writes them, so
// that --update changes nothing but outputs.
func TestScenariosAreWellFormed(t *testing.T) {
	for _, s := range all(t) {
		f, err := transcript.Parse(s.Path(), s.Data)
		if err != nil {
			t.Error(err)
			continue
		}
		if d := cmp.Diff(string(s.Data), string(f.Format())); d != "" {
			t.Errorf("%s (-file +formatted):\n%s", s.Path(), d)
		}
	}
}

// TestReadme checks that README.md is what the command table says.
func TestReadme(t *testing.T) {
	var want bytes.Buffer
	if err := console.WriteLanguage(&want); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("README.md", want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want.String(), string(got)); d != "" {
		t.Errorf("README.md is not current, run go generate ./scenarios (-want +got):\n%s", d)
	}
}

// warm is done once in a process.
var warm sync.Once

// grow plays a scenario until the definitions of the kinds are read and the heap has the
// size that it keeps. New pages are dear where machines are virtual: the first benchmarks
// of a process would pay for those that all use, up to a third of their time.
func grow(b *testing.B, s replay.Scenario) {
	var now runtime.MemStats
	runtime.ReadMemStats(&now)
	for before := now.NumGC; now.NumGC-before < 3; runtime.ReadMemStats(&now) {
		play(b, s, false)
	}
}

// snapshot begins a case of document 003, which numbers what it shows. Some follow from one
// another, so that one file plays several of them.
var snapshot = regexp.MustCompile(`(?m)^# R\d+\. `)

// BenchmarkScenarios measures one play of each scenario, from an empty cluster
// to the last check, and what a case costs where that is several.
func BenchmarkScenarios(b *testing.B) {
	for _, s := range all(b) {
		b.Run(s.Name, func(b *testing.B) {
			b.ReportAllocs()
			warm.Do(func() { grow(b, s) })
			play(b, s, false)
			for b.Loop() {
				play(b, s, false)
			}
			if cases := len(snapshot.FindAllIndex(s.Data, -1)); cases > 1 {
				b.ReportMetric(b.Elapsed().Seconds()*1000/float64(b.N*cases), "ms/case")
			}
		})
	}
}

package archtest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestHouse holds this module against the rules.
func TestHouse(t *testing.T) {
	m, err := Load("../..")
	if err != nil {
		t.Fatal(err)
	}
	checks := []struct {
		name  string
		check func() []Violation
	}{
		{"imports", m.Imports}, {"calls", m.Calls}, {"sizes", m.Sizes}, {"names", m.Names},
	}
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			for _, v := range c.check() {
				t.Error(v)
			}
		})
	}
}

// TestBad holds the checks against a module that breaks each rule, beside what
// looks like a break and is none.
func TestBad(t *testing.T) {
	m, err := Load("testdata/bad")
	if err != nil {
		t.Fatal(err)
	}
	checks := []struct {
		name  string
		check func() []Violation
		want  []string
	}{
		{"imports", m.Imports, []string{
			"api/v1alpha1/types.go:3: the layer api may not import internal/rollout: move the code up, or hand the value in",
			"internal/apply/apply.go:6: the layer effects may not import internal/control: move the code up, or hand the value in",
			"internal/cli/cli.go:5: the layer client may not import internal/apply: move the code up, or hand the value in",
			"internal/control/control.go:7: the layer control may not import internal/cli: move the code up, or hand the value in",
			"internal/names/names.go:3: internal may not import sim, which is built from it",
			"internal/rollout/decide.go:4: the layer policy may not import context: move the code up, or hand the value in",
			"internal/rollout/decide.go:6: the layer policy may not import os/exec: move the code up, or hand the value in",
			"internal/rollout/decide.go:8: the layer policy may not import internal/control: move the code up, or hand the value in",
			"internal/rollout/decide.go:10: the layer policy may not import example.test/other/database: move the code up, or hand the value in",
			"internal/rollout/decide_test.go:6: internal may not import sim, which is built from it",
			"sim/sim.go:5: the layer sim may not import scenarios: move the code up, or hand the value in",
			"sim/sim.go:6: only sim/prom/... may import github.com/prometheus/prometheus/promql",
		}},
		{"calls", m.Calls, []string{
			"internal/control/control.go:12: a goroutine: its order would differ from run to run",
			"internal/metric/calls.go:16: time.Now: the time is an argument: take it from a clock.Clock",
			"internal/metric/calls.go:17: time.Sleep: the time is an argument: take it from a clock.Clock",
			"internal/metric/calls.go:18: time.After: the time is an argument: take it from a clock.Clock",
			"internal/metric/calls.go:19: time.NewTimer: the time is an argument: take it from a clock.Clock",
			"internal/metric/calls.go:20: time.NewTicker: the time is an argument: take it from a clock.Clock",
			"internal/metric/calls.go:21: time.Tick: the time is an argument: take it from a clock.Clock",
			"internal/metric/calls.go:23: time.Since: the time is an argument: take it from a clock.Clock",
			"internal/metric/calls.go:24: math/rand.Intn: nobody can repeat this: draw from a seeded source",
			"internal/metric/calls.go:25: math/rand/v2.IntN: nobody can repeat this: draw from a seeded source",
			"internal/metric/calls.go:26: crypto/rand.Read: nobody can repeat this: draw from a seeded source",
			"internal/metric/calls_test.go:8: time.Sleep: the time is an argument: take it from a clock.Clock",
			"internal/metric/dot.go:3: time: a dot import hides it; the time is an argument: take it from a clock.Clock",
		}},
		{"sizes", m.Sizes, []string{
			"sim/long.go:64: tooLong has 61 lines, more than the 60 of a screen: split it by the questions it asks",
		}},
		{"names", m.Names, []string{
			"helpers/deep: a package named helpers: put the code beside its only user, or name it for what it is",
			"internal/shared: a package named common: put the code beside its only user, or name it for what it is",
			"internal/utils: a package named utils: put the code beside its only user, or name it for what it is",
		}},
	}
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, v := range c.check() {
				text, _, _ := strings.Cut(v.String(), " (see ")
				got = append(got, text)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLoadErrors(t *testing.T) {
	empty := t.TempDir()
	if _, err := Load(empty); err == nil || !strings.Contains(err.Error(), "go.mod") {
		t.Errorf("no go.mod: %v", err)
	}
	if err := os.WriteFile(filepath.Join(empty, "go.mod"), []byte("go 1.26\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(empty); err == nil || !strings.Contains(err.Error(), "names no module") {
		t.Errorf("a go.mod without a module: %v", err)
	}
	if err := os.WriteFile(filepath.Join(empty, "go.mod"), []byte("module m\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(empty, "x.go"), []byte("package x\nfunc {"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(empty); err == nil || !strings.Contains(err.Error(), "x.go") {
		t.Errorf("a file that does not parse: %v", err)
	}
}

package scenarios_test

import (
	"context"
	"testing"

	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/scenarios"
	"github.com/aviary-rollouts/aviary/scenarios/backend"
	"github.com/aviary-rollouts/aviary/scenarios/replay"
	"github.com/aviary-rollouts/aviary/sim"
)

// BenchmarkScenario plays each scenario from an empty cluster to its end.
func BenchmarkScenario(b *testing.B) {
	all, err := replay.All(scenarios.FS)
	if err != nil {
		b.Fatal(err)
	}
	player := replay.Player{Clock: clock.Real{}, Open: func() (backend.Backend, error) {
		return backend.NewSim(sim.Options{Seed: 1})
	}}
	for _, s := range all {
		b.Run(s.Name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if o := player.Play(context.Background(), s); o.Verdict() != replay.Passed {
					b.Fatalf("%s: %s %v", s.Name, o.Verdict(), o.Err)
				}
			}
		})
	}
}

package scenarios_test

import (
	"testing"

	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/scenarios/backend"
	"github.com/aviary-rollouts/aviary/scenarios/replay"
	"github.com/aviary-rollouts/aviary/sim"
	"github.com/aviary-rollouts/aviary/sim/store"
)

// TestNobodyModifiesWhatIsShared plays every scenario and looks, at every
// instant, whether a controller or a model has written into an object that it
// read without a copy.
func TestNobodyModifiesWhatIsShared(t *testing.T) {
	for _, s := range all(t) {
		t.Run(s.Name, func(t *testing.T) {
			player := replay.Player{Clock: clock.Real{}, Open: func() (backend.Backend, error) {
				cluster, err := backend.NewSim(sim.Options{Seed: 1, Store: store.Options{DetectMutation: true}})
				if err == nil {
					cluster.Sim().Kernel().OnInstant(cluster.Sim().Store().CheckUnmodified)
				}
				return cluster, err
			}}
			if o := player.Play(t.Context(), s); o.Err != nil {
				t.Error(o.Err)
			}
		})
	}
}

package sim_test

import (
	"testing"
	"time"

	"github.com/aviary-rollouts/aviary/sim"
	"github.com/aviary-rollouts/aviary/sim/store"
)

// TestNobodyModifiesWhatIsShared plays a routed canary with an analysis and looks at
// every instant whether somebody wrote to an object that belongs to the store: the
// controllers share with it what they read, and the statuses that they write.
func TestNobodyModifiesWhatIsShared(t *testing.T) {
	s := start(t, sim.Options{
		Objects: fixture(t, "cases/mock-server-canary-istio-virtualservice-analysis.yaml"),
		Store:   store.Options{DetectMutation: true},
	})
	s.Kernel().OnInstant(s.Store().CheckUnmodified)
	sleep(t, s, 10*time.Second)
	load(t, s, "mock-server-stable:8080/status/200", 50)
	sleep(t, s, time.Minute)
	update(t, s, "2.0.0")
	sleep(t, s, 5*time.Minute)
	if got := phase(t, s); got != "Healthy " {
		t.Errorf("the update ended %s", got)
	}
}

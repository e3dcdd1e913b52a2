package sim_test

import (
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/sim"
)

// A pause of a minute is a wait of a minute, whether the controller was there all the
// time or came back when it was over.
func TestWaits(t *testing.T) {
	minute, share := intstr.FromString("1m"), int32(20)
	canary := func() []client.Object {
		return []client.Object{rollout(5, v1alpha1.RolloutStrategy{Canary: &v1alpha1.CanaryStrategy{Steps: []v1alpha1.CanaryStep{
			{SetWeight: &share}, {Pause: &v1alpha1.RolloutPause{Duration: &minute}},
		}}})}
	}
	for name, during := range map[string][]action{
		"there": {wait(5 * time.Minute)},
		"away": {wait(20 * time.Second), func(s *sim.Sim) error { s.Crash(); return nil }, wait(4 * time.Minute),
			func(s *sim.Sim) error { s.Restart(); return nil }, wait(time.Minute)},
	} {
		s := start(t, sim.Options{Objects: canary()})
		for _, do := range append([]action{wait(time.Minute), setImage("2.0.0")}, during...) {
			if err := do(s); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.ContainsFunc(s.Waits(), func(w sim.Wait) bool { return w.To.Sub(w.From) == time.Minute }) {
			t.Errorf("%s: no minute among %v", name, s.Waits())
		}
	}
}

package sim_test

import (
	"context"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/ops"
	"github.com/aviary-rollouts/aviary/sim"
	"github.com/aviary-rollouts/aviary/sim/check"
)

var mockServer = types.NamespacedName{Namespace: "default", Name: "mock-server"}

// The whole of case 2.2.1: deploy, preview 2.0.0, preview 3.0.0 instead,
// promote, until the old pods are gone.
func BenchmarkBlueGreen(b *testing.B) { benchmark(b, stories()[0], none) }

// The whole of case 2.2.2: deploy, 2.0.0 to its pause, 3.0.0 instead, and
// through all steps.
func BenchmarkCanary(b *testing.B) { benchmark(b, stories()[1], none) }

// The same under all checks.
func BenchmarkCanaryChecked(b *testing.B) { benchmark(b, stories()[1], check.All) }

// BenchmarkCanary100 rolls a hundred pods without steps.
func BenchmarkCanary100(b *testing.B) {
	benchmark(b, story{objects: func() []client.Object {
		return []client.Object{rollout(100, v1alpha1.RolloutStrategy{Canary: &v1alpha1.CanaryStrategy{}})}
	}, actions: []action{wait(10 * time.Second), setImage("2.0.0"), wait(2 * time.Minute)}}, none)
}

type action func(*sim.Sim) error

func wait(d time.Duration) action { return func(s *sim.Sim) error { return s.Sleep(d) } }

func setImage(tag string) action {
	return func(s *sim.Sim) error {
		return ops.SetImage(context.Background(), s.Client(), mockServer, ops.ContainerImage{Container: "mock-server", Image: image + tag})
	}
}

func promote(s *sim.Sim) error {
	return ops.Promote(context.Background(), s.Client(), mockServer, false)
}

func undo(s *sim.Sim) error { return ops.Undo(context.Background(), s.Client(), mockServer, 0) }

func abort(s *sim.Sim) error { return ops.Abort(context.Background(), s.Client(), mockServer) }

// benchmark plays a story from an empty cluster to its end.
func benchmark(b *testing.B, st story, checks func() []check.Check) {
	var writes int64
	playRepeatedly(b, func() {
		s := start(b, sim.Options{Objects: st.objects(), Checks: checks(), NoTrace: true})
		for _, do := range st.actions {
			if err := do(s); err != nil {
				b.Fatal(err)
			}
		}
		writes = s.Store().Revision()
	})
	b.ReportMetric(float64(writes), "writes/op")
}

// playRepeatedly measures plays after the first one, in which a process also reads the
// definitions of the kinds, once.
func playRepeatedly(b *testing.B, play func()) {
	b.ReportAllocs()
	play()
	for b.Loop() {
		play()
	}
}

func none() []check.Check { return []check.Check{} }

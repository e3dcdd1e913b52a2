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

// BenchmarkBlueGreen is case 2.2.1: deploy, preview 2.0.0, preview 3.0.0
// instead, promote, until the old pods are gone. Checks are off, as they are
// not part of what a user waits for.
func BenchmarkBlueGreen(b *testing.B) {
	benchmark(b, blueGreen, []action{
		wait(15 * time.Second), setImage("2.0.0"), wait(100 * time.Second),
		setImage("3.0.0"), wait(75 * time.Second), promote, wait(75 * time.Second),
	})
}

// BenchmarkCanary is case 2.2.2: deploy, 2.0.0 to its pause, 3.0.0 instead, and
// through all steps.
func BenchmarkCanary(b *testing.B) {
	benchmark(b, canary, []action{
		wait(23 * time.Second), setImage("2.0.0"), wait(5 * time.Minute),
		setImage("3.0.0"), wait(5 * time.Minute), promote, wait(5 * time.Minute),
	})
}

// BenchmarkCanaryChecked is BenchmarkCanary under all checks.
func BenchmarkCanaryChecked(b *testing.B) {
	benchmarkWith(b, check.All, canary, []action{
		wait(23 * time.Second), setImage("2.0.0"), wait(5 * time.Minute),
		setImage("3.0.0"), wait(5 * time.Minute), promote, wait(5 * time.Minute),
	})
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

func benchmark(b *testing.B, objects func() []client.Object, actions []action) {
	benchmarkWith(b, func() []check.Check { return []check.Check{} }, objects, actions)
}

func benchmarkWith(b *testing.B, checks func() []check.Check, objects func() []client.Object, actions []action) {
	b.ReportAllocs()
	var writes int64
	for b.Loop() {
		s := start(b, sim.Options{Objects: objects(), Checks: checks(), NoTrace: true})
		for _, do := range actions {
			if err := do(s); err != nil {
				b.Fatal(err)
			}
		}
		if phase := get(b, s).Status.Phase; phase != v1alpha1.RolloutPhaseHealthy {
			b.Fatalf("it ends %s", phase)
		}
		writes = s.Store().Revision()
	}
	b.ReportMetric(float64(writes), "writes/op")
}

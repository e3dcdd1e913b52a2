package mesh

import (
	"fmt"
	"testing"
	"time"

	"github.com/aviary-rollouts/aviary/sim/kernel"
)

// BenchmarkHour is an hour of a canary under load, scraped every 15 s: two
// destinations, seven pods, about 370 series.
func BenchmarkHour(b *testing.B) {
	for _, rate := range []float64{50, 1e6} {
		for _, random := range []bool{false, true} {
			if random && rate > 1000 {
				continue // draws take as long as there are failures
			}
			b.Run(fmt.Sprintf("rps=%v/random=%v", rate, random), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					f := canary(b, Options{Random: random, Images: map[string][]Behaviour{"*:2.0.0": {{ErrorRate: 0.1}}}})
					f.load("mock-server-stable:8080", rate)
					f.sleep(time.Hour)
					f.mesh.CatchUp()
				}
			})
		}
	}
}

// BenchmarkIdle is what a mesh without load costs a simulation: ten thousand
// instants.
func BenchmarkIdle(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		f := newFake(b, Options{Strict: true})
		for i := range 10_000 {
			f.k.After(time.Duration(i)*time.Second, kernel.ClassUser, "tick", func() {})
		}
		f.sleep(3 * time.Hour)
	}
}

// BenchmarkDo is one request.
func BenchmarkDo(b *testing.B) {
	f := canary(b, Options{})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.mesh.Do(Request{Client: shell, URL: "mock-server-stable:8080/status/200"}); err != nil {
			b.Fatal(err)
		}
	}
}

package rig

import (
	"testing"
	"time"

	"github.com/aviary-rollouts/aviary/sim/mesh"
)

// TestBreath: only what ends by itself is sent as fast as it can be.
func TestBreath(t *testing.T) {
	for _, c := range []struct {
		source mesh.Source
		want   time.Duration
	}{
		{mesh.Source{Workers: 50, Requests: 200}, 0},
		{mesh.Source{Workers: 50, Duration: time.Hour}, time.Second},
		{mesh.Source{Workers: 2, Duration: time.Hour, WorkerRate: 5}, 200 * time.Millisecond},
		{mesh.Source{Workers: 2, Requests: 10, WorkerRate: 0.5}, 2 * time.Second},
	} {
		if got := breath(c.source); got != c.want {
			t.Errorf("%+v: %s, want %s", c.source, got, c.want)
		}
	}
}

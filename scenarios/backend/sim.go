package backend

import (
	"context"
	"fmt"
	"regexp"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/sim"
)

// Sim is the simulator as a backend.
type Sim struct {
	sim *sim.Sim
}

var _ Backend = (*Sim)(nil)

// NewSim starts a simulated cluster with our controllers.
func NewSim(o sim.Options) (*Sim, error) {
	s, err := sim.New(o)
	if err != nil {
		return nil, fmt.Errorf("start the simulator: %w", err)
	}
	return &Sim{s}, nil
}

// Name returns "sim".
func (b *Sim) Name() string { return SimName }

// Is implements [Backend].
func (b *Sim) Is(word string) bool { return word == SimName }

// Client reads and writes as the user.
func (b *Sim) Client() client.WithWatch { return b.sim.Client() }

// Clock tells the virtual time.
func (b *Sim) Clock() clock.Clock { return b.sim.Clock() }

// Settle runs everything that is due at this instant.
func (b *Sim) Settle(context.Context) error { return b.sim.Settle() }

// Await settles and reads once: nothing that is not yet true can become true
// while time stands still.
func (b *Sim) Await(ctx context.Context, read func(context.Context) bool) error {
	if err := b.sim.Settle(); err != nil {
		return err
	}
	read(ctx)
	return nil
}

// Sleep lets virtual time pass.
func (b *Sim) Sleep(_ context.Context, d time.Duration) error { return b.sim.Sleep(d) }

// Tools are all there: a simulation can be told anything.
func (b *Sim) Tools() Tools {
	t := simTools{b.sim}
	return Tools{Traffic: t, Outside: true, Machines: t, Quotas: t, Servers: t, Controller: t, Faults: b.sim.Faults(), Quiet: t, Trace: b}
}

// Close does nothing: a simulation is memory.
func (b *Sim) Close() error { return nil }

// Sim returns the simulation.
func (b *Sim) Sim() *sim.Sim { return b.sim }

// Lines is how many lines the trace has.
func (b *Sim) Lines() int { return len(b.sim.Trace().Lines()) }

// revision is left out of trace lines: each write changes those of all
// that follow.
var revision = regexp.MustCompile(` rv=\d+`)

// TraceLines returns what happened so far, a line each: the seconds since the
// start and the text.
func (b *Sim) TraceLines() []string {
	start := b.sim.Kernel().Start()
	var lines []string
	for _, l := range b.sim.Trace().Lines() {
		lines = append(lines, fmt.Sprintf("%9.3fs  %s", l.At.Sub(start).Seconds(), revision.ReplaceAllString(l.Text, "")))
	}
	return lines
}

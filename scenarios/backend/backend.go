// Package backend says what a scenario needs of the cluster that it is played
// on, and provides the clusters: the simulator, a local control plane, kind.
package backend

import (
	"context"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/internal/clock"
)

// SimName is the name of the simulator, the only backend whose time can be
// commanded and whose outputs may become expectations.
const SimName = "sim"

// Backend is a cluster that a scenario can be played on.
type Backend interface {
	// Name is "sim", "local" or "kind".
	Name() string
	// Is answers the word of a guard: the name, or "killed".
	Is(word string) bool
	// Client reads and writes as the user who types the commands.
	Client() client.WithWatch
	// Clock tells the cluster's time.
	Clock() clock.Clock
	// Settle returns at the next settled point: in the simulator when nothing
	// is runnable at this instant, elsewhere after a short poll.
	Settle(ctx context.Context) error
	// Await calls read until its answer can be trusted; read reports whether
	// it saw what was expected. The simulator settles and reads once. A live
	// cluster is polled until read says yes and then stays quiet, or until
	// patience ends; the last call of read is the one that counts.
	Await(ctx context.Context, read func(ctx context.Context) bool) error
	// Sleep lets the cluster's time pass.
	Sleep(ctx context.Context, d time.Duration) error
	// Tools are for the words of the harness.
	Tools() Tools
	// Close releases the cluster.
	Close() error
}

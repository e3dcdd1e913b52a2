// Package router is the interface between a controller and whatever moves
// requests: a mesh, an ingress controller, a load balancer.
//
// It contains no router. Each of them is a package of its own beside this one
// and keeps the order of its writes to itself. Read internal/traffic for the
// values, internal/traffic/istio for an implementation.
package router

import (
	"context"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/traffic"
)

// Interface makes routing true and says what is true. Both methods do nothing
// for a Rollout that does not name the router.
type Interface interface {
	// Apply makes want true as far as it may be made true at once, and returns
	// what it changed. Nothing is written that is already so. After an error
	// the changes made before it are returned with it; a [traffic.Failure]
	// names the event that reports it.
	//
	// What could lose requests if done in one go is left to the next call, so
	// Apply is called until Observe shows what is wanted.
	Apply(ctx context.Context, ro *v1alpha1.Rollout, want traffic.Routing) ([]traffic.Change, error)
	// Observe reads what is in force. What is missing or unusable is a
	// Problem; an error means that it could not be read.
	Observe(ctx context.Context, ro *v1alpha1.Rollout) (traffic.Observed, error)
}

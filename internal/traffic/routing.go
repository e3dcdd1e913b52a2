package traffic

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// Routing is everything that a router must make true, in one value.
type Routing struct {
	// StableHash and CanaryHash are pod template hashes, for routers that
	// select pods by label. Empty leaves a label as it is.
	StableHash, CanaryHash string
	// StableService and CanaryService are the Services of the two revisions,
	// as [Services] resolves them. They may be empty where labels select.
	StableService, CanaryService string
	// CanaryWeight is the share of the canary, 0 to MaxWeight. The stable
	// revision gets what nobody else gets; see [Routing.Split].
	CanaryWeight int32
	// MaxWeight is what counts as all requests. 0 means 100.
	MaxWeight int32
	// Additional are the shares of experiments, sorted by host. One without a
	// host or a weight gets no requests.
	Additional []Destination
	// Headers and Mirrors are the routes in force, as their steps give them.
	// One without a match is as good as absent.
	Headers []v1alpha1.SetHeaderRoute
	Mirrors []v1alpha1.SetMirrorRoute
	// Managed are the names that Headers and Mirrors may have, the one with
	// the highest priority first. What exists under such a name, or was made
	// under another one that was declared before, and is wanted no more is removed.
	Managed []string
	// MoveSubsets says whether labels that select pods may be set to
	// StableHash and CanaryHash now: whether the pods behind them can serve.
	MoveSubsets bool
}

// Names are those of Headers and Mirrors, in their order.
func (r Routing) Names() (names []string) {
	for _, h := range r.Headers {
		names = append(names, h.Name)
	}
	for _, m := range r.Mirrors {
		names = append(names, m.Name)
	}
	return names
}

// Destination is a Service that gets a share of the requests.
type Destination struct {
	// Host is the name of the Service, in the namespace of the Rollout.
	Host string
	// Hash is the template hash of its pods.
	Hash string
	// Weight is its share.
	Weight int32
	// Port is the port of the Service that requests are sent to; 0 is the one
	// that they came to.
	Port int32
}

// Observed is what a router says is true now.
type Observed struct {
	// Weights is the split in force. While places that should agree do not,
	// each share is the greatest seen anywhere: what a destination may get.
	Weights Weights
	// Reserved is the share that is neither's: of subsets whose weight is the
	// user's own. Where routes reserve different shares, it is the least, which
	// leaves the canary the most.
	Reserved int64
	// StableHash and CanaryHash are the template hashes that labels select;
	// empty if the router selects by Service or has not been set up yet.
	StableHash, CanaryHash string
	// Managed are the names of the managed routes that exist, in the order of
	// the Rollout; last those that it does not declare any more.
	Managed []string
	// Agrees says whether the managed routes are as a routing wants them, which their names
	// do not tell: two steps may give one name other conditions, and one of several places
	// may lack it. It is nil where nobody can say.
	Agrees func(want Routing) bool
	// StablePorts are the ports of the Service that the stable revision has its
	// requests from, narrowed to one if routes name it; empty where nobody needs
	// to know.
	StablePorts []corev1.ServicePort
	// Synced says that all places agree and that their shares add up.
	Synced bool
	// Problem is what keeps the router from working, for people; empty if
	// nothing does.
	Problem string
	// Missing tells of an object that is not there, where that is the problem; nil
	// otherwise.
	Missing *Failure
}

// Change is something that a router did, for people to read as an event.
type Change struct {
	// Reason is the event's reason: "Updated VirtualService".
	Reason string
	// Message is a sentence with the object and the numbers.
	Message string
}

// Failure is an error with the reason of the event that reports it. Errors that
// are no Failure have the reason [ReasonError].
type Failure struct {
	Reason string
	Err    error
}

// Reasons of the events that tell of routing. The space is interface.
const (
	ReasonUpdatedVirtualService  = "Updated VirtualService"
	ReasonUpdatedDestinationRule = "UpdatedDestinationRule"
	ReasonNoVirtualService       = "VirtualServiceNotFound"
	ReasonNoDestinationRule      = "DestinationRuleNotFound"
	ReasonError                  = "TrafficRoutingError"
)

func (f *Failure) Error() string { return f.Err.Error() }

func (f *Failure) Unwrap() error { return f.Err }

// Services names the stable and the canary Service of a canary strategy. With
// pingPong the two change roles at each promotion, and the status remembers
// which one is stable; until it does, ping is.
func Services(ro *v1alpha1.Rollout) (stable, canary string) {
	c := ro.Spec.Strategy.Canary
	switch {
	case c == nil:
		return "", ""
	case c.PingPong == nil:
		return c.StableService, c.CanaryService
	case ro.Status.Canary.StablePingPong == v1alpha1.PPPong:
		return c.PingPong.PongService, c.PingPong.PingService
	}
	return c.PingPong.PingService, c.PingPong.PongService
}

// ManagedRoutes are the names of the routes that the steps of a Rollout may
// create, the one with the highest priority first.
func ManagedRoutes(ro *v1alpha1.Rollout) []string {
	if ro.Spec.Strategy.Canary == nil || ro.Spec.Strategy.Canary.TrafficRouting == nil {
		return nil
	}
	var names []string
	for _, route := range ro.Spec.Strategy.Canary.TrafficRouting.ManagedRoutes {
		names = append(names, route.Name)
	}
	return names
}

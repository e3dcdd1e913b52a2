package traffic

import (
	"slices"
	"strings"
)

// allRequests is what counts as all requests unless a Rollout says otherwise.
const allRequests = 100

// Weights is a split of requests.
type Weights struct {
	Canary, Stable int32
	// Additional are the shares of experiments, sorted by host, without those
	// that get nothing.
	Additional []Destination
}

// Total is the sum of all shares.
func (w Weights) Total() int64 {
	sum := int64(w.Canary) + int64(w.Stable)
	for _, a := range w.Additional {
		sum += int64(a.Weight)
	}
	return sum
}

// Total is what counts as all requests.
func (r Routing) Total() int32 {
	if r.MaxWeight <= 0 {
		return allRequests
	}
	return r.MaxWeight
}

// Split divides what reserved leaves of the requests between the canary, the
// experiments and the stable revision. No share is negative, and the shares and
// reserved always add up to the total (unless reserved alone exceeds it: then
// all shares are 0).
//
// The canary comes first. Experiments come second; if they ask for more than is
// left, all of them shrink in proportion, rounded down, so that templates with
// equal weights stay comparable. The stable revision gets the rest.
//
//	canary 20                            -> 20, stable 80
//	canary 0, experiments 20 + 20        -> 0, 20 + 20, stable 60
//	canary 10, experiments 50 + 50       -> 10, 45 + 45, stable 0
//	canary 50, reserved 10               -> 50, stable 40
//	canary 100, reserved 10              -> 90, stable 0
func (r Routing) Split(reserved int64) Weights {
	left := max(0, int64(r.Total())-max(0, reserved))
	canary := max(0, min(int64(r.CanaryWeight), left))
	left -= canary
	room, asked := left, int64(0)
	additional := serving(r.Additional)
	for _, d := range additional {
		asked += int64(d.Weight)
	}
	for i := range additional {
		if asked > room {
			additional[i].Weight = int32(int64(additional[i].Weight) * room / asked)
		}
		left -= int64(additional[i].Weight)
	}
	additional = slices.DeleteFunc(additional, func(d Destination) bool { return d.Weight == 0 })
	return Weights{Canary: int32(canary), Stable: int32(left), Additional: additional}
}

// serving returns the destinations that get requests, sorted by host. An
// experiment whose Service has no name yet, or no more, gets none: a
// destination without a host loses every request that is sent to it. A host
// that is named twice counts once.
func serving(list []Destination) []Destination {
	kept := slices.DeleteFunc(slices.Clone(list), func(d Destination) bool { return d.Host == "" || d.Weight <= 0 })
	slices.SortStableFunc(kept, func(a, b Destination) int { return strings.Compare(a.Host, b.Host) })
	return slices.CompactFunc(kept, func(a, b Destination) bool { return a.Host == b.Host })
}

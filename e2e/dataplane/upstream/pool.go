package upstream

import (
	"net"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
)

// Endpoint is one server of a cluster.
type Endpoint struct {
	// Address is host:port; the host is an IP, or a name if the cluster is
	// found by DNS.
	Address string
	// Workload is what istiod says of it:
	// "name;namespace;canonical name;canonical revision;cluster".
	Workload string

	active *atomic.Int64
}

// Begin counts a request that the endpoint is about to get; the function that it
// returns ends it.
func (e *Endpoint) Begin() (end func()) {
	e.active.Add(1)
	return func() { e.active.Add(-1) }
}

// Active is how many requests the endpoint has at present.
func (e *Endpoint) Active() int64 { return e.active.Load() }

// Pool is the endpoints of a cluster: those of the lowest priority that has a
// healthy one. It may be used by several goroutines.
type Pool struct {
	healthy []*Endpoint // an endpoint of weight 3 stands here three times
	turn    *atomic.Uint64
}

// CompilePool reads the endpoints of a cluster. Those that were in the pool of
// before keep what is known of them; it may be nil.
func CompilePool(a *endpointv3.ClusterLoadAssignment, before *Pool) *Pool {
	p := &Pool{turn: &atomic.Uint64{}}
	known := map[string]*Endpoint{}
	if before != nil {
		p.turn = before.turn
		for _, e := range before.healthy {
			known[e.Address] = e
		}
	}
	lowest := uint32(0)
	for _, locality := range a.GetEndpoints() {
		for _, e := range locality.GetLbEndpoints() {
			if !takesRequests(e) {
				continue
			}
			switch priority := locality.GetPriority(); {
			case len(p.healthy) == 0 || priority < lowest:
				p.healthy, lowest = nil, priority
			case priority > lowest:
				continue
			}
			p.healthy = append(p.healthy, repeat(endpointOf(e, known), e.GetLoadBalancingWeight().GetValue())...)
		}
	}
	return p
}

// heaviest bounds what one endpoint weighs in a pool.
const heaviest = 100

func repeat(e *Endpoint, weight uint32) []*Endpoint {
	return slices.Repeat([]*Endpoint{e}, int(min(max(weight, 1), heaviest)))
}

// takesRequests reports whether an endpoint gets requests: what is drained or
// fails its checks does not.
func takesRequests(e *endpointv3.LbEndpoint) bool {
	switch e.GetHealthStatus() {
	case corev3.HealthStatus_UNKNOWN, corev3.HealthStatus_HEALTHY, corev3.HealthStatus_DEGRADED:
		return e.GetEndpoint().GetAddress().GetSocketAddress() != nil
	}
	return false
}

func endpointOf(e *endpointv3.LbEndpoint, known map[string]*Endpoint) *Endpoint {
	socket := e.GetEndpoint().GetAddress().GetSocketAddress()
	out := &Endpoint{
		Address:  net.JoinHostPort(socket.GetAddress(), strconv.Itoa(int(socket.GetPortValue()))),
		Workload: e.GetMetadata().GetFilterMetadata()["istio"].GetFields()["workload"].GetStringValue(),
		active:   &atomic.Int64{},
	}
	if old := known[out.Address]; old != nil {
		out.active = old.active
	}
	return out
}

// NewPool is the pool of some addresses.
func NewPool(addresses ...string) *Pool {
	p := &Pool{turn: &atomic.Uint64{}}
	for _, a := range addresses {
		p.healthy = append(p.healthy, &Endpoint{Address: a, active: &atomic.Int64{}})
	}
	return p
}

// Len is how many endpoints take requests, each counted by its weight.
func (p *Pool) Len() int { return len(p.healthy) }

// String lists the addresses.
func (p *Pool) String() string {
	var list []string
	for _, e := range p.healthy {
		list = append(list, e.Address)
	}
	return strings.Join(list, " ")
}

// Pick picks an endpoint for a request; nil if there is none. Those in tried
// have failed the request before and get it again only if all have. Draw returns
// a number from 0 to its argument, exclusive.
func (p *Pool) Pick(policy Policy, draw func(uint64) uint64, tried []string) *Endpoint {
	from := p.healthy
	if len(tried) > 0 {
		fresh := slices.DeleteFunc(slices.Clone(from), func(e *Endpoint) bool { return slices.Contains(tried, e.Address) })
		if len(fresh) > 0 {
			from = fresh
		}
	}
	n := uint64(len(from))
	switch {
	case n == 0:
		return nil
	case n == 1:
		return from[0]
	case policy == RoundRobin:
		return from[(p.turn.Add(1)-1)%n]
	case policy == Random:
		return from[draw(n)]
	}
	// The better one of two that are drawn: that spreads load nearly as well as
	// looking at all of them, and does not send a burst to the one that is idle.
	a, b := from[draw(n)], from[draw(n)]
	if b.Active() < a.Active() {
		return b
	}
	return a
}

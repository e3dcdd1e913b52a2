package xds

import (
	"maps"
	"net/netip"

	"github.com/aviary-rollouts/aviary/e2e/dataplane/route"
	"github.com/aviary-rollouts/aviary/e2e/dataplane/upstream"
)

// Config is what one proxy has been told. It does not change; a newer one takes
// its place.
type Config struct {
	listeners map[string]*Listener
	routes    map[string]*route.Table
	clusters  map[string]*upstream.Cluster
	pools     map[string]*upstream.Pool
}

// withPools returns the configuration with newer endpoints. Those of clusters
// that are going away remain as they were.
func (c *Config) withPools(newer map[string]*upstream.Pool) *Config {
	next := *c
	next.pools = maps.Clone(c.pools)
	maps.Copy(next.pools, newer)
	return &next
}

// Handler returns what the proxy does with an HTTP request to an address; nil if
// no listener is for it. The IP may be invalid if nobody knows it.
func (c *Config) Handler(ip netip.Addr, port uint16) *Handler {
	var other *Listener
	for _, l := range c.listeners {
		takes, named := l.takes(ip, port)
		switch {
		case l.Inbound || !takes:
		case named:
			return l.HTTP(ip)
		default:
			other = l
		}
	}
	if other == nil {
		return nil
	}
	return other.HTTP(ip)
}

// Table returns the routes of a handler; nil while they are not known, or for
// one of bytes.
func (c *Config) Table(h *Handler) *route.Table {
	if h.Table != nil {
		return h.Table
	}
	return c.routes[h.Routes]
}

// Cluster returns a cluster; nil if there is none.
func (c *Config) Cluster(name string) *upstream.Cluster { return c.clusters[name] }

// Pool returns the endpoints of a cluster, nil if they are not known.
func (c *Config) Pool(of *upstream.Cluster) *upstream.Pool {
	if of.Fixed != nil {
		return of.Fixed
	}
	return c.pools[of.Discovered]
}

package xds

import (
	"fmt"
	"net/netip"
	"slices"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	tcpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/tcp_proxy/v3"

	"github.com/aviary-rollouts/aviary/e2e/dataplane/route"
)

// Listener is what a proxy does with connections to an address.
type Listener struct {
	Name string
	// Addresses are those that it takes connections to; an unspecified one
	// stands for all.
	Addresses []netip.AddrPort
	// Inbound is set for what comes to the proxy's own pod.
	Inbound bool

	chains []chain
	other  *chain // what no chain takes
}

// chain is one way to handle connections: by HTTP routes, or by bytes.
type chain struct {
	ranges    []netip.Prefix // of the destination; none means all
	protocols []string       // none means all
	tls       bool           // what is encrypted
	servers   []string
	handler   *Handler
}

// Handler is what becomes of a connection.
type Handler struct {
	// Routes is the name of the RouteConfiguration for HTTP.
	Routes string
	// Table is the RouteConfiguration if the listener brings it along.
	Table *route.Table
	// Clusters are the destinations of bytes, by weight; empty for HTTP.
	Clusters []TCPCluster
}

// TCPCluster is a destination of connections.
type TCPCluster struct {
	Name   string
	Weight uint64
}

const (
	httpManager = "envoy.filters.network.http_connection_manager"
	tcpProxy    = "envoy.filters.network.tcp_proxy"
)

// compileListener reads a listener and the names of the RouteConfigurations that
// it wants.
func compileListener(l *listenerv3.Listener) (*Listener, []string, error) {
	out := &Listener{Name: l.GetName(), Inbound: l.GetName() == "virtualInbound"}
	if out.Inbound {
		return out, nil, nil // requests go from proxy to application directly
	}
	out.addAddress(l.GetAddress().GetSocketAddress().GetAddress(), l.GetAddress().GetSocketAddress().GetPortValue())
	for _, more := range l.GetAdditionalAddresses() {
		socket := more.GetAddress().GetSocketAddress()
		out.addAddress(socket.GetAddress(), socket.GetPortValue())
	}
	var wanted []string
	for _, fc := range l.GetFilterChains() {
		c, err := compileChain(fc)
		if err != nil {
			return nil, nil, fmt.Errorf("listener %q: filter chain %q: %w", l.GetName(), fc.GetName(), err)
		}
		out.chains = append(out.chains, c)
		wanted = append(wanted, c.handler.Routes)
	}
	if fc := l.GetDefaultFilterChain(); fc != nil {
		c, err := compileChain(fc)
		if err != nil {
			return nil, nil, fmt.Errorf("listener %q: default filter chain: %w", l.GetName(), err)
		}
		out.other = &c
		wanted = append(wanted, c.handler.Routes)
	}
	return out, wanted, nil
}

func (l *Listener) addAddress(ip string, port uint32) {
	if a, err := netip.ParseAddr(ip); err == nil {
		l.Addresses = append(l.Addresses, netip.AddrPortFrom(a, uint16(port)))
	}
}

func compileChain(fc *listenerv3.FilterChain) (chain, error) {
	m := fc.GetFilterChainMatch()
	c := chain{
		protocols: m.GetApplicationProtocols(), servers: m.GetServerNames(),
		tls: m.GetTransportProtocol() == "tls",
	}
	for _, r := range m.GetPrefixRanges() {
		ip, err := netip.ParseAddr(r.GetAddressPrefix())
		if err != nil {
			return c, fmt.Errorf("prefix range: %w", err)
		}
		bits := ip.BitLen()
		if r.GetPrefixLen() != nil {
			bits = int(r.GetPrefixLen().GetValue())
		}
		c.ranges = append(c.ranges, netip.PrefixFrom(ip, bits))
	}
	handler, err := compileFilters(fc.GetFilters())
	c.handler = handler
	return c, err
}

// compileFilters finds the last filter of a chain, the one that decides.
func compileFilters(filters []*listenerv3.Filter) (*Handler, error) {
	for _, f := range filters {
		switch f.GetName() {
		case httpManager:
			var m hcmv3.HttpConnectionManager
			if err := f.GetTypedConfig().UnmarshalTo(&m); err != nil {
				return nil, fmt.Errorf("filter %s: %w", f.GetName(), err)
			}
			if m.GetRouteConfig() != nil {
				table, err := route.Compile(m.GetRouteConfig())
				return &Handler{Table: table}, err
			}
			return &Handler{Routes: m.GetRds().GetRouteConfigName()}, nil
		case tcpProxy:
			var p tcpv3.TcpProxy
			if err := f.GetTypedConfig().UnmarshalTo(&p); err != nil {
				return nil, fmt.Errorf("filter %s: %w", f.GetName(), err)
			}
			return &Handler{Clusters: tcpClusters(&p)}, nil
		}
	}
	return &Handler{}, nil
}

func tcpClusters(p *tcpv3.TcpProxy) (list []TCPCluster) {
	if p.GetCluster() != "" {
		return []TCPCluster{{p.GetCluster(), 1}}
	}
	for _, w := range p.GetWeightedClusters().GetClusters() {
		list = append(list, TCPCluster{w.GetName(), uint64(w.GetWeight())})
	}
	return list
}

// takes reports whether the listener is for connections to an address, and
// whether it names it: one for all addresses is asked last. Without an IP only
// one for all addresses is.
func (l *Listener) takes(ip netip.Addr, port uint16) (takes, named bool) {
	for _, a := range l.Addresses {
		if a.Port() != port {
			continue
		}
		if a.Addr().IsUnspecified() {
			takes = true
		} else if ip.IsValid() && a.Addr() == ip {
			return true, true
		}
	}
	return takes, false
}

// plainHTTP are the names under which the sniffer reports unencrypted HTTP.
var plainHTTP = []string{"http/1.0", "http/1.1", "h2c"}

// HTTP returns what the listener does with an HTTP request in the clear to an
// IP, which may be invalid if nobody knows it. Nil means nothing.
func (l *Listener) HTTP(ip netip.Addr) *Handler {
	var found *chain
	best := -1
	for i := range l.chains {
		c := &l.chains[i]
		sniffed := slices.ContainsFunc(c.protocols, func(p string) bool { return slices.Contains(plainHTTP, p) })
		within := slices.ContainsFunc(c.ranges, func(p netip.Prefix) bool { return ip.IsValid() && p.Contains(ip) })
		switch {
		case c.tls || len(c.servers) > 0:
			continue
		case len(c.ranges) > 0 && !within, len(c.protocols) > 0 && !sniffed:
			continue
		}
		// Envoy looks at the address first, then at the protocol.
		score := 0
		if within {
			score += 2
		}
		if sniffed {
			score++
		}
		if score > best {
			found, best = c, score
		}
	}
	if found == nil {
		found = l.other
	}
	if found == nil {
		return nil
	}
	return found.handler
}

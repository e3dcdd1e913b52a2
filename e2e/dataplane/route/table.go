package route

import (
	"cmp"
	"fmt"
	"net"
	"slices"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
)

// Table is a RouteConfiguration that can be asked. It does not change.
type Table struct {
	name       string
	ignorePort bool
	exact      map[string]*host
	endings    []wildcard // "*.example.org", the longest first
	beginnings []wildcard // "example.*", the longest first
	other      *host      // "*"; nil if there is none
}

type wildcard struct {
	text string
	host *host
}

// host is a virtual host: the routes of some domains.
type host struct {
	name   string
	routes []*Route
}

// Route is what happens to the requests that match it. One of Direct, Redirect
// and Forward is set.
type Route struct {
	// Name is the one that the VirtualService gives to it, often empty.
	Name string
	// Fault is what goes wrong on purpose before anything else; nil for nothing.
	Fault *Fault
	// Direct is an answer that the proxy gives itself.
	Direct *Direct
	// Redirect tells the client to ask elsewhere.
	Redirect *Redirect
	// Forward sends the request on.
	Forward *Forward

	conditions []condition
	sampled    chance
	changes    Changes
}

// Compile reads a RouteConfiguration. The error names the virtual host and the
// route that cannot be read.
func Compile(c *routev3.RouteConfiguration) (*Table, error) {
	t := &Table{name: c.GetName(), ignorePort: c.GetIgnorePortInHostMatching(), exact: map[string]*host{}}
	outer, err := layersOf(c)
	if err != nil {
		return nil, fmt.Errorf("route configuration %q: %w", t.name, err)
	}
	for _, vh := range c.GetVirtualHosts() {
		h, err := compileHost(vh, outer, c.GetMostSpecificHeaderMutationsWins())
		if err != nil {
			return nil, fmt.Errorf("route configuration %q: virtual host %q: %w", t.name, vh.GetName(), err)
		}
		for _, domain := range vh.GetDomains() {
			if err := t.add(strings.ToLower(domain), h); err != nil {
				return nil, fmt.Errorf("route configuration %q: virtual host %q: %w", t.name, vh.GetName(), err)
			}
		}
	}
	longest := func(a, b wildcard) int { return cmp.Compare(len(b.text), len(a.text)) }
	slices.SortStableFunc(t.endings, longest)
	slices.SortStableFunc(t.beginnings, longest)
	return t, nil
}

func (t *Table) add(domain string, h *host) error {
	switch {
	case domain == "*":
		if t.other != nil {
			return fmt.Errorf("domain * stands twice")
		}
		t.other = h
	case strings.HasPrefix(domain, "*"):
		t.endings = append(t.endings, wildcard{domain[1:], h})
	case strings.HasSuffix(domain, "*"):
		t.beginnings = append(t.beginnings, wildcard{domain[:len(domain)-1], h})
	default:
		if t.exact[domain] != nil {
			return fmt.Errorf("domain %s stands twice", domain)
		}
		t.exact[domain] = h
	}
	return nil
}

func compileHost(vh *routev3.VirtualHost, outer Changes, specificLast bool) (*host, error) {
	h := &host{name: vh.GetName()}
	own, err := layersOf(vh)
	if err != nil {
		return nil, err
	}
	for i, r := range vh.GetRoutes() {
		compiled, err := compileRoute(r, vh)
		if err != nil {
			return nil, fmt.Errorf("route %d %q: %w", i, r.GetName(), err)
		}
		compiled.changes = compiled.changes.then(own).then(outer)
		if specificLast {
			compiled.changes = compiled.changes.reversed()
		}
		h.routes = append(h.routes, compiled)
	}
	return h, nil
}

func compileRoute(r *routev3.Route, vh *routev3.VirtualHost) (*Route, error) {
	conditions, err := compileMatch(r.GetMatch())
	if err != nil {
		return nil, err
	}
	changes, err := layersOf(r)
	if err != nil {
		return nil, err
	}
	route := &Route{Name: r.GetName(), conditions: conditions, changes: changes, sampled: always}
	if f := r.GetMatch().GetRuntimeFraction(); f != nil {
		route.sampled = chanceOf(f.GetDefaultValue())
	}
	if route.Fault, err = faultOf(r.GetTypedPerFilterConfig()); err != nil {
		return nil, err
	}
	switch a := r.GetAction().(type) {
	case *routev3.Route_DirectResponse:
		route.Direct, err = compileDirect(a.DirectResponse)
	case *routev3.Route_Redirect:
		route.Redirect, err = compileRedirect(a.Redirect, r.GetMatch())
	case *routev3.Route_Route:
		route.Forward, err = compileForward(a.Route, r.GetMatch(), vh)
	default:
		err = fmt.Errorf("an action of %T is not supported", r.GetAction())
	}
	return route, err
}

// Find returns the route of a request, nil if no route takes it. Draw decides
// for routes that take a part of the requests only; see [Forward.Pick].
func (t *Table) Find(r *Request, draw func(uint64) uint64) *Route {
	h := t.host(r.Authority)
	if h == nil {
		return nil
	}
next:
	for _, route := range h.routes {
		for _, holds := range route.conditions {
			if !holds(r) {
				continue next
			}
		}
		if route.sampled.happens(draw) {
			return route
		}
	}
	return nil
}

// host finds the virtual host of a Host header: by its whole name, then by the
// longest ending, then by the longest beginning, then the one for all others.
func (t *Table) host(authority string) *host {
	name := strings.ToLower(authority)
	if t.ignorePort {
		if h, _, err := net.SplitHostPort(name); err == nil {
			name = h
		}
	}
	if h := t.exact[name]; h != nil {
		return h
	}
	for _, w := range t.endings {
		if len(name) > len(w.text) && strings.HasSuffix(name, w.text) {
			return w.host
		}
	}
	for _, w := range t.beginnings {
		if len(name) > len(w.text) && strings.HasPrefix(name, w.text) {
			return w.host
		}
	}
	return t.other
}

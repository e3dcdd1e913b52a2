package istio

import (
	"fmt"
	"slices"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/traffic"
)

// protocol is one of the three lists of routes that a VirtualService has.
type protocol struct {
	name string // in messages
	key  string // under spec
}

var (
	httpRoutes = protocol{"HTTP", "http"}
	tlsRoutes  = protocol{"TLS", "tls"}
	tcpRoutes  = protocol{"TCP", "tcp"}
	protocols  = []protocol{httpRoutes, tlsRoutes, tcpRoutes}
)

// route is a route of a VirtualService that splits between the revisions.
type route struct {
	protocol
	node         node
	destinations []node   // the list under "route", objects with destination and weight
	roles        []role   // of destinations
	hosts        []string // of destinations: the Service of an experiment, else empty
}

// routeError says what is wrong with the routes of one protocol.
type routeError struct {
	protocol string
	reason   string
}

func (e *routeError) Error() string {
	return fmt.Sprintf("Istio VirtualService has invalid %s routes. Error: %s", e.protocol, e.reason)
}

func (p protocol) errorf(format string, args ...any) error {
	return &routeError{p.name, fmt.Sprintf(format, args...)}
}

// splitRoutes finds the routes of a VirtualService that carry the requests of a
// Rollout, and checks that each of them knows both revisions.
func (t Target) splitRoutes(vs node, want traffic.Routing) ([]route, error) {
	spec, err := object(vs, "", "spec")
	if err != nil {
		return nil, err
	}
	var found []route
	record := madeIn(vs, v1alpha1.ManagedRoutesKey)
	for _, p := range protocols {
		nodes, err := t.selectRoutes(spec, p, want.Managed, record)
		if err != nil {
			return nil, err
		}
		for _, n := range nodes {
			r, err := t.readRoute(n, p, want)
			if err != nil {
				return nil, err
			}
			found = append(found, r)
		}
	}
	found, err = t.inferred(found)
	if err != nil {
		return nil, err
	}
	for _, r := range found {
		if err := t.checkRoute(r, want); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// named says whether the Rollout names routes of the VirtualService.
func (t Target) named() bool {
	return len(t.Routes.Routes)+len(t.Routes.TLSRoutes)+len(t.Routes.TCPRoutes) > 0
}

// selectRoutes returns the routes of a protocol that the Rollout names, or all
// of them if it names none at all. Managed routes, of any Rollout, are none of them.
func (t Target) selectRoutes(spec node, p protocol, managed []string, record made) ([]node, error) {
	all, err := objects(spec, "spec", p.key)
	if err != nil {
		return nil, p.errorf("%v", err)
	}
	all = slices.DeleteFunc(all, func(n node) bool { return p == httpRoutes && record.by(n) != "" })
	if !t.named() {
		return slices.DeleteFunc(all, func(n node) bool { return p == httpRoutes && slices.Contains(managed, text(n, "name")) }), nil
	}
	var matches []func(node) bool
	var names []string
	switch p {
	case httpRoutes:
		for _, name := range t.Routes.Routes {
			if slices.Contains(managed, name) {
				return nil, p.errorf("Route '%s' is one of managedRoutes: steps would replace it. Give one of the two another name", name)
			}
			matches = append(matches, func(n node) bool { return text(n, "name") == name })
			names = append(names, fmt.Sprintf("Route '%s'", name))
		}
	case tlsRoutes:
		for _, ref := range t.Routes.TLSRoutes {
			matches = append(matches, func(n node) bool { return matchesTLS(n, ref) })
			names = append(names, fmt.Sprintf("Route with port %d and SNI hosts %q", ref.Port, ref.SNIHosts))
		}
	case tcpRoutes:
		for _, ref := range t.Routes.TCPRoutes {
			matches = append(matches, func(n node) bool { return matchesTLS(n, v1alpha1.TLSRoute{Port: ref.Port}) })
			names = append(names, fmt.Sprintf("Route with port %d", ref.Port))
		}
	}
	return pick(all, p, matches, names)
}

// pick returns the routes that any of matches accepts, in the order of the
// VirtualService. Each of matches must accept one.
func pick(all []node, p protocol, matches []func(node) bool, names []string) ([]node, error) {
	used := make([]bool, len(matches))
	var picked []node
	for _, n := range all {
		hit := false
		for i, match := range matches {
			if match(n) && (p != httpRoutes || !used[i]) { // a name means the first route that has it
				used[i], hit = true, true
			}
		}
		if hit {
			picked = append(picked, n)
		}
	}
	if i := slices.Index(used, false); i >= 0 {
		return nil, p.errorf("%s not found", names[i])
	}
	return picked, nil
}

// matchesTLS says whether a TLS or TCP route, which has no name, has a rule for
// a port (0: any) and for all of some SNI hosts (none: any).
func matchesTLS(n node, ref v1alpha1.TLSRoute) bool {
	rules, err := objects(n, "", "match")
	if err != nil {
		return false
	}
	if len(rules) == 0 {
		return ref.Port == 0 && len(ref.SNIHosts) == 0
	}
	return slices.ContainsFunc(rules, func(rule node) bool {
		hosts := texts(rule, "sniHosts")
		missing := slices.ContainsFunc(ref.SNIHosts, func(h string) bool { return !slices.Contains(hosts, h) })
		return !missing && (ref.Port == 0 || number(rule, "port") == ref.Port)
	})
}

// readRoute reads the destinations of a route.
func (t Target) readRoute(n node, p protocol, want traffic.Routing) (route, error) {
	r := route{protocol: p, node: n}
	list, err := objects(n, "spec."+p.key, "route")
	if err != nil {
		return r, p.errorf("%v", err)
	}
	for _, d := range list {
		destination, err := object(d, "spec."+p.key+".route", "destination")
		if err != nil {
			return r, p.errorf("%v", err)
		}
		role, host := t.roleOf(destination, want)
		r.destinations, r.roles, r.hosts = append(r.destinations, d), append(r.roles, role), append(r.hosts, host)
	}
	return r, nil
}

// inferred narrows the routes of a VirtualService of which the Rollout names
// none: of each protocol the only route, if it is about both revisions. A
// second protocol often carries something else.
func (t Target) inferred(all []route) ([]route, error) {
	if t.named() {
		return all, nil
	}
	count := map[protocol]int{}
	for _, r := range all {
		count[r.protocol]++
	}
	fit := slices.DeleteFunc(slices.Clone(all), func(r route) bool {
		return count[r.protocol] > 1 || !slices.Contains(r.roles, stable) || !slices.Contains(r.roles, canary)
	})
	if len(fit) > 0 {
		return fit, nil
	}
	if len(all) == 0 {
		return nil, httpRoutes.errorf("VirtualService has no routes")
	}
	first := all[0]
	if n := count[first.protocol]; n > 1 {
		return nil, first.errorf("VirtualService has %d %s routes and the Rollout names none of them. Name those that split between its revisions", n, first.name)
	}
	return all[:1], nil // to be told what is missing
}

// checkRoute says what a route lacks, the canary first.
func (t Target) checkRoute(r route, want traffic.Routing) error {
	for _, side := range []struct {
		role            role
		title           string
		subset, service string
	}{
		{canary, "Canary", t.subset(canary), want.CanaryService},
		{stable, "Stable", t.subset(stable), want.StableService},
	} {
		switch {
		case slices.Contains(r.roles, side.role):
		case t.Subsets != nil:
			return r.errorf("%s DestinationRule subset '%s' not found in route", side.title, side.subset)
		default:
			return r.errorf("%s Service '%s' not found in route", side.title, side.service)
		}
	}
	if sum := r.reserved(); sum > int64(want.Total()) {
		return r.errorf("additional subsets have a weight of %d in all, more than %d", sum, want.Total())
	}
	return nil
}

// reserved is the sum of the weights that are the user's own.
func (r route) reserved() int64 {
	var sum int64
	for i, d := range r.destinations {
		if r.roles[i] == reserved {
			sum += max(0, number(d, "weight"))
		}
	}
	return sum
}

// subset is the name of the subset of a revision, empty without subsets.
func (t Target) subset(r role) string {
	switch {
	case t.Subsets == nil:
		return ""
	case r == stable:
		return t.Subsets.StableSubsetName
	}
	return t.Subsets.CanarySubsetName
}

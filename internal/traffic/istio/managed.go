package istio

import (
	"fmt"
	"slices"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/traffic"
)

// setManaged writes the managed routes in front of all other HTTP routes, in
// the order of their priority, removes those that are not wanted, though they may be
// declared no more, and records what there is now.
//
// A managed route is the split route narrowed to the requests that a step
// names: it has the conditions of both, so that it takes no requests from
// routes behind it, and keeps what the split route does to its requests
// (rewrites, retries, timeouts, CORS). Where several routes split, each of them
// gets a managed route of that name. TLS and TCP have no headers.
func (t Target) setManaged(out, spec node, split []route, want traffic.Routing) error {
	if err := checkManaged(want); err != nil {
		return err
	}
	all, err := objects(spec, "spec", httpRoutes.key)
	if err != nil {
		return err
	}
	if all == nil {
		return nil
	}
	record := madeIn(out, v1alpha1.ManagedRoutesKey)
	others := slices.DeleteFunc(all, func(n node) bool { return t.owns(n, record, want.Managed) })
	managed, err := managedOf(split, want)
	if err != nil {
		return err
	}
	spec[httpRoutes.key] = anyList(append(managed, others...))
	record.set(t.rollout(), managed)
	annotate(out, v1alpha1.ManagedRoutesKey, record.String())
	return nil
}

// managedOf makes the managed routes of some split routes, in the order of their priority.
func managedOf(split []route, want traffic.Routing) (managed []node, err error) {
	for _, name := range want.Managed {
		for _, r := range split {
			if r.protocol != httpRoutes {
				continue
			}
			built, err := managedRoutes(r, name, want)
			if err != nil {
				return nil, err
			}
			managed = append(managed, built...)
		}
	}
	return managed, nil
}

// hasManaged says whether the managed routes of a Rollout in a VirtualService are those
// that are wanted, wherever they stand: of Rollouts that share it each would put its own
// in front, and neither would ever be content. What keeps it from being read or written
// is no disagreement: validation tells of that.
func (t Target) hasManaged(vs node, want traffic.Routing) bool {
	split, err := t.splitRoutes(vs, want)
	if err != nil {
		return true
	}
	managed, err := managedOf(split, want)
	if err != nil {
		return true
	}
	spec, _ := vs["spec"].(node)
	own, err := objects(spec, "spec", httpRoutes.key)
	if err != nil {
		return true
	}
	record := madeIn(vs, v1alpha1.ManagedRoutesKey)
	own = slices.DeleteFunc(own, func(n node) bool { return !t.owns(n, record, want.Managed) })
	return equal(anyList(own), anyList(managed))
}

// checkManaged refuses routes that nothing would ever remove.
func checkManaged(want traffic.Routing) error {
	for _, name := range want.Names() {
		if !slices.Contains(want.Managed, name) {
			return fmt.Errorf("route %q is not one of spec.strategy.canary.trafficRouting.managedRoutes %q: add it there", name, want.Managed)
		}
	}
	return nil
}

// managedRoutes builds what a managed name stands for, beside one split route:
// a header route, a mirror route, or nothing.
func managedRoutes(r route, name string, want traffic.Routing) ([]node, error) {
	var built []node
	for _, h := range want.Headers {
		if h.Name == name && len(h.Match) > 0 {
			n, err := managedRoute(r, name, headerConditions(h))
			if err != nil {
				return nil, err
			}
			if n != nil {
				to := clone(r.destinations[slices.Index(r.roles, canary)]).(node)
				to["weight"] = int64(want.Total())
				n["route"] = []any{to}
				built = append(built, n)
			}
		}
	}
	for _, m := range want.Mirrors {
		if m.Name == name && len(m.Match) > 0 {
			n, err := managedRoute(r, name, mirrorConditions(m))
			if err != nil {
				return nil, err
			}
			if n != nil {
				mirrorTo(n, r, m)
				built = append(built, n)
			}
		}
	}
	return built, nil
}

// managedRoute copies a split route under another name and narrows it to the
// requests that meet one of some conditions; nil if no request can.
func managedRoute(r route, name string, conditions []node) (node, error) {
	own, err := objects(r.node, "spec.http", "match")
	if err != nil {
		return nil, httpRoutes.errorf("%v", err)
	}
	matches := narrow(own, conditions)
	if len(matches) == 0 {
		return nil, nil
	}
	n := clone(r.node).(node)
	n["name"] = name
	n["match"] = anyList(matches)
	return n, nil
}

// mirrorTo sends copies of the requests of a route to the canary.
func mirrorTo(n node, r route, m v1alpha1.SetMirrorRoute) {
	entry := r.destinations[slices.Index(r.roles, canary)]
	n["mirror"] = clone(entry["destination"])
	for _, other := range []string{"mirrors", "mirrorPercentage", "mirrorPercent", "mirror_percent"} {
		delete(n, other)
	}
	if m.Percentage != nil {
		n["mirrorPercentage"] = node{"value": int64(*m.Percentage)}
	}
}

// headerConditions are the conditions of a header route, any of which is enough.
func headerConditions(h v1alpha1.SetHeaderRoute) []node {
	var list []node
	for _, m := range h.Match {
		list = append(list, node{"headers": node{m.HeaderName: condition(m.HeaderValue)}})
	}
	return list
}

// mirrorConditions are the conditions of a mirror route, any of which is enough.
func mirrorConditions(m v1alpha1.SetMirrorRoute) []node {
	var list []node
	for _, match := range m.Match {
		n := node{}
		if match.Method != nil {
			n["method"] = condition(match.Method)
		}
		if match.Path != nil {
			n["uri"] = condition(match.Path)
		}
		if len(match.Headers) > 0 {
			headers := node{}
			for name, value := range match.Headers {
				headers[name] = condition(&value)
			}
			n["headers"] = headers
		}
		list = append(list, n)
	}
	return list
}

package istio

import (
	"fmt"

	"github.com/aviary-rollouts/aviary/internal/traffic"
)

// TransformVirtualService returns the VirtualService that does what is wanted,
// and whether it differs from vs, which is not modified; both may share what
// lies outside the spec and the annotations. It writes
//
//   - the weights of the routes that t names, so that each route adds up to the
//     total (see [traffic.Routing.Split]); destinations of experiments are added
//     while they have a weight, and whatever else is found in these routes is
//     removed, as nobody would know its weight;
//   - the managed routes in front of all others, in the order of want.Managed;
//     what exists under such a name, or was made for this Rollout, and is not
//     wanted is removed. An annotation records them.
//
// Nothing else changes. Done twice, it changes nothing the second time.
func TransformVirtualService(vs map[string]any, t Target, want traffic.Routing) (map[string]any, bool, error) {
	out, spec, err := withSpec(vs)
	if err != nil {
		return nil, false, fmt.Errorf("reading routes: %w", err)
	}
	routes, err := t.splitRoutes(out, want)
	if err != nil {
		return nil, false, err
	}
	for _, r := range routes {
		t.setWeights(r, want)
	}
	if err := t.setManaged(out, spec, routes, want); err != nil {
		return nil, false, err
	}
	if equal(vs["spec"], spec) && equal(vs["metadata"], out["metadata"]) {
		return vs, false, nil
	}
	return out, true, nil
}

// setWeights rewrites the destinations of a route. They keep their order, ports
// and other fields; new ones come last, sorted by host.
func (t Target) setWeights(r route, want traffic.Routing) {
	split := want.Split(r.reserved())
	shares := map[string]traffic.Destination{}
	for _, d := range split.Additional {
		shares[d.Host] = d
	}
	left := map[role]int32{stable: split.Stable, canary: split.Canary}
	var kept []node
	like := ""
	for i, d := range r.destinations {
		switch r.roles[i] {
		case stable, canary:
			setWeight(d, left[r.roles[i]])
			left[r.roles[i]] = 0 // a second destination of the same revision gets nothing
			if r.roles[i] == stable && like == "" {
				like = hostIn(d)
			}
		case experiment:
			share, has := shares[r.hosts[i]]
			if !has {
				continue
			}
			setWeight(d, share.Weight)
			setPort(d["destination"].(node), share.Port)
			delete(shares, share.Host)
		case unknown:
			continue
		}
		kept = append(kept, d)
	}
	for _, d := range split.Additional {
		if _, missing := shares[d.Host]; missing {
			to := node{"host": t.hostOf(d.Host, like)}
			setPort(to, d.Port)
			kept = append(kept, node{"destination": to, "weight": int64(d.Weight)})
		}
	}
	r.node["route"] = anyList(kept)
}

// setWeight writes a weight, 0 as well: a missing one means 0 only as long as
// there are several destinations.
func setWeight(destination node, weight int32) {
	if destination["weight"] == nil || number(destination, "weight") != int64(weight) {
		destination["weight"] = int64(weight)
	}
}

// setPort writes the port of an experiment's destination if it needs one: where
// its Service has not the port that requests came to, a sidecar would send them
// nowhere.
func setPort(destination node, port int32) {
	if port != 0 && portIn(destination) != port {
		destination["port"] = node{"number": int64(port)}
	}
}

// portIn is the port that a destination names; 0 if it names none.
func portIn(destination node) int32 {
	port, _ := destination["port"].(node)
	return int32(number(port, "number"))
}

// hostIn is the host of an entry of a route's destinations.
func hostIn(entry node) string {
	destination, _ := entry["destination"].(node)
	return text(destination, "host")
}

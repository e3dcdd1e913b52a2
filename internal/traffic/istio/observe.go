package istio

import (
	"maps"
	"slices"
	"strings"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/traffic"
)

// Observe says what is in force according to the objects that a Rollout names.
func Observe(ro *v1alpha1.Rollout, o Objects) traffic.Observed {
	if configOf(ro) == nil {
		return traffic.Observed{}
	}
	seen := inForce(ro, o)
	if errs := Validate(ro, o); len(errs) > 0 {
		seen.Problem, seen.Missing, seen.Synced = errs[0].Error(), missing(ro, o, errs[0]), false
	}
	return seen
}

// Agrees says whether the managed routes in the objects of a Rollout are those that are
// wanted.
func Agrees(ro *v1alpha1.Rollout, o Objects, want traffic.Routing) bool {
	for i, t := range targets(ro) {
		if vs := o.virtualService(i); vs != nil && !t.hasManaged(vs.Object, want) {
			return false
		}
	}
	return true
}

// inForce is Observe without the question what is wrong.
func inForce(ro *v1alpha1.Rollout, o Objects) traffic.Observed {
	seen := traffic.Observed{Synced: true}
	want := declared(ro)
	exists := map[string]bool{}
	var splits []shares
	for i, t := range targets(ro) {
		if vs := o.virtualService(i); vs != nil {
			splits = append(splits, t.sharesIn(vs.Object, want)...)
			t.markRoutes(vs.Object, want.Managed, exists)
		}
	}
	for i, s := range splits {
		if i == 0 {
			seen.Weights, seen.Reserved = s.Weights, s.reserved
			continue
		}
		seen.Weights, seen.Reserved = greatest(seen.Weights, s.Weights), min(seen.Reserved, s.reserved)
	}
	for _, s := range splits {
		seen.Synced = seen.Synced && s.agrees(seen, want.Total())
	}
	for _, name := range want.Managed {
		if exists[name] {
			seen.Managed = append(seen.Managed, name)
			delete(exists, name)
		}
	}
	seen.Managed = append(seen.Managed, slices.Sorted(maps.Keys(exists))...)
	observeSubsets(&seen, ro, o)
	return seen
}

// shares is the split of one route.
type shares struct {
	traffic.Weights
	reserved int64
}

// agrees says whether a route splits a whole as the other routes do, whose
// greatest shares are given. One that reserves more than another has less to
// give: with 10 and 20 reserved, a canary of 100 gets 90 and 80.
func (s shares) agrees(all traffic.Observed, whole int32) bool {
	if s.Total()+s.reserved != int64(whole) {
		return false
	}
	given := all.Weights
	if s.reserved != all.Reserved {
		given = traffic.Routing{CanaryWeight: given.Canary, MaxWeight: whole, Additional: given.Additional}.Split(s.reserved)
	}
	return s.Canary == given.Canary && s.Stable == given.Stable && slices.EqualFunc(s.Additional, given.Additional, func(a, b traffic.Destination) bool {
		return a.Host == b.Host && a.Weight == b.Weight // each route may have ports of its own
	})
}

// sharesIn reads the split of each route that a Rollout names. A destination
// that is no revision is taken for an experiment's.
func (t Target) sharesIn(vs node, want traffic.Routing) []shares {
	routes, err := t.splitRoutes(vs, want)
	if err != nil {
		return nil // validation reports it
	}
	var list []shares
	for _, r := range routes {
		s := shares{reserved: r.reserved()}
		additional := map[string]traffic.Destination{}
		for i, d := range r.destinations {
			weight := int32(number(d, "weight"))
			switch r.roles[i] {
			case stable:
				s.Stable += weight
			case canary:
				s.Canary += weight
			case unknown, experiment:
				destination, _ := d["destination"].(node)
				host := t.serviceOf(hostIn(d))
				additional[host] = traffic.Destination{Host: host, Weight: additional[host].Weight + weight, Port: portIn(destination)}
			}
		}
		for _, host := range slices.Sorted(maps.Keys(additional)) {
			s.Additional = append(s.Additional, additional[host])
		}
		list = append(list, s)
	}
	return list
}

// serviceOf is the Service of the Rollout's namespace that a host names, or the
// host as it is: the reverse of hostOf.
func (t Target) serviceOf(host string) string {
	service, _, _ := strings.Cut(host, ".")
	if t.isHost(host, service) {
		return service
	}
	return host
}

// markRoutes marks the names of the HTTP routes of a VirtualService that the Rollout
// made.
func (t Target) markRoutes(vs node, declared []string, exists map[string]bool) {
	spec, _ := vs["spec"].(node)
	routes, _ := objects(spec, "spec", httpRoutes.key)
	record := madeIn(vs, v1alpha1.ManagedRoutesKey)
	for _, r := range routes {
		if t.owns(r, record, declared) {
			exists[text(r, "name")] = true
		}
	}
}

// observeSubsets reads the template hashes that the subsets select.
func observeSubsets(seen *traffic.Observed, ro *v1alpha1.Rollout, o Objects) {
	names := configOf(ro).DestinationRule
	if names == nil || o.DestinationRule == nil {
		return
	}
	spec, _ := o.DestinationRule.Object["spec"].(node)
	subsets, _ := objects(spec, "spec", "subsets")
	seen.StableHash, seen.CanaryHash = hashOf(subsets, names.StableSubsetName), hashOf(subsets, names.CanarySubsetName)
	for i := range seen.Weights.Additional {
		a := &seen.Weights.Additional[i]
		a.Hash = hashOf(subsets, a.Host)
	}
}

// sameShares compares what requests get, not which pods are behind it.
func sameShares(a, b traffic.Weights) bool {
	return a.Canary == b.Canary && a.Stable == b.Stable && slices.Equal(a.Additional, b.Additional)
}

// greatest takes the greater of each share, with the port that a names.
func greatest(a, b traffic.Weights) traffic.Weights {
	top := map[string]traffic.Destination{}
	for _, d := range slices.Concat(b.Additional, a.Additional) {
		d.Weight = max(top[d.Host].Weight, d.Weight)
		top[d.Host] = d
	}
	w := traffic.Weights{Canary: max(a.Canary, b.Canary), Stable: max(a.Stable, b.Stable)}
	for _, host := range slices.Sorted(maps.Keys(top)) {
		w.Additional = append(w.Additional, top[host])
	}
	return w
}

package istio

import (
	"slices"
	"strings"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/traffic"
)

// Target is what a Rollout says about one VirtualService: which routes carry
// its requests, and which destinations are its revisions.
type Target struct {
	// Namespace of the Rollout and of its Services.
	Namespace string
	// Name of the Rollout.
	Name string
	// Routes names the routes.
	Routes v1alpha1.IstioVirtualService
	// Subsets names the subsets of the revisions; nil if Services tell them
	// apart.
	Subsets *v1alpha1.IstioDestinationRule
}

// targets lists what a Rollout says of its VirtualServices, in the order of
// [References].
func targets(ro *v1alpha1.Rollout) []Target {
	config := configOf(ro)
	if config == nil {
		return nil
	}
	var list []Target
	for _, routes := range virtualServices(config) {
		list = append(list, Target{Namespace: ro.Namespace, Name: ro.Name, Routes: routes, Subsets: config.DestinationRule})
	}
	return list
}

// role is what a destination of a route is to a Rollout.
type role int

const (
	unknown    role = iota
	stable          // the stable revision
	canary          // the new revision
	experiment      // a template of an experiment
	reserved        // a subset whose weight is the user's
)

// roleOf says what a destination is: an object with host, subset and port. The
// name of the experiment's Service is returned with it.
func (t Target) roleOf(destination node, want traffic.Routing) (role, string) {
	host, subset := text(destination, "host"), text(destination, "subset")
	if s := t.Subsets; s != nil {
		switch {
		case subset == "":
		case subset == s.StableSubsetName:
			return stable, ""
		case subset == s.CanarySubsetName:
			return canary, ""
		case slices.Contains(s.AdditionalSubsetNames, subset):
			return reserved, ""
		}
	} else {
		switch {
		case t.isHost(host, want.StableService):
			return stable, ""
		case t.isHost(host, want.CanaryService):
			return canary, ""
		}
	}
	for _, d := range want.Additional {
		if t.isHost(host, d.Host) {
			return experiment, d.Host
		}
	}
	return unknown, ""
}

// isHost says whether a host of a route is a Service of the Rollout's
// namespace. All of these are the Service web of the namespace shop:
//
//	web, web.shop, web.shop.svc, web.shop.svc.cluster.local, web.shop.mesh.internal
func (t Target) isHost(host, service string) bool {
	if service == "" {
		return false
	}
	rest, ok := strings.CutPrefix(host, service)
	if !ok || rest == "" {
		return ok
	}
	rest, ok = strings.CutPrefix(rest, "."+t.Namespace)
	return ok && (rest == "" || strings.HasPrefix(rest, "."))
}

// hostOf spells a Service the way like, a host of the same route, spells its
// own: after web.shop.svc.cluster.local, test becomes test.shop.svc.cluster.local.
func (t Target) hostOf(service, like string) string {
	if _, domain, dotted := strings.Cut(like, "."); dotted && (domain == t.Namespace || strings.HasPrefix(domain, t.Namespace+".")) {
		return service + "." + domain
	}
	return service
}

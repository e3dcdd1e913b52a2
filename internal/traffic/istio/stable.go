package istio

import (
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// Backend is a Service to which a route sends requests.
type Backend struct {
	types.NamespacedName
	// Port is the port that the route names, 0 if it names none.
	Port int32
}

// StableBackend is the Service of the first route of the stable revision. It is
// false while there is no such route.
func StableBackend(ro *v1alpha1.Rollout, o Objects) (Backend, bool) {
	want := declared(ro)
	for i, t := range targets(ro) {
		vs := o.virtualService(i)
		if vs == nil {
			continue
		}
		routes, err := t.splitRoutes(vs.Object, want)
		if err != nil {
			continue // validation reports it
		}
		for _, r := range routes {
			for j, d := range r.destinations {
				if r.roles[j] == stable {
					destination, _ := d["destination"].(node)
					return Backend{ServiceOf(text(destination, "host"), vs.GetNamespace()), portIn(destination)}, true
				}
			}
		}
	}
	return Backend{}, false
}

// ServiceOf is the Service that a host of a VirtualService means: a name without
// a dot is one of the VirtualService's namespace.
//
//	web               in shop: web of shop
//	web.mall.svc.cluster.local  web of mall
func ServiceOf(host, namespace string) types.NamespacedName {
	name, rest, dotted := strings.Cut(host, ".")
	if dotted {
		namespace, _, _ = strings.Cut(rest, ".")
	}
	return types.NamespacedName{Namespace: namespace, Name: name}
}

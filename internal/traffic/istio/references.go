package istio

import (
	"strings"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// Group is the API group of Istio's routing, the kinds are those of it that a
// Rollout names.
const (
	Group               = "networking.istio.io"
	KindVirtualService  = "VirtualService"
	KindDestinationRule = "DestinationRule"
)

// Reference is an object that a Rollout names.
type Reference struct {
	// Field is the path of the name in the Rollout.
	Field *field.Path
	// Kind is KindVirtualService or KindDestinationRule.
	Kind string
	// Written is the name as the Rollout writes it.
	Written string
	// Keys are the objects that may be meant. The first one that exists is.
	Keys []types.NamespacedName
}

// Names reports whether the reference may mean an object.
func (r Reference) Names(key types.NamespacedName) bool {
	for _, k := range r.Keys {
		if k == key {
			return true
		}
	}
	return false
}

// The paths of what a Rollout says about Istio.
var (
	istioPath           = field.NewPath("spec", "strategy", "canary", "trafficRouting", "istio")
	virtualServicePath  = istioPath.Child("virtualService", "name")
	virtualServicesPath = istioPath.Child("virtualServices")
	destinationRulePath = istioPath.Child("destinationRule", "name")
)

// References lists the objects that a Rollout names: its VirtualServices in
// their order, then its DestinationRule. It is empty without Istio.
//
// "web.mesh" is the VirtualService web of the namespace mesh: the part after
// the last dot is a namespace, since namespaces have no dots. Where nothing is
// found there, it is the object of that very name in the Rollout's namespace.
// DestinationRules are often named after their host, so for them the very name
// comes first.
func References(ro *v1alpha1.Rollout) []Reference {
	config := configOf(ro)
	if config == nil {
		return nil
	}
	var list []Reference
	for i, vs := range virtualServices(config) {
		at := virtualServicePath
		if config.VirtualService == nil {
			at = virtualServicesPath.Index(i).Child("name")
		}
		list = append(list, Reference{Field: at, Kind: KindVirtualService, Written: vs.Name, Keys: keys(ro, vs.Name)})
	}
	if dr := config.DestinationRule; dr != nil {
		ref := Reference{Field: destinationRulePath, Kind: KindDestinationRule, Written: dr.Name, Keys: keys(ro, dr.Name)}
		if len(ref.Keys) > 1 {
			ref.Keys[0], ref.Keys[1] = ref.Keys[1], ref.Keys[0]
		}
		list = append(list, ref)
	}
	return list
}

// keys lists what a name may mean: name.namespace first, then the very name.
func keys(ro *v1alpha1.Rollout, written string) []types.NamespacedName {
	very := types.NamespacedName{Namespace: ro.Namespace, Name: written}
	dot := strings.LastIndexByte(written, '.')
	if dot <= 0 || dot == len(written)-1 {
		return []types.NamespacedName{very}
	}
	return []types.NamespacedName{{Namespace: written[dot+1:], Name: written[:dot]}, very}
}

// configOf returns what a Rollout says about Istio; nil if it does not use it.
func configOf(ro *v1alpha1.Rollout) *v1alpha1.IstioTrafficRouting {
	c := ro.Spec.Strategy.Canary
	if c == nil || c.TrafficRouting == nil {
		return nil
	}
	return c.TrafficRouting.Istio
}

// virtualServices lists the VirtualServices of a Rollout: one or several.
func virtualServices(config *v1alpha1.IstioTrafficRouting) []v1alpha1.IstioVirtualService {
	if config.VirtualService != nil {
		return []v1alpha1.IstioVirtualService{*config.VirtualService}
	}
	return config.VirtualServices
}

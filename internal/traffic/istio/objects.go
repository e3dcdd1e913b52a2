package istio

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/internal/traffic"
)

// Objects is what a Rollout names, as it was found.
type Objects struct {
	// VirtualServices are in the order of [References]; nil where there is none.
	VirtualServices []*unstructured.Unstructured
	// DestinationRule is nil if there is none, or none is named.
	DestinationRule *unstructured.Unstructured
	// Unserved are the kinds that the cluster does not know.
	Unserved []string
}

// All lists the objects that were found.
func (o Objects) All() []client.Object {
	var list []client.Object
	for _, vs := range o.VirtualServices {
		if vs != nil {
			list = append(list, vs)
		}
	}
	if o.DestinationRule != nil {
		list = append(list, o.DestinationRule)
	}
	return list
}

// Replace puts a newer state in the place of an object that was found. It reports
// false if obj is none of them.
func (o *Objects) Replace(obj *unstructured.Unstructured) bool {
	if o.DestinationRule != nil && o.DestinationRule.GetUID() == obj.GetUID() {
		o.DestinationRule = obj
		return true
	}
	found := false
	for i, vs := range o.VirtualServices {
		if vs != nil && vs.GetUID() == obj.GetUID() {
			o.VirtualServices[i], found = obj, true
		}
	}
	return found
}

// virtualService is the i-th one that a Rollout names, nil if it was not found.
func (o Objects) virtualService(i int) *unstructured.Unstructured {
	if i < len(o.VirtualServices) {
		return o.VirtualServices[i]
	}
	return nil
}

// of is the object of the i-th reference of a Rollout, nil if it was not found.
func (o Objects) of(i int, ref Reference) *unstructured.Unstructured {
	if ref.Kind == KindVirtualService {
		return o.virtualService(i)
	}
	return o.DestinationRule
}

// missing reports an object that was not found, by the name that the Rollout
// gives it.
func (o Objects) missing(kind, name string) *traffic.Failure {
	reason := traffic.ReasonNoVirtualService
	if kind == KindDestinationRule {
		reason = traffic.ReasonNoDestinationRule
	}
	err := fmt.Errorf("%s `%s` not found", kind, name)
	if why := o.unserved(kind); why != "" {
		err = fmt.Errorf("%w: %s", err, why)
	}
	return &traffic.Failure{Reason: reason, Err: err}
}

// unserved says that the cluster does not know a kind; empty if it does.
func (o Objects) unserved(kind string) string {
	for _, k := range o.Unserved {
		if k == kind {
			return fmt.Sprintf("no matches for kind %q in group %q: install Istio's custom resource definitions", kind, Group)
		}
	}
	return ""
}

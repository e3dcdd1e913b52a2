package check

import (
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/sim/label"
)

// split is one route of a VirtualService.
type split struct {
	// vs is the name of the VirtualService, name that of the route.
	vs, name     string
	destinations []destination
}

// destination is where a route sends a share of its requests.
type destination struct {
	host, subset string
	weight       int64
}

func (d destination) String() string {
	if d.subset == "" {
		return d.host
	}
	return d.host + " subset " + d.subset
}

// splits reads the routes of a VirtualService. A route with one destination and
// no weight sends everything there.
func splits(vs *unstructured.Unstructured) (list []split) {
	for _, protocol := range []string{"http", "tls", "tcp"} {
		for _, item := range listIn(vs.Object, "spec", protocol) {
			route, _ := item.(map[string]any)
			name, _, _ := unstructured.NestedString(route, "name")
			to := listIn(route, "route")
			sp := split{vs: vs.GetName(), name: name}
			for _, item := range to {
				sp.destinations = append(sp.destinations, readDestination(item, len(to) == 1))
			}
			list = append(list, sp)
		}
	}
	return list
}

// listIn returns a list inside of an object, without a copy; nil if there is none.
func listIn(object map[string]any, path ...string) []any {
	value, _, _ := unstructured.NestedFieldNoCopy(object, path...)
	list, _ := value.([]any)
	return list
}

func readDestination(item any, alone bool) (d destination) {
	fields, _ := item.(map[string]any)
	d.host, _, _ = unstructured.NestedString(fields, "destination", "host")
	d.subset, _, _ = unstructured.NestedString(fields, "destination", "subset")
	switch weight := fields["weight"].(type) {
	case int64:
		d.weight = weight
	case float64:
		d.weight = int64(weight)
	case nil:
		if alone {
			d.weight = 100
		}
	}
	return d
}

// istio is what a Rollout says of Istio; nil if it says nothing.
func (f *Family) istio() *v1alpha1.IstioTrafficRouting {
	c := f.Rollout.Spec.Strategy.Canary
	if c == nil || c.TrafficRouting == nil {
		return nil
	}
	return c.TrafficRouting.Istio
}

// splits lists the routes of the VirtualServices that the Rollout names.
func (f *Family) splits(s *State) (list []split) {
	for _, vs := range f.virtualServices() {
		list = append(list, s.routes[f.named(vs.Name)]...)
	}
	return list
}

// steers reports whether the Rollout sets the weights of a route: it names the
// route, or no route of that VirtualService at all.
func (f *Family) steers(vs, route string) bool {
	for _, v := range f.virtualServices() {
		if f.named(v.Name).Name == vs && (slices.Contains(v.Routes, route) || len(v.Routes)+len(v.TLSRoutes)+len(v.TCPRoutes) == 0) {
			return true
		}
	}
	return route == "" || f.managed(route)
}

// ofUser reports whether a destination is a subset whose share, and whose pods, are
// a user's business.
func (f *Family) ofUser(d destination) bool {
	rule := f.istio().DestinationRule
	return d.subset != "" && rule != nil && slices.Contains(rule.AdditionalSubsetNames, d.subset)
}

// virtualServices are those that the Rollout names.
func (f *Family) virtualServices() []v1alpha1.IstioVirtualService {
	istio := f.istio()
	if istio == nil {
		return nil
	}
	names := istio.VirtualServices
	if istio.VirtualService != nil {
		names = append(names[:len(names):len(names)], *istio.VirtualService)
	}
	return names
}

// names reports whether the Rollout names a VirtualService.
func (f *Family) names(key types.NamespacedName) bool {
	return slices.ContainsFunc(f.virtualServices(), func(vs v1alpha1.IstioVirtualService) bool { return f.named(vs.Name) == key })
}

// named resolves "name" and "name.namespace".
func (f *Family) named(name string) types.NamespacedName {
	name, namespace, ok := strings.Cut(name, ".")
	if !ok {
		namespace = f.Rollout.Namespace
	}
	return types.NamespacedName{Namespace: namespace, Name: name}
}

// selector returns the labels of the pods that a destination leads to; nil if
// there is no such Service or no such subset, or if the subset asks for pods that
// its Service does not select.
func (f *Family) selector(s *State, d destination) labels.Set {
	service, _, _ := strings.Cut(d.host, ".")
	svc := s.Service(f.Rollout.Namespace, service)
	if svc == nil {
		return nil
	}
	if d.subset == "" && svc.Spec.Selector != nil {
		return svc.Spec.Selector
	}
	if d.subset == "" {
		return labels.Set{}
	}
	for _, subset := range f.subsets(s) {
		if subset.name == d.subset && labels.Conflicts(svc.Spec.Selector, subset.labels) {
			return nil
		}
		if subset.name == d.subset {
			return labels.Merge(svc.Spec.Selector, subset.labels)
		}
	}
	return nil
}

// subset is one of a DestinationRule.
type subset struct {
	name   string
	labels map[string]string
}

// subsets lists those of the DestinationRule that the Rollout names.
func (f *Family) subsets(s *State) (list []subset) {
	istio := f.istio()
	if istio == nil || istio.DestinationRule == nil {
		return nil
	}
	return s.subsets[f.named(istio.DestinationRule.Name)]
}

// subsets reads those of a DestinationRule.
func subsets(dr *unstructured.Unstructured) (list []subset) {
	for _, item := range listIn(dr.Object, "spec", "subsets") {
		fields, _ := item.(map[string]any)
		name, _, _ := unstructured.NestedString(fields, "name")
		selects, _, _ := unstructured.NestedStringMap(fields, "labels")
		list = append(list, subset{name, selects})
	}
	return list
}

// selected lists the ReplicaSets, of Rollouts and of Experiments, whose pods a
// selector finds.
func (s *State) selected(namespace string, selector labels.Set) (sets []*Set) {
	if selector == nil {
		return nil
	}
	for _, set := range s.sets {
		rs := set.ReplicaSet
		if rs.Namespace == namespace && label.All(rs.Spec.Template.Labels, selector) {
			sets = append(sets, set)
		}
	}
	return sets
}

// kept counts the ready pods of ReplicaSets, of each no more than it is asked for,
// and says when the first of them was surely ready: times have no fractions of a
// second.
func kept(sets []*Set) (n int32, since time.Time) {
	for _, set := range sets {
		ready := int32(0)
		for second, number := range set.readyAt {
			ready += number
			if from := time.Unix(second+1, 0); since.IsZero() || from.Before(since) {
				since = from
			}
		}
		n += min(ready, set.Wanted())
	}
	return n, since
}

func isReady(pod *corev1.Pod) bool {
	_, ok := readySince(pod)
	return ok && active(pod)
}

// shareOf is the greatest share that a revision has in any route that the Rollout
// steers, but for the managed ones: those take only the requests that a step names.
func (f *Family) shareOf(s *State, hash string) (most int64) {
	for _, sp := range f.splits(s) {
		if f.managed(sp.name) || !f.steers(sp.vs, sp.name) {
			continue
		}
		share := int64(0)
		for _, d := range sp.destinations {
			if hash != "" && f.selector(s, d)[v1alpha1.DefaultRolloutUniqueLabelKey] == hash {
				share += d.weight
			}
		}
		most = max(most, share)
	}
	return most
}

// managed reports whether a route is one that steps make.
func (f *Family) managed(name string) bool {
	for _, m := range f.Rollout.Spec.Strategy.Canary.TrafficRouting.ManagedRoutes {
		if m.Name == name {
			return true
		}
	}
	return false
}

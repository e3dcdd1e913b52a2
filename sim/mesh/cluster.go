package mesh

import (
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/sim/mesh/istiometric"
	"github.com/aviary-rollouts/aviary/sim/store"
)

// class is a kind of configuration that reaches the proxies with a delay.
type class int

const (
	services class = iota
	endpoints
	routes
	rules
	classes // how many there are
)

// watched are the kinds that the mesh looks at.
var watched = [classes]schema.GroupVersionKind{
	services:  corev1.SchemeGroupVersion.WithKind("Service"),
	endpoints: discoveryv1.SchemeGroupVersion.WithKind("EndpointSlice"),
	routes:    virtualServiceKind,
	rules:     destinationRuleKind,
}

var podKind = corev1.SchemeGroupVersion.WithKind("Pod")

// tables is the configuration of the mesh at some time: what the cluster has
// now, or what a proxy has heard of.
type tables [classes]map[types.NamespacedName]any

func newTables() (t tables) {
	for c := range t {
		t[c] = map[types.NamespacedName]any{}
	}
	return t
}

// change is one object that was written, at a time; nil if it was deleted.
type change struct {
	at    time.Time
	key   types.NamespacedName
	value any
}

func (t *tables) apply(c class, ch change) {
	if ch.value == nil {
		delete(t[c], ch.key)
		return
	}
	t[c][ch.key] = ch.value
}

// read takes from an object what proxies need; objects of the API are shared
// and not modified.
func read(obj client.Object) any {
	u, ok := obj.(*unstructured.Unstructured)
	switch {
	case !ok:
		return obj
	case u.GetKind() == virtualServiceKind.Kind:
		return parseVirtualService(u)
	}
	return parseDestinationRule(u)
}

// wake starts to follow the cluster. Before the first request there is nothing
// to follow it for, and a simulation without load pays nothing.
func (m *Mesh) wake() {
	if m.awake {
		return
	}
	m.awake = true
	m.flowed = m.kernel.Now()
	known := m.store.Revision()
	for c, kind := range watched {
		m.store.Range(kind, "", func(obj client.Object) bool {
			m.cluster[c][client.ObjectKeyFromObject(obj)] = read(obj)
			return true
		})
		m.store.Subscribe(kind, func(e store.Event) {
			if e.Revision > known {
				m.changed(class(c), e)
			}
		})
	}
	m.store.Range(podKind, "", func(obj client.Object) bool {
		m.podChanged(store.Event{Type: watch.Added, Object: obj})
		return true
	})
	m.store.Subscribe(podKind, func(e store.Event) {
		if e.Revision > known {
			m.cut(m.kernel.Now())
			m.podChanged(e)
		}
	})
}

// changed notes a write, for each proxy to hear of in its time.
func (m *Mesh) changed(c class, e store.Event) {
	ch := change{at: m.kernel.Now(), key: client.ObjectKeyFromObject(e.Object)}
	if e.Type != watch.Deleted {
		ch.value = read(e.Object)
	}
	m.cluster.apply(c, ch)
	for _, p := range m.proxies {
		p.pending[c] = append(p.pending[c], ch)
	}
}

// podMemory is for how long a pod that is gone is remembered: longer than any
// proxy needs to hear of it.
const podMemory = 10 * time.Minute

// podChanged follows a pod. Whether its application runs, connections meet at
// once.
func (m *Mesh) podChanged(e store.Event) {
	object := e.Object.(*corev1.Pod)
	p := m.pods[object.UID]
	if p == nil {
		p = &pod{identity: istiometric.Of(object)}
		m.pods[object.UID] = p
	}
	if p.object == nil || e.Type == watch.Deleted || !answersAlike(p.object, object) {
		m.stale()
	}
	p.object = object
	if e.Type != watch.Deleted {
		return
	}
	p.gone = m.kernel.Now()
	if p.report != nil {
		p.report.target.Remove()
	}
	for uid, old := range m.pods {
		if !old.gone.IsZero() && p.gone.Sub(old.gone) > podMemory {
			delete(m.pods, uid)
		}
	}
}

// service returns a Service that a proxy has heard of, or nil.
func (t *tables) service(key types.NamespacedName) *corev1.Service {
	svc, _ := t[services][key].(*corev1.Service)
	return svc
}

// slices returns the EndpointSlices of a Service, sorted by name.
func (t *tables) slices(key types.NamespacedName) (found []*discoveryv1.EndpointSlice) {
	for _, v := range t[endpoints] {
		slice := v.(*discoveryv1.EndpointSlice)
		if slice.Namespace == key.Namespace && slice.Labels[discoveryv1.LabelServiceName] == key.Name {
			found = append(found, slice)
		}
	}
	slices.SortFunc(found, func(a, b *discoveryv1.EndpointSlice) int { return strings.Compare(a.Name, b.Name) })
	return found
}

// subset returns the labels of a subset of a Service. ok is false if no
// DestinationRule for its host has it.
func (t *tables) subset(host, name string) (labels map[string]string, ok bool) {
	var from *destinationRule
	for _, v := range t[rules] {
		dr := v.(*destinationRule)
		if !hostMatches(dr.host, host) || from != nil && !older(dr.created, dr.key, from.created, from.key) {
			continue
		}
		if l, has := dr.subsets[name]; has {
			labels, from = l, dr
		}
	}
	return labels, from != nil
}

// older orders objects as Istio does: by age, then by name.
func older(a time.Time, an types.NamespacedName, b time.Time, bn types.NamespacedName) bool {
	if !a.Equal(b) {
		return a.Before(b)
	}
	return an.Name < bn.Name || an.Name == bn.Name && an.Namespace < bn.Namespace
}

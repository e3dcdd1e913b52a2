package mesh

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/aviary-rollouts/aviary/sim/label"
)

// Reason says why a request reached no application, in Envoy's two letters and
// in words.
type Reason string

// The reasons for which a request is lost.
const (
	NoRoute     Reason = "NR: no route matches"
	NoWeight    Reason = "NR: no destination has a weight"
	NoCluster   Reason = "NC: the destination does not exist"
	NoEndpoint  Reason = "UH: the destination has no ready pod"
	Unreachable Reason = "UF: no pod of the destination answers"
)

// flags returns the two letters.
func (r Reason) flags() string {
	if r == "" {
		return "-"
	}
	return string(r[:2])
}

// plan is what a proxy does with one kind of request, as long as nothing
// changes.
type plan struct {
	stamp  int64 // of the mesh, when it was made
	split  *split
	legs   []*leg
	copies []*copyTo
	direct int    // the status that the route tells the proxy to answer, if not 0
	reason Reason // why no request can be served; empty if the legs know

	parts []int64 // of the last requests, as split.take divided them

	plain     bool  // divided exactly, no request can fail, and none is copied
	last      int64 // the number of requests that may go the same ways again; 0: none may
	lastMoves int   // those of the splits when they were sent
}

// leg is one destination of a plan.
type leg struct {
	destination destination
	reason      Reason // why no request can be served; empty if one can
	split       *split
	ends        []end
	stats       int           // index into Mesh.destinations
	latency     time.Duration // the average

	parts []int64 // of the last requests
}

// end is one pod behind a destination.
type end struct {
	pod     *pod
	image   string
	version int // index into Mesh.versions
	answer  answer
	errors  *portion // nil if there are none
	sinks   []sink   // where its answers are counted, by status code
}

// copyTo is a mirror.
type copyTo struct {
	leg     *leg
	share   float64
	portion *portion
}

// planFor decides where a request goes.
func (m *Mesh) planFor(p *proxy, t *target) *plan {
	pl := &plan{stamp: m.stamp}
	to := []weighted{{p.own(t), 1}}
	var taken *httpRoute
	vs := m.routesFor(p, t)
	switch {
	case len(vs) == 0:
	case t.protocol == HTTP:
		r := findHTTP(vs, t, &p.origin)
		if r == nil {
			pl.reason = NoRoute
			return pl
		}
		pl.direct, to, taken = r.status, r.destinations, r
	default:
		if r := findL4(vs, t, &p.origin); r != nil {
			to = r.destinations
		}
	}
	m.fillPlan(p, t, pl, to)
	if taken != nil {
		pl.copies = m.copies(p, t, taken)
	}
	pl.plain = m.random == nil && pl.direct == 0 && pl.reason == "" && len(pl.copies) == 0 &&
		!slices.ContainsFunc(pl.legs, (*leg).mayFail)
	return pl
}

// mayFail reports whether a request to a destination may be lost, or fail on account of
// its application more often than others.
func (l *leg) mayFail() bool {
	return l.reason != "" || slices.ContainsFunc(l.ends, func(e end) bool { return e.answer.errorRate > 0 })
}

// shares are the parts of the requests that reach a pod, by version.
func (pl *plan) shares() (shares []float64) {
	if pl.reason != "" || pl.direct != 0 {
		return nil
	}
	reached := int64(0)
	for i, l := range pl.legs {
		if l.reason == "" {
			reached += pl.split.weights[i]
		}
	}
	for i, l := range pl.legs {
		weight := pl.split.weights[i]
		if l.reason != "" || weight == 0 {
			continue
		}
		pods := map[int]int64{} // by version
		for _, e := range l.ends {
			pods[e.version]++
		}
		for version, n := range pods {
			shares = append(shares, make([]float64, max(0, version+1-len(shares)))...)
			shares[version] += float64(weight*n) / float64(reached*l.split.total)
		}
	}
	return shares
}

// own is where a request goes that no route takes: to the Service that it names.
func (p *proxy) own(t *target) destination {
	key, ok := p.view.resolve(t.asked(), p.namespace)
	if !ok {
		return destination{host: t.asked()}
	}
	return destination{host: hostOf(key)}
}

func (m *Mesh) fillPlan(p *proxy, t *target, pl *plan, to []weighted) {
	weights, id := make([]int64, 0, len(to)), append(make([]byte, 0, 512), t.asked()...)
	for _, w := range to {
		weights = append(weights, w.weight)
		id = w.destination.appendTo(append(id, ' '))
		id = strconv.AppendInt(append(id, '='), w.weight, 10)
		pl.legs = append(pl.legs, m.legFor(p, t, w.destination))
	}
	pl.split = p.splitOf(id, weights)
	pl.parts = make([]int64, len(weights))
	if pl.direct == 0 && pl.split.total == 0 {
		pl.reason = NoWeight
	}
}

// splitOf returns the split of a route: the one that was used the last time, if
// the weights are the same, since it remembers what it owes to whom.
func (p *proxy) splitOf(id []byte, weights []int64) *split {
	s := p.splits[string(id)]
	if s == nil {
		s = newSplit(weights)
		p.splits[string(id)] = s
	}
	return s
}

// appendTo writes the host and the subset of a destination behind a text.
func (d destination) appendTo(text []byte) []byte {
	return append(append(append(text, d.host...), '/'), d.subset...)
}

// resolve finds the Service of a name as a client in a namespace writes it:
// reviews, reviews.istio, reviews.istio.svc or reviews.istio.svc.cluster.local.
func (t *tables) resolve(host, namespace string) (types.NamespacedName, bool) {
	key, full := serviceOf(host)
	if !full {
		var dotted bool
		key.Name, key.Namespace, dotted = strings.Cut(strings.TrimSuffix(host, ".svc"), ".")
		if !dotted {
			key.Namespace = namespace
		}
	}
	return key, t.service(key) != nil
}

// routesFor returns the VirtualServices for a request, the one that counts most
// first. A sidecar follows one; a gateway merges those of one host.
func (m *Mesh) routesFor(p *proxy, t *target) (found []*virtualService) {
	names := []string{t.asked()}
	if key, ok := p.view.resolve(t.asked(), p.namespace); ok && !p.gateway {
		names = append(names, hostOf(key))
	}
	exact := false
	for _, v := range p.view[routes] {
		vs := v.(*virtualService)
		if !bound(vs.gateways, &p.origin, false) {
			continue
		}
		for _, h := range vs.hosts {
			if slices.ContainsFunc(names, func(name string) bool { return hostMatches(h, name) }) {
				found = append(found, vs)
				exact = exact || !strings.HasPrefix(h, "*")
				break
			}
		}
	}
	if exact {
		found = slices.DeleteFunc(found, func(vs *virtualService) bool {
			return !slices.ContainsFunc(vs.hosts, func(h string) bool { return slices.Contains(names, h) })
		})
	}
	slices.SortFunc(found, func(a, b *virtualService) int {
		if older(a.created, a.key, b.created, b.key) {
			return -1
		}
		return 1
	})
	if !p.gateway && len(found) > 1 {
		found = found[:1]
	}
	return found
}

// findHTTP returns the first route that takes a request, or nil.
func findHTTP(vs []*virtualService, t *target, c *origin) *httpRoute {
	for _, v := range vs {
		for i := range v.http {
			if v.http[i].takes(t, c) {
				return &v.http[i]
			}
		}
	}
	return nil
}

// findL4 returns the first route that takes a connection, or nil.
func findL4(vs []*virtualService, t *target, c *origin) *l4Route {
	for _, v := range vs {
		list := v.tcp
		if t.protocol == TLS {
			list = v.tls
		}
		for i := range list {
			if list[i].takes(t, c) {
				return &list[i]
			}
		}
	}
	return nil
}

func (m *Mesh) copies(p *proxy, t *target, r *httpRoute) (found []*copyTo) {
	for _, mirror := range r.mirrors {
		id := fmt.Sprintf("copies %s %s %s", p.key, t.asked(), mirror.destination.text())
		found = append(found, &copyTo{m.legFor(p, t, mirror.destination), mirror.share, m.portionOf(id)})
	}
	return found
}

// legFor looks a destination up.
func (m *Mesh) legFor(p *proxy, t *target, d destination) *leg {
	l := &leg{destination: d, stats: m.destinationOf(d)}
	key, ok := serviceOf(d.host)
	svc := p.view.service(key)
	if !ok || svc == nil {
		l.reason = NoCluster
		return l
	}
	port := portOf(svc, cmp.Or(d.port, p.port(t, svc)))
	if port == nil {
		l.reason = NoCluster
		return l
	}
	var want map[string]string
	if d.subset != "" {
		if want, ok = p.view.subset(d.host, d.subset); !ok {
			l.reason = NoCluster
			return l
		}
	}
	m.findEnds(p, t, l, key, port.Name, want)
	return l
}

// port is the port of a destination that names none. To a sidecar that routes
// HTTP it is the one that the request came to: a Service without it is a
// destination that does not exist. Gateways, and routes of connections, take the
// only port of a Service that has one.
func (p *proxy) port(t *target, svc *corev1.Service) int32 {
	if len(svc.Spec.Ports) == 1 && (p.gateway || t.protocol != HTTP) {
		return svc.Spec.Ports[0].Port
	}
	return t.port
}

// portOf returns a port of a Service by its number; nil if it has none of it.
func portOf(svc *corev1.Service, number int32) *corev1.ServicePort {
	for i := range svc.Spec.Ports {
		if svc.Spec.Ports[i].Port == number {
			return &svc.Spec.Ports[i]
		}
	}
	return nil
}

// findEnds lists the pods of a destination that the proxy believes to be ready.
// Those that no longer answer are left out: it tries another one, twice.
func (m *Mesh) findEnds(p *proxy, t *target, l *leg, key types.NamespacedName, port string, want map[string]string) {
	believed := false
	id := l.destination.appendTo(make([]byte, 0, 512)) // names what the requests are divided among
	for _, slice := range p.view.slices(key) {
		number := portNumber(slice, port)
		l.ends = slices.Grow(l.ends, len(slice.Endpoints))
		for i := range slice.Endpoints {
			e := &slice.Endpoints[i]
			if e.Conditions.Ready != nil && !*e.Conditions.Ready || e.TargetRef == nil {
				continue
			}
			pod := m.pods[e.TargetRef.UID]
			if pod == nil || !label.All(pod.object.Labels, want) {
				continue
			}
			believed = true
			if pod.serves(number) {
				l.ends = append(l.ends, m.endFor(t, pod, number))
				id = append(append(id, ' '), pod.object.Name...)
			}
		}
	}
	switch {
	case !believed:
		l.reason = NoEndpoint
	case len(l.ends) == 0:
		l.reason = Unreachable
	default:
		l.split = p.splitOf(id, slices.Repeat([]int64{1}, len(l.ends)))
		l.parts = make([]int64, len(l.ends))
		for i := range l.ends {
			l.latency += l.ends[i].answer.latency.Mean() / time.Duration(len(l.ends))
		}
	}
}

// portNumber returns the number that a slice has for a port of its Service.
func portNumber(slice *discoveryv1.EndpointSlice, name string) int32 {
	for _, p := range slice.Ports {
		if p.Port != nil && p.Name != nil && *p.Name == name {
			return *p.Port
		}
	}
	return 0
}

func (m *Mesh) endFor(t *target, p *pod, port int32) end {
	image := p.image(port)
	b := m.images.of(image, m.flowed, t.query)
	e := end{pod: p, image: image, version: m.versionOf(p, image), answer: b.answer(t.path)}
	if e.answer.errorRate > 0 {
		e.errors = m.portionOf("errors " + image + "?" + b.Query)
	}
	return e
}

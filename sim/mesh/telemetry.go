package mesh

import (
	"math"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/aviary-rollouts/aviary/sim/mesh/istiometric"
	"github.com/aviary-rollouts/aviary/sim/prom"
)

// reporter is the telemetry of one proxy: counters that a Prometheus scrapes.
// It lives and ends with its pod.
type reporter struct {
	target *prom.Target
	groups []*group // in the order of their first request
	byKey  map[groupKey]*group
}

// newReporter starts to scrape a proxy.
func (m *Mesh) newReporter(key types.NamespacedName, ip string, labels map[string]string) *reporter {
	r := &reporter{byKey: map[groupKey]*group{}}
	r.target = m.scraper.Add(key.String(), m.sending, scrapeLabels(key, ip, labels), r.collect)
	return r
}

// reporterOf returns the reporter of a pod's proxy.
func (m *Mesh) reporterOf(p *pod) *reporter {
	if p.report == nil {
		key := types.NamespacedName{Namespace: p.object.Namespace, Name: p.object.Name}
		p.report = m.newReporter(key, p.object.Status.PodIP, p.object.Labels)
	}
	return p.report
}

func (r *reporter) collect(t *prom.Target) {
	for _, g := range r.groups {
		g.collect(t)
	}
}

// groupKey is what tells the requests of a proxy apart in its telemetry.
type groupKey struct {
	source      bool // reported by the client's proxy
	from, to    istiometric.Identity
	destination string // the full name of the Service
	protocol    Protocol
	code        int
	flags       string
}

// group is a set of requests with equal labels.
type group struct {
	key      groupKey
	shapes   []*shapeCount  // how many requests had which latency
	total    *prom.Deferred // nil before the first scrape
	duration *prom.Deferred // nil too for what is not HTTP
	numbers  []int64        // memory for collect
}

type shapeCount struct {
	shape *shape
	n     int64
}

// group returns the group of a key.
func (r *reporter) group(key groupKey) *group {
	g := r.byKey[key]
	if g == nil {
		g = &group{key: key}
		r.byKey[key] = g
		r.groups = append(r.groups, g)
	}
	return g
}

// of returns the count of the requests that have a latency.
func (g *group) of(s *shape) *shapeCount {
	for _, c := range g.shapes {
		if c.shape == s {
			return c
		}
	}
	c := &shapeCount{shape: s}
	g.shapes = append(g.shapes, c)
	return c
}

// collect records how many requests of each latency there were; what a
// Prometheus sees of that is worked out when somebody asks.
func (g *group) collect(t *prom.Target) {
	if g.total == nil {
		g.begin(t)
	}
	g.numbers = g.numbers[:0]
	for _, c := range g.shapes {
		g.numbers = append(g.numbers, c.n)
	}
	g.total.Record(g.numbers)
	if g.duration != nil {
		g.duration.Record(g.numbers)
	}
}

func (g *group) begin(t *prom.Target) {
	if g.key.protocol != HTTP {
		g.total = t.Defer(func() func([]int64) { return g.connections(t) }, istiometric.TCPOpened, istiometric.TCPClosed)
		return
	}
	const duration = istiometric.Duration
	g.total = t.Defer(func() func([]int64) { return g.requests(t) }, istiometric.Requests)
	g.duration = t.Defer(func() func([]int64) { return g.durations(t) }, duration+"_count", duration+"_sum", duration+"_bucket")
}

// connections makes the series of connections; all that were opened are closed.
func (g *group) connections(t *prom.Target) (set func([]int64)) {
	labels := t.Labels(g.key.labels()...)
	opened, closed := t.Series(istiometric.TCPOpened, labels), t.Series(istiometric.TCPClosed, labels)
	return func(numbers []int64) {
		n := float64(allOf(numbers))
		t.Set(opened, n)
		t.Set(closed, n)
	}
}

// requests makes the series of requests.
func (g *group) requests(t *prom.Target) (set func([]int64)) {
	total := t.Series(istiometric.Requests, t.Labels(), g.key.labels()...)
	return func(numbers []int64) { t.Set(total, float64(allOf(numbers))) }
}

// durations makes the series of the histogram.
func (g *group) durations(t *prom.Target) (set func([]int64)) {
	const duration = istiometric.Duration
	labels := t.Labels(g.key.labels()...)
	count, total := t.Series(duration+"_count", labels), t.Series(duration+"_sum", labels)
	var buckets []*prom.Series
	for _, b := range istiometric.Buckets {
		buckets = append(buckets, t.Series(duration+"_bucket", labels, prom.Label{Name: "le", Value: b.Le}))
	}
	return func(numbers []int64) {
		ms := 0.0
		for i, n := range numbers {
			ms += float64(n) * g.shapes[i].shape.mean
		}
		t.Set(total, ms)
		t.Set(count, float64(allOf(numbers)))
		for i, s := range buckets {
			t.Set(s, float64(g.below(numbers, i)))
		}
	}
}

func allOf(numbers []int64) (n int64) {
	for _, k := range numbers {
		n += k
	}
	return n
}

// below counts the requests in the buckets up to the i-th: of each latency the
// share that its distribution says, so that the histogram has its exact shape
// whatever the number of requests.
func (g *group) below(numbers []int64, i int) (n int64) {
	for j, k := range numbers {
		n += int64(math.Floor(float64(k)*g.shapes[j].shape.below[i] + rounding))
	}
	return n
}

// labels are those of Istio's standard metrics.
func (k *groupKey) labels() []prom.Label {
	r := istiometric.Request{
		Source: k.source, From: k.from, To: k.to, Destination: k.destination, Protocol: string(k.protocol), Code: k.code, Flags: k.flags,
	}
	return promLabels(r.Labels())
}

// sink is where the answers of one pod with one status are counted.
type sink struct {
	code    int
	client  *shapeCount // in the telemetry of the client's proxy; nil for copies
	server  *shapeCount // in that of the pod's
	waiting int64       // answers that are not noted yet
}

// sink returns the sink of a status code.
func (e *end) sink(s *sender, l *leg, code int, copied bool) *sink {
	for i := range e.sinks {
		if k := &e.sinks[i]; k.code == code && (k.client == nil) == copied {
			return k
		}
	}
	m := s.mesh
	key := groupKey{from: s.proxy.identity, to: e.pod.identity, destination: l.destination.host, protocol: s.target.protocol, code: code}
	shape := m.shapeOf(e.answer.latency)
	k := sink{code: code, server: m.reporterOf(e.pod).group(key).of(shape)}
	if !copied {
		key.source = true
		k.client = s.proxy.report.group(key).of(shape)
	}
	e.sinks = append(e.sinks, k)
	return &e.sinks[len(e.sinks)-1]
}

// reportRefusal notes requests that the client's proxy answered itself.
func (s *sender) reportRefusal(host string, code int, flags string, n int64) {
	key := groupKey{source: true, from: s.proxy.identity, destination: host, protocol: s.target.protocol, code: code, flags: flags}
	s.proxy.report.group(key).of(s.mesh.shapeOf(refusal)).n += n
}

func (m *Mesh) shapeOf(l Latency) *shape {
	s := m.shapes[l]
	if s == nil {
		s = newShape(l)
		m.shapes[l] = s
	}
	return s
}

// shortHost drops the part of a host that all Services of the cluster share.
func shortHost(host string) string { return strings.TrimSuffix(host, istiometric.ClusterDomain) }

package mesh

import (
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/aviary-rollouts/aviary/sim/mesh/istiometric"
)

// proxy is the sidecar of a client or a gateway: it sends requests where the
// configuration that it has heard of tells it to.
type proxy struct {
	origin
	key      types.NamespacedName
	identity istiometric.Identity
	report   *reporter
	view     tables
	pending  [classes][]change // written, but not heard of yet; oldest first
	delay    [classes]time.Duration
	splits   map[string]*split // by route, so that a new endpoint does not reset them
}

// gatewayKey is the pod through which requests from outside come.
var gatewayKey = types.NamespacedName{Namespace: "istio-system", Name: "istio-ingressgateway"}

// proxyOf returns the proxy of a client, which connects at its first request and
// is told everything then. The zero key stands for those outside.
func (m *Mesh) proxyOf(key types.NamespacedName) *proxy {
	gateway := key == types.NamespacedName{}
	if gateway {
		key = gatewayKey
	}
	for _, p := range m.proxies {
		if p.key == key {
			return p
		}
	}
	p := &proxy{key: key, view: newTables(), splits: map[string]*split{}}
	m.introduce(p, gateway)
	for c := range m.cluster {
		for k, v := range m.cluster[c] {
			p.view[c][k] = v
		}
		p.delay[c] = m.delay(p, class(c))
	}
	m.proxies = append(m.proxies, p)
	return p
}

// introduce fills in who the client is. A client that is no pod is named like
// one.
func (m *Mesh) introduce(p *proxy, gateway bool) {
	p.origin = origin{namespace: p.key.Namespace, gateway: gateway}
	for _, x := range m.pods {
		if x.gone.IsZero() && x.object.Namespace == p.key.Namespace && x.object.Name == p.key.Name {
			p.labels, p.identity, p.report = x.object.Labels, x.identity, m.reporterOf(x)
			return
		}
	}
	p.identity = istiometric.Named(p.key)
	p.labels = map[string]string{"app": p.key.Name}
	p.report = m.newReporter(p.key, "", p.labels)
}

// delay is how long a class of configuration takes to a proxy. It is the same
// for a whole run, so that changes of a class arrive in order.
func (m *Mesh) delay(p *proxy, c class) time.Duration {
	d := max(m.opts.Propagation, 0)
	if c != endpoints && m.opts.Skew > 0 {
		_, bits := m.kernel.Hash("mesh/delay " + p.key.String())
		d += time.Duration(bits % uint64(m.opts.Skew))
	}
	return d
}

// next returns when the proxy hears of something next; ok is false if it knows
// everything.
func (p *proxy) next() (at time.Time, ok bool) {
	for c := range p.pending {
		if len(p.pending[c]) == 0 {
			continue
		}
		if t := p.pending[c][0].at.Add(p.delay[c]); !ok || t.Before(at) {
			at, ok = t, true
		}
	}
	return at, ok
}

// hear takes in all that has arrived by now and reports whether there was any.
func (p *proxy) hear(now time.Time) (news bool) {
	for c := range p.pending {
		for len(p.pending[c]) > 0 && !p.pending[c][0].at.Add(p.delay[c]).After(now) {
			p.view.apply(class(c), p.pending[c][0])
			p.pending[c] = p.pending[c][1:]
			news = true
		}
	}
	return news
}

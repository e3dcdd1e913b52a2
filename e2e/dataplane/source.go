package dataplane

import (
	"context"
	"fmt"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/aviary-rollouts/aviary/e2e/dataplane/telemetry"
	"github.com/aviary-rollouts/aviary/e2e/dataplane/xds"
	"github.com/aviary-rollouts/aviary/sim/mesh/istiometric"
)

// source is a proxy through which a client sends.
type source struct {
	key      types.NamespacedName
	pod      types.UID // empty while there is no such pod
	gateway  bool
	identity istiometric.Identity
	reporter *telemetry.Reporter
	client   *xds.Client // nil without a mesh
	stop     context.CancelFunc
}

// gatewayNamespace is where Istio's gateways are.
const gatewayNamespace = "istio-system"

// nobody is the address of a proxy whose pod has none: it is set aside for
// documentation, so no Service has it.
const nobody = "192.0.2.1"

// parseSource reads the name of a source.
//
//	default/shell             the sidecar of the pod shell
//	gateway/ingressgateway    the gateway istio-ingressgateway, labelled istio: ingressgateway
func parseSource(name string) (key types.NamespacedName, gateway bool, err error) {
	namespace, pod, ok := strings.Cut(name, "/")
	if !ok || namespace == "" || pod == "" || strings.Contains(pod, "/") {
		return key, false, fmt.Errorf("source %q: write NAMESPACE/POD or gateway/NAME", name)
	}
	if namespace == "gateway" {
		return types.NamespacedName{Namespace: gatewayNamespace, Name: "istio-" + pod}, true, nil
	}
	return types.NamespacedName{Namespace: namespace, Name: pod}, false, nil
}

// sourceOf returns a source, and opens its stream at its first request. If its
// pod has come, or another one of its name, it is introduced anew.
func (p *Plane) sourceOf(name string) (*source, error) {
	key, gateway, err := parseSource(name)
	if err != nil {
		return nil, err
	}
	pod := p.opts.Directory.Pod(key)
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.sources[name]; s != nil {
		if pod == nil || pod.UID == s.pod {
			return s, nil
		}
		s.stop()
		p.book.Remove(key)
	}
	s, node := p.introduce(key, gateway, pod)
	ctx, stop := context.WithCancel(p.running)
	s.stop = stop
	if p.connection != nil {
		s.client = xds.NewClient(p.connection, node, xds.Settings{Log: p.opts.Log})
		p.work.Go(func() { s.client.Run(ctx) })
	}
	p.sources[name] = s
	return s, nil
}

// introduce fills in who a source is. A client that is no pod is named like one.
func (p *Plane) introduce(key types.NamespacedName, gateway bool, pod *corev1.Pod) (*source, *corev3.Node) {
	s := &source{key: key, gateway: gateway, identity: istiometric.Named(key)}
	labels, ip := map[string]string{"app": key.Name}, ""
	if short, ok := strings.CutPrefix(key.Name, "istio-"); ok && gateway {
		labels["istio"] = short
	}
	if pod != nil {
		s.pod = pod.UID
		s.identity, labels, ip = istiometric.Of(pod), pod.Labels, pod.Status.PodIP
	}
	s.reporter = p.book.Reporter(key, ip, labels)
	if ip == "" {
		ip = nobody
	}
	if gateway {
		return s, xds.Gateway(key.Namespace, key.Name, ip, labels)
	}
	return s, xds.Sidecar(key.Namespace, key.Name, ip, labels)
}

// forget ends what a pod had: its stream and its series.
func (p *Plane) forget(key types.NamespacedName) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for name, s := range p.sources {
		if s.key == key {
			s.stop()
			delete(p.sources, name)
		}
	}
	p.book.Remove(key)
}

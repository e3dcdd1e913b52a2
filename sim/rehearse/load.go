package rehearse

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/sim/mesh"
)

// Load is what users send while the update goes on.
type Load struct {
	// Rate is in requests per second; 0 means that nobody sends any.
	Rate float64
	// URL is HOST:PORT/PATH; empty means where the Rollout's Services and
	// routes take users.
	URL string
}

const (
	// defaultRate is that of a load that nobody asked for, in requests per
	// second.
	defaultRate = 50
	// warmUp is how long the load lasts before the update, so that queries have
	// a past to look at.
	warmUp = 5 * time.Minute
	// window is the resolution of what is reported about requests.
	window = 10 * time.Second
	// maxRate is how much a load may be, in requests per second: beyond, sums of
	// requests are no longer exact.
	maxRate = 1e9
	// tail is how long the load lasts after the end.
	tail = 20 * time.Second
)

// ParseLoad reads a rate in requests per second, and where they go: "50",
// "50@web:8080", "0.5@web.example.com/checkout". The error says what to write.
func ParseLoad(text string) (Load, error) {
	rate, url, directed := strings.Cut(text, "@")
	n, err := strconv.ParseFloat(strings.TrimSuffix(rate, "/s"), 64)
	if err != nil || n < 0 || math.IsInf(n, 0) || math.IsNaN(n) {
		return Load{}, fmt.Errorf("%q is no rate; write requests per second, for example 50 or 50@web:8080/path", rate)
	}
	if n > maxRate {
		return Load{}, fmt.Errorf("%q is more than a simulation can count; write at most %d requests per second", rate, int64(maxRate))
	}
	if directed && url == "" {
		return Load{}, fmt.Errorf("%q names no host after the @; write for example %s@web:8080", text, rate)
	}
	return Load{Rate: n, URL: url}, nil
}

// startLoad lets users send, if they are asked to or if the analysis needs them,
// and lets it all warm up. The report says what was chosen.
func (r *rehearsal) startLoad(ctx context.Context, report *Report) error {
	if load := r.Load; load == nil && !r.needsLoad() || load != nil && load.Rate == 0 {
		return nil
	}
	load := Load{Rate: defaultRate}
	if r.Load != nil {
		load = *r.Load
	}
	from := types.NamespacedName{Namespace: r.observer.key.Namespace, Name: "users"}
	report.Traffic = &Traffic{Rate: load.Rate, RateChosen: r.Load == nil, URLChosen: load.URL == ""}
	if load.URL == "" {
		entry, err := r.entry(ctx)
		if err != nil {
			return err
		}
		load.URL, report.Traffic.ServiceAdded = entry.url, entry.added
		if entry.outside {
			from = types.NamespacedName{}
		}
	}
	report.Traffic.URL = load.URL
	var err error
	r.load, err = r.sim.Mesh().Start(mesh.Source{Request: mesh.Request{Client: from, URL: load.URL}, Rate: load.Rate, Divided: true})
	switch {
	case errors.Is(err, mesh.ErrNoHost), errors.Is(err, mesh.ErrNoPort):
		return inputf("--load: %w; write a Service or a host of a VirtualService in the files: --load %v@HOST:PORT", err, load.Rate)
	case err != nil:
		return inputf("--load: %w", err)
	}
	return nil
}

// needsLoad is true if something cannot be answered without requests.
func (r *rehearsal) needsLoad() bool {
	return len(r.Behaviours) > 0 || slices.ContainsFunc(r.uses, func(u use) bool {
		return slices.ContainsFunc(u.metrics, func(m v1alpha1.Metric) bool { return m.Provider.Prometheus != nil })
	})
}

// entry is where users come in.
type entry struct {
	url     string
	outside bool // by a gateway
	added   bool // a Service that nobody gave
}

// entry finds it: the host of the Rollout's VirtualService, else the active
// Service, else one that leads to all pods, else one that is made up.
func (r *rehearsal) entry(ctx context.Context) (entry, error) {
	services := &corev1.ServiceList{}
	if err := r.sim.Client().List(ctx, services, client.InNamespace(r.observer.key.Namespace)); err != nil {
		return entry{}, fmt.Errorf("list the Services: %w", err)
	}
	if e, ok := r.routed(ctx, services.Items); ok {
		return e, nil
	}
	if s := r.choice(services.Items); s != nil {
		return entry{url: address(s)}, nil
	}
	return r.addService(ctx)
}

// routed is the first host of the VirtualService that the Rollout names.
func (r *rehearsal) routed(ctx context.Context, services []corev1.Service) (entry, bool) {
	c := r.rollout.Spec.Strategy.Canary
	if c == nil || c.TrafficRouting == nil || c.TrafficRouting.Istio == nil {
		return entry{}, false
	}
	istio := c.TrafficRouting.Istio
	ref := istio.VirtualService
	if ref == nil && len(istio.VirtualServices) > 0 {
		ref = &istio.VirtualServices[0]
	}
	if ref == nil {
		return entry{}, false
	}
	key := types.NamespacedName{Namespace: r.observer.key.Namespace, Name: ref.Name}
	if name, namespace, dotted := strings.Cut(ref.Name, "."); dotted {
		key = types.NamespacedName{Namespace: namespace, Name: name}
	}
	vs := &unstructured.Unstructured{}
	vs.SetGroupVersionKind(schema.GroupVersionKind{Group: "networking.istio.io", Version: "v1", Kind: "VirtualService"})
	if err := r.sim.Client().Get(ctx, key, vs); err != nil {
		return entry{}, false // the Rollout has been refused for it
	}
	hosts, _, _ := unstructured.NestedStringSlice(vs.Object, "spec", "hosts")
	gateways, _, _ := unstructured.NestedStringSlice(vs.Object, "spec", "gateways")
	if len(hosts) == 0 {
		return entry{}, false
	}
	e := entry{url: strings.ReplaceAll(hosts[0], "*", "www"), outside: len(gateways) > 0 && !slices.Contains(gateways, "mesh")}
	for i := range services {
		if short, _, _ := strings.Cut(hosts[0], "."); services[i].Name == short {
			e.url = strings.TrimSuffix(hosts[0]+":"+port(&services[i]), ":")
		}
	}
	return e, true
}

// choice is the Service through which users of a Rollout without a router come.
// Those of a canary lead to one version each and so cannot be it; of a blue-green
// Rollout it is the active one.
func (r *rehearsal) choice(services []corev1.Service) *corev1.Service {
	var active, apart []string
	if c := r.rollout.Spec.Strategy.Canary; c != nil && c.TrafficRouting == nil {
		apart = []string{c.CanaryService, c.StableService}
	} else if c != nil {
		active, apart = []string{c.StableService}, []string{c.CanaryService}
	}
	if b := r.rollout.Spec.Strategy.BlueGreen; b != nil {
		active, apart = []string{b.ActiveService}, []string{b.PreviewService}
	}
	var best *corev1.Service
	for i := range services {
		s := &services[i]
		leads := len(s.Spec.Selector) > 0 && labels.SelectorFromSet(withoutHash(s.Spec.Selector)).Matches(labels.Set(r.podLabels))
		switch {
		case !leads || len(s.Spec.Ports) == 0 || slices.Contains(apart, s.Name):
		case slices.Contains(active, s.Name):
			return s
		case best == nil || s.Name < best.Name:
			best = s
		}
	}
	return best
}

// withoutHash is a selector as a person wrote it.
func withoutHash(selector map[string]string) labels.Set {
	set := labels.Set{}
	for k, v := range selector {
		if k != v1alpha1.DefaultRolloutUniqueLabelKey {
			set[k] = v
		}
	}
	return set
}

func address(s *corev1.Service) string { return s.Name + ":" + port(s) }

// port is the first one of a Service.
func port(s *corev1.Service) string {
	if len(s.Spec.Ports) == 0 {
		return ""
	}
	return strconv.Itoa(int(s.Spec.Ports[0].Port))
}

// addService makes up a Service for a Rollout that nobody can reach.
func (r *rehearsal) addService(ctx context.Context) (entry, error) {
	number := int32(80)
	for _, c := range r.updating {
		if len(c.Ports) > 0 {
			number = c.Ports[0].ContainerPort
			break
		}
	}
	s := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: r.observer.key.Namespace, Name: r.observer.key.Name + "-users"},
		Spec:       corev1.ServiceSpec{Selector: r.podLabels, Ports: []corev1.ServicePort{{Port: number}}},
	}
	if err := r.sim.Client().Create(ctx, s); err != nil {
		return entry{}, inputf("there is no Service that leads to the pods, and none can be made up (%w); add one with -f", err)
	}
	return entry{url: address(s), added: true}, nil
}

// Package telemetry counts requests as Istio's proxies do, each proxy for itself,
// and shows the counters of all of them at one place.
//
// A real mesh has an endpoint in each pod, and Prometheus adds where it found the
// series: job, instance, namespace, pod and the labels of the pod. Here one
// endpoint shows the series of all pods with these labels on them, so it has to
// be scraped with honor_labels: true. The series of a pod end with it.
package telemetry

import (
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	"k8s.io/apimachinery/pkg/types"

	"github.com/aviary-rollouts/aviary/sim/mesh/istiometric"
)

// Book holds the counters of all proxies. It may be used by several goroutines.
type Book struct {
	mu        sync.Mutex
	reporters map[types.NamespacedName]*Reporter
}

// NewBook returns an empty book.
func NewBook() *Book { return &Book{reporters: map[types.NamespacedName]*Reporter{}} }

// Reporter is the telemetry of one proxy.
type Reporter struct {
	registry *prometheus.Registry
	total    *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

// Reporter returns the telemetry of the proxy of a pod, which has an address and
// labels.
func (b *Book) Reporter(key types.NamespacedName, ip string, labels map[string]string) *Reporter {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.reporters[key]
	if r == nil {
		r = newReporter(istiometric.Scraped(key, ip, labels))
		b.reporters[key] = r
	}
	return r
}

// Remove ends the series of a pod.
func (b *Book) Remove(key types.NamespacedName) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.reporters, key)
}

func newReporter(scraped []istiometric.Label) *Reporter {
	names := labelNames()
	constant := prometheus.Labels{}
	for _, l := range scraped {
		if !slices.Contains(names, l.Name) { // what the proxy says counts
			constant[l.Name] = l.Value
		}
	}
	r := &Reporter{
		registry: prometheus.NewRegistry(),
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: istiometric.Requests, Help: "Requests that a proxy of the mesh has handled.",
		}, names),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: istiometric.Duration, Help: "How long requests took, in milliseconds.", Buckets: bounds(),
		}, names),
	}
	prometheus.WrapRegistererWith(constant, r.registry).MustRegister(r.total, r.duration)
	return r
}

// labelNames are the names of the labels of an HTTP request.
func labelNames() []string {
	var names []string
	for _, l := range (&istiometric.Request{Protocol: istiometric.HTTP}).Labels() {
		names = append(names, l.Name)
	}
	return names
}

func bounds() []float64 {
	var list []float64
	for _, b := range istiometric.Buckets[:len(istiometric.Buckets)-1] { // the last is all
		list = append(list, float64(b.Bound)/float64(time.Millisecond))
	}
	return list
}

// Count counts one HTTP request, and how long it took.
func (r *Reporter) Count(request *istiometric.Request, took time.Duration) {
	var values []string
	for _, l := range request.Labels() {
		values = append(values, l.Value)
	}
	r.total.WithLabelValues(values...).Inc()
	r.duration.WithLabelValues(values...).Observe(float64(took) / float64(time.Millisecond))
}

// Gather lists the series of all proxies.
func (b *Book) Gather() ([]*dto.MetricFamily, error) {
	b.mu.Lock()
	var all prometheus.Gatherers
	for _, r := range b.reporters {
		all = append(all, r.registry)
	}
	b.mu.Unlock()
	return all.Gather()
}

// Handler serves the series for a Prometheus.
func (b *Book) Handler() http.Handler {
	return promhttp.HandlerFor(b, promhttp.HandlerOpts{})
}

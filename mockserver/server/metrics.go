package server

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics counts what applications are asked for. Their labels take few values:
// the names of endpoints, the codes of HTTP.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	injected prometheus.Counter
	duration *prometheus.HistogramVec
}

func newMetrics(service, version string) *metrics {
	labels := prometheus.Labels{"service": service, "version": version}
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "mock_server_requests_total", Help: "Requests answered, by endpoint and status code.", ConstLabels: labels,
		}, []string{"endpoint", "code"}),
		injected: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "mock_server_injected_errors_total", Help: "Requests that failed because the behaviour says so.", ConstLabels: labels,
		}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "mock_server_request_duration_seconds", Help: "Time from a request to its answer, by endpoint.", ConstLabels: labels,
			Buckets: prometheus.DefBuckets,
		}, []string{"endpoint"}),
	}
	m.registry.MustRegister(m.requests, m.injected, m.duration)
	return m
}

func (m *metrics) observe(endpoint string, code int, injected bool, d time.Duration) {
	m.requests.WithLabelValues(endpoint, strconv.Itoa(code)).Inc()
	m.duration.WithLabelValues(endpoint).Observe(d.Seconds())
	if injected {
		m.injected.Inc()
	}
}

func (m *metrics) handler() http.HandlerFunc {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}).ServeHTTP
}

// Package providers lists the metric providers of this controller. A new one is a
// package beside prometheus and a line here.
package providers

import (
	"net/http"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/internal/metric"
	"github.com/aviary-rollouts/aviary/internal/metric/datadog"
	"github.com/aviary-rollouts/aviary/internal/metric/graphite"
	"github.com/aviary-rollouts/aviary/internal/metric/influxdb"
	"github.com/aviary-rollouts/aviary/internal/metric/job"
	"github.com/aviary-rollouts/aviary/internal/metric/newrelic"
	"github.com/aviary-rollouts/aviary/internal/metric/prometheus"
	"github.com/aviary-rollouts/aviary/internal/metric/skywalking"
	"github.com/aviary-rollouts/aviary/internal/metric/wavefront"
	"github.com/aviary-rollouts/aviary/internal/metric/web"
)

// New makes a registry of all providers. rt carries their HTTP requests; nil means
// the transport of net/http.
func New(c client.Client, rt http.RoundTripper, clk clock.Clock, settings metric.Settings) *metric.Registry {
	deps := metric.Deps{Client: c, Transports: metric.NewTransports(rt), Settings: settings}
	return metric.NewRegistry(map[string]metric.Provider{
		prometheus.Kind: prometheus.New(deps),
		graphite.Kind:   graphite.New(deps),
		web.Kind:        web.New(deps),
		job.Kind:        job.New(deps),
		skywalking.Kind: skywalking.New(deps),
		datadog.Kind:    datadog.New(deps),
		influxdb.Kind:   influxdb.New(deps),
		newrelic.Kind:   newrelic.New(deps),
		wavefront.Kind:  wavefront.New(deps),
	}, c, clk)
}

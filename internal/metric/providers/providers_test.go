package providers

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/analysis"
	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/internal/metric"
)

// TestKinds: each provider is registered under the name that its metrics have.
func TestKinds(t *testing.T) {
	r := New(nil, nil, clock.Real{}, metric.Settings{})
	var want []string
	for _, p := range []v1alpha1.MetricProvider{
		{Datadog: &v1alpha1.DatadogMetric{}}, {Graphite: &v1alpha1.GraphiteMetric{}}, {Influxdb: &v1alpha1.InfluxdbMetric{}}, {Job: &v1alpha1.JobMetric{}},
		{NewRelic: &v1alpha1.NewRelicMetric{}}, {Prometheus: &v1alpha1.PrometheusMetric{}}, {SkyWalking: &v1alpha1.SkyWalkingMetric{}},
		{Wavefront: &v1alpha1.WavefrontMetric{}}, {Web: &v1alpha1.WebMetric{}},
	} {
		kind, err := analysis.ProviderKind(p)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, kind)
	}
	if diff := cmp.Diff(want, r.Kinds()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

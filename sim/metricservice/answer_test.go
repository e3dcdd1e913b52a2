package metricservice_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/internal/metric"
	"github.com/aviary-rollouts/aviary/internal/metric/providers"
	"github.com/aviary-rollouts/aviary/sim/metricservice"
)

var now = time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)

// service answers every request with a number.
type service struct {
	number string
	asked  metricservice.Question
}

func (s *service) RoundTrip(r *http.Request) (*http.Response, error) {
	s.asked = metricservice.In(r)
	body, kind := s.asked.Answer(s.number)
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {kind}}, Body: io.NopCloser(strings.NewReader(body)), Request: r,
	}, nil
}

// TestAnswersAreUnderstood lets each provider of the controller read what is said for
// its service: a number and no data.
func TestAnswersAreUnderstood(t *testing.T) {
	nrql := func(selects string) v1alpha1.MetricProvider {
		return v1alpha1.MetricProvider{NewRelic: &v1alpha1.NewRelicMetric{Query: "SELECT " + selects + " FROM Transaction WHERE app='shop'"}}
	}
	for name, test := range map[string]struct {
		provider v1alpha1.MetricProvider
		good     string // a condition that holds for 0.97 and for no other number
		value    string
		empty    string // one that holds where there is no data; empty if that is an error
	}{
		"datadog v1":          {v1alpha1.MetricProvider{Datadog: &v1alpha1.DatadogMetric{Query: "avg:errors{*}"}}, "result == 0.97", "0.97", "isNil(result)"},
		"datadog v2":          {v1alpha1.MetricProvider{Datadog: &v1alpha1.DatadogMetric{APIVersion: "v2", Query: "avg:errors{*}"}}, "result == 0.97", "0.97", "isNil(result)"},
		"datadog, own keys":   {v1alpha1.MetricProvider{Datadog: &v1alpha1.DatadogMetric{Query: "q", SecretRef: v1alpha1.SecretRef{Name: "mine", Namespaced: true}}}, "result == 0.97", "0.97", "isNil(result)"},
		"graphite":            {v1alpha1.MetricProvider{Graphite: &v1alpha1.GraphiteMetric{Address: "http://g:8080", Query: "target=web.errors"}}, "result[0] == 0.97", "[0.970000]", "len(result) == 0"},
		"influxdb":            {v1alpha1.MetricProvider{Influxdb: &v1alpha1.InfluxdbMetric{Query: `from(bucket: "app")`}}, "result[0] == 0.97", "[0.97]", "len(result) == 0"},
		"wavefront":           {v1alpha1.MetricProvider{Wavefront: &v1alpha1.WavefrontMetric{Address: "w.example.com", Query: "ts(errors)"}}, "result == 0.97", "0.97", ""},
		"newRelic, function":  {nrql("count(*)"), "result.count == 0.97", `{"count":0.97}`, "len(result) == 0"},
		"newRelic, attribute": {nrql("average(duration)"), "result['average.duration'] == 0.97", `{"average.duration":0.97}`, "len(result) == 0"},
		"newRelic, name":      {nrql("percentage(count(*), WHERE ok) AS 'successRate'"), "result.successRate == 0.97", `{"successRate":0.97}`, "len(result) == 0"},
	} {
		got := measure(t, test.provider, "0.97", test.good)
		if got.Phase != v1alpha1.AnalysisPhaseSuccessful || got.Value != test.value {
			t.Errorf("%s: %s, value %s (%s), want %s", name, got.Phase, got.Value, got.Message, test.value)
		}
		if got := measure(t, test.provider, "0.96", test.good); got.Phase != v1alpha1.AnalysisPhaseFailed {
			t.Errorf("%s: %s for another number, want Failed", name, got.Phase)
		}
		got = measure(t, test.provider, "null", test.empty)
		if want := v1alpha1.AnalysisPhaseSuccessful; test.empty != "" && got.Phase != want || test.empty == "" && got.Phase != v1alpha1.AnalysisPhaseError {
			t.Errorf("%s without data: %s, value %s (%s)", name, got.Phase, got.Value, got.Message)
		}
	}
}

// measure lets the controller measure once, with no other keys than the stand-ins.
func measure(t *testing.T, p v1alpha1.MetricProvider, number, condition string) v1alpha1.Measurement {
	t.Helper()
	builder := fake.NewClientBuilder()
	if keys, needed := metricservice.KeysOf(p, "shop"); needed {
		builder.WithObjects(keys.Secret())
	}
	s := &service{number: number}
	registry := providers.New(builder.Build(), s, clock.Func(func() time.Time { return now }), metric.Settings{})
	run := &v1alpha1.AnalysisRun{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "r", UID: "u"}}
	run.Spec.Metrics = []v1alpha1.Metric{{Name: "m", SuccessCondition: condition, Provider: p}}
	plan, err := registry.Plan(t.Context(), run, metric.Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	if want := metricservice.Of(p); s.asked.Kind != want.Kind || s.asked.V2 != want.V2 {
		t.Errorf("the request is taken for %+v, the provider is %+v", s.asked, want)
	}
	return plan.Status.MetricResults[0].Measurements[0]
}

func TestOthersAreNotRecognised(t *testing.T) {
	for _, address := range []string{"http://prometheus:9090/api/v1/query?query=up", "http://web.example.com/measure", "http://oap:12800/graphql", "http://g/render"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		if q := metricservice.In(r); q != (metricservice.Question{}) {
			t.Errorf("%s is taken for %+v", address, q)
		}
	}
	if q := metricservice.Of(v1alpha1.MetricProvider{Web: &v1alpha1.WebMetric{}}); metricservice.Known(q.Kind) {
		t.Errorf("a web server is taken for %+v", q)
	}
}

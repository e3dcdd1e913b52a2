package skywalking

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/metric"
)

var noon = time.Date(2026, time.January, 5, 12, 0, 30, 0, time.FixedZone("CET", 3600))

const (
	query     = `query queryData($duration: Duration!) { service_apdex: readMetricsValues(condition: {name: "service_apdex"}, duration: $duration) { label values { values { value } } } }`
	condition = "all(result.service_apdex.values.values, {asFloat(.value) >= 9900})"
	apdex     = `{"data": {"service_apdex": {"label": null, "values": {"values": [{"value": 10000}, {"value": %d}]}}}}`
)

// oap answers as SkyWalking's server does, without a network.
type oap struct {
	status int
	body   string
	asked  question
	path   string
}

func (o *oap) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := json.NewDecoder(r.Body).Decode(&o.asked); err != nil {
		return nil, err
	}
	o.path = r.Method + " " + r.URL.String() + " " + r.Header.Get("Content-Type")
	w := httptest.NewRecorder()
	w.WriteHeader(o.status)
	_, _ = io.WriteString(w, o.body)
	return w.Result(), nil
}

func measure(server http.RoundTripper, spec v1alpha1.SkyWalkingMetric) (v1alpha1.Measurement, error) {
	m := v1alpha1.Metric{Name: "apdex", SuccessCondition: condition, Provider: v1alpha1.MetricProvider{SkyWalking: &spec}}
	deps := metric.Deps{Transports: metric.NewTransports(server)}
	return New(deps).Measure(context.Background(), metric.NewQuery(&v1alpha1.AnalysisRun{}, m, 1), noon)
}

func TestMeasure(t *testing.T) {
	server := &oap{status: 200, body: fmt.Sprintf(apdex, 9900)}
	got, err := measure(server, v1alpha1.SkyWalkingMetric{Address: "http://oap.istio-system:12800", Query: query, Interval: "3m"})
	if err != nil {
		t.Fatal(err)
	}
	want := v1alpha1.Measurement{Phase: "Successful", Value: `{"service_apdex":{"label":null,"values":{"values":[{"value":10000},{"value":9900}]}}}`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	asked := question{Query: query, Variables: map[string]*duration{"duration": {Start: "2026-01-05 1057", End: "2026-01-05 1100", Step: "MINUTE"}}}
	if diff := cmp.Diff(asked, server.asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	if server.path != "POST http://oap.istio-system:12800/graphql application/json; charset=utf-8" {
		t.Errorf("asked %s", server.path)
	}
}

func TestDefaultInterval(t *testing.T) {
	server := &oap{status: 200, body: fmt.Sprintf(apdex, 100)}
	got, err := measure(server, v1alpha1.SkyWalkingMetric{Address: "http://oap:12800/", Query: query})
	if err != nil || got.Phase != v1alpha1.AnalysisPhaseFailed {
		t.Errorf("got %+v, %v", got, err)
	}
	if server.asked.Variables["duration"].Start != "2026-01-05 1055" || !strings.HasPrefix(server.path, "POST http://oap:12800/graphql ") {
		t.Errorf("asked %+v of %s", server.asked.Variables["duration"], server.path)
	}
}

func TestErrors(t *testing.T) {
	const address = "http://oap:12800"
	tests := []struct {
		status  int
		body    string
		spec    v1alpha1.SkyWalkingMetric
		want    string
		message string
	}{
		{200, `{"errors": [{"message": "no field apdex"}, {"message": "again"}]}`, v1alpha1.SkyWalkingMetric{Address: address}, "graphql: no field apdex; again", ""},
		{503, "", v1alpha1.SkyWalkingMetric{Address: address}, "received non 2xx response code: 503", ""},
		{200, "<html>", v1alpha1.SkyWalkingMetric{Address: address}, "the answer is not one of GraphQL", ""},
		{200, "{}", v1alpha1.SkyWalkingMetric{Address: address}, "the answer has no data", ""},
		{200, "{}", v1alpha1.SkyWalkingMetric{Address: "oap:12800"}, `address "oap:12800" is not a URL`, ""},
		{200, "{}", v1alpha1.SkyWalkingMetric{Address: address, Interval: "often"}, `interval: time: invalid duration "often"`, ""},
		{200, `{"data": {"other": 1}}`, v1alpha1.SkyWalkingMetric{Address: address}, "", "successCondition"},
	}
	for _, tt := range tests {
		got, err := measure(&oap{status: tt.status, body: tt.body}, tt.spec)
		if (err != nil) != (tt.want != "") || (err != nil && !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%d %s: got %v, want %q", tt.status, tt.body, err, tt.want)
		}
		if !strings.HasPrefix(got.Message, tt.message) || (tt.message != "" && got.Phase != v1alpha1.AnalysisPhaseError) {
			t.Errorf("%d %s: got %+v, want the message %q", tt.status, tt.body, got, tt.message)
		}
	}
}

// TestServer has a network between.
func TestServer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/graphql" {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = fmt.Fprintf(w, apdex, 9999)
	}))
	defer server.Close()
	got, err := measure(nil, v1alpha1.SkyWalkingMetric{Address: server.URL, Query: query})
	if err != nil || got.Phase != v1alpha1.AnalysisPhaseSuccessful {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestDescribe(t *testing.T) {
	m := v1alpha1.Metric{Provider: v1alpha1.MetricProvider{SkyWalking: &v1alpha1.SkyWalkingMetric{Query: query}}}
	if diff := cmp.Diff(map[string]string{ResolvedQuery: query}, New(metric.Deps{}).Describe(metric.NewQuery(nil, m, 1))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

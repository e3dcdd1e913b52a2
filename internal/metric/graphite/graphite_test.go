package graphite

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/metric"
)

var noon = time.Date(2026, time.January, 5, 12, 0, 0, 0, time.UTC)

const query = "target=summarize(\n  asPercent(web.{2,3}xx, web.*),\n  '5min', 'avg')\n"

// measure asks a server on this machine that answers with a status and a body, and
// returns the query that it got.
func measure(t *testing.T, status int, body string, change func(*v1alpha1.Metric)) (v1alpha1.Measurement, map[string][]string, error) {
	t.Helper()
	var asked map[string][]string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.URL.Path != "/metrics/render" {
			t.Errorf("asked %s %s", r.Method, r.URL.Path)
		}
		asked = r.URL.Query()
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	defer server.Close()
	m := v1alpha1.Metric{Name: "rate", SuccessCondition: "result[0] >= 90", Provider: v1alpha1.MetricProvider{
		Graphite: &v1alpha1.GraphiteMetric{Address: server.URL + "/metrics/", Query: query},
	}}
	if change != nil {
		change(&m)
	}
	deps := metric.Deps{Transports: metric.NewTransports(nil)}
	got, err := New(deps).Measure(context.Background(), metric.NewQuery(&v1alpha1.AnalysisRun{}, m, 1), noon)
	return got, asked, err
}

func TestMeasure(t *testing.T) {
	for _, tt := range []struct {
		name, body, condition string
		want                  v1alpha1.Measurement
	}{
		{"good", `[{"target": "web", "datapoints": [[10, 1767614400], [99.5, 1767614460]]}]`, "result[0] >= 90", v1alpha1.Measurement{Phase: "Successful", Value: "[99.500000]"}},
		{"bad", `[{"target": "web", "datapoints": [[99, 1767614400], [89.99, 1767614460]]}]`, "result[0] >= 90", v1alpha1.Measurement{Phase: "Failed", Value: "[89.990000]"}},
		{"the newest number, not the newest point", `[{"datapoints": [[91, 1], [92, 2], [null, 3]]}]`, "result[0] == 92", v1alpha1.Measurement{Phase: "Successful", Value: "[92.000000]"}},
		{"several series, one without numbers", `[{"datapoints": [[1, 1]]}, {"datapoints": [[null, 1]]}, {"datapoints": [[2, 1]]}]`, "len(result) == 2 && result[1] == 2", v1alpha1.Measurement{Phase: "Successful", Value: "[1.000000,2.000000]"}},
		{"no data", `[]`, "len(result) == 0 || result[0] < 5", v1alpha1.Measurement{Phase: "Successful", Value: "[]"}},
	} {
		got, _, err := measure(t, 200, tt.body, func(m *v1alpha1.Metric) { m.SuccessCondition = tt.condition })
		if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
			t.Errorf("%s: error %v (-want +got):\n%s", tt.name, err, diff)
		}
	}
}

func TestQuestion(t *testing.T) {
	_, asked, err := measure(t, 200, `[]`, nil)
	want := map[string][]string{"target": {strings.TrimSpace(strings.TrimPrefix(query, "target="))}, "from": {"-5min"}, "format": {"json"}}
	if diff := cmp.Diff(want, asked); diff != "" || err != nil {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
	_, asked, err = measure(t, 200, `[]`, func(m *v1alpha1.Metric) {
		m.Provider.Graphite.Query = "target=a.b&from=-1h&until=-1min&format=png"
	})
	want = map[string][]string{"target": {"a.b"}, "from": {"-1h"}, "until": {"-1min"}, "format": {"json"}}
	if diff := cmp.Diff(want, asked); diff != "" || err != nil {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
}

func TestErrors(t *testing.T) {
	for _, tt := range []struct {
		status int
		body   string
		change func(*v1alpha1.GraphiteMetric)
		want   string
	}{
		{503, "", nil, "received non 2xx response code: 503"},
		{200, "<html>", nil, "the answer is not one of Graphite's render API"},
		{200, "[]", func(g *v1alpha1.GraphiteMetric) { g.Address = "graphite:8080" }, `address "graphite:8080" is not a URL`},
		{200, "[]", func(g *v1alpha1.GraphiteMetric) { g.Query = "from=-1h" }, `query "from=-1h" has no target`},
	} {
		_, _, err := measure(t, tt.status, tt.body, func(m *v1alpha1.Metric) {
			if tt.change != nil {
				tt.change(m.Provider.Graphite)
			}
		})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%d %s: got %v, want %q", tt.status, tt.body, err, tt.want)
		}
	}
	got, _, err := measure(t, 200, "[]", nil)
	if err != nil || got.Phase != v1alpha1.AnalysisPhaseError || !strings.Contains(got.Message, "test len(result) > 0 first") {
		t.Errorf("a condition that does not bear an empty list: %+v, %v", got, err)
	}
}

package datadog

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/metric"
)

var noon = time.Date(2026, time.January, 5, 12, 0, 0, 0, time.UTC)

// request is what the server was asked.
type request struct {
	url  string
	body map[string]any
}

// measure asks a server that answers with a body. Its keys are in the Secret
// datadog of the controller and in the Secret own of the run's namespace.
func measure(t *testing.T, spec v1alpha1.DatadogMetric, body, condition string) (v1alpha1.Measurement, request, error) {
	t.Helper()
	var asked request
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.url = r.Method + " " + r.URL.String()
		if data, _ := io.ReadAll(r.Body); len(data) > 0 {
			if err := json.Unmarshal(data, &asked.body); err != nil {
				t.Error(err)
			}
		}
		if r.Header.Get("DD-API-KEY") != "k1" || r.Header.Get("DD-APPLICATION-KEY") != "k2" {
			t.Errorf("asked with %v", r.Header)
		}
		_, _ = w.Write([]byte(body))
	}))
	defer server.Close()
	keys := map[string][]byte{"address": []byte(server.URL + "/"), "api-key": []byte("k1"), "app-key": []byte("k2")}
	c := fake.NewClientBuilder().WithObjects(
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "argo-rollouts", Name: "datadog"}, Data: keys},
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "own"}, Data: keys},
	).Build()
	deps := metric.Deps{Client: c, Transports: metric.NewTransports(nil)}
	m := v1alpha1.Metric{Name: "rate", SuccessCondition: condition, Provider: v1alpha1.MetricProvider{Datadog: &spec}}
	run := &v1alpha1.AnalysisRun{ObjectMeta: metav1.ObjectMeta{Namespace: "shop"}}
	got, err := New(deps).Measure(t.Context(), metric.NewQuery(run, m, 1), noon)
	return got, asked, err
}

var (
	v1 = v1alpha1.DatadogMetric{APIVersion: "v1", Query: "avg:errors{*}"}
	v2 = v1alpha1.DatadogMetric{APIVersion: "v2", Query: "avg:errors{*}"}
)

func TestMeasure(t *testing.T) {
	for _, tt := range []struct {
		name            string
		spec            v1alpha1.DatadogMetric
		body, condition string
		want            v1alpha1.Measurement
	}{
		{"v1", v1, `{"series":[{"pointlist":[[1767614340000,3],[1767614400000,0.5]]}]}`, "result < 1", v1alpha1.Measurement{Phase: "Successful", Value: "0.5"}},
		{"v1, bad", v1, `{"series":[{"pointlist":[[1767614400000,3]]}]}`, "result < 1", v1alpha1.Measurement{Phase: "Failed", Value: "3"}},
		{"v1, no series", v1, `{"series":[]}`, "default(result, 0) < 1", v1alpha1.Measurement{Phase: "Successful", Value: "[]"}},
		{"v1, a point without a number", v1, `{"series":[{"pointlist":[[1767614400000,null]]}]}`, "isNil(result)", v1alpha1.Measurement{Phase: "Successful", Value: "[]"}},
		{"v2", v2, `{"data":{"attributes":{"columns":[{"values":[0.5]}]}}}`, "result < 1", v1alpha1.Measurement{Phase: "Successful", Value: "0.5"}},
		{"v2, no data", v2, `{"data":{"attributes":{"columns":[]}}}`, "default(result, 7) == 7", v1alpha1.Measurement{Phase: "Successful", Value: "[]"}},
		{"the Secret of the run's namespace", v1alpha1.DatadogMetric{Query: "q", SecretRef: v1alpha1.SecretRef{Name: "own", Namespaced: true}}, `{"series":[{"pointlist":[[1,0.5]]}]}`, "result < 1", v1alpha1.Measurement{Phase: "Successful", Value: "0.5"}},
	} {
		got, _, err := measure(t, tt.spec, tt.body, tt.condition)
		if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
			t.Errorf("%s: error %v (-want +got):\n%s", tt.name, err, diff)
		}
	}
}

func TestQuestion(t *testing.T) {
	_, asked, err := measure(t, v1, `{}`, "true")
	if want := "GET /api/v1/query?from=1767614100&query=avg%3Aerrors%7B%2A%7D&to=1767614400"; asked.url != want || err != nil {
		t.Errorf("got %s, %v, want %s", asked.url, err, want)
	}
	_, asked, err = measure(t, v1alpha1.DatadogMetric{APIVersion: "v2", Interval: "1m", Queries: map[string]string{"b": "sum:hits{*}", "a": "sum:errors{*}"}, Formula: "a / b", Aggregator: "sum"}, `{}`, "true")
	named := func(name, query string) any {
		return map[string]any{"name": name, "query": query, "data_source": "metrics", "aggregator": "sum"}
	}
	want := request{"POST /api/v2/query/scalar", map[string]any{"data": map[string]any{"type": "scalar_request", "attributes": map[string]any{
		"from": 1767614340000.0, "to": 1767614400000.0, "formulas": []any{map[string]any{"formula": "a / b"}},
		"queries": []any{named("a", "sum:errors{*}"), named("b", "sum:hits{*}")},
	}}}}
	if diff := cmp.Diff(want, asked, cmp.AllowUnexported(request{})); diff != "" || err != nil {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
}

func TestErrors(t *testing.T) {
	two := map[string]string{"a": "x", "b": "y"}
	for want, tt := range map[string]struct {
		spec v1alpha1.DatadogMetric
		body string
	}{
		"datadog: must have either a query or queries":                {v1alpha1.DatadogMetric{}, ""},
		"datadog: cannot have both a query and queries":               {v1alpha1.DatadogMetric{Query: "q", Queries: two}, ""},
		"datadog: queries, formula and aggregator need apiVersion v2": {v1alpha1.DatadogMetric{Queries: two}, ""},
		"datadog: several queries need a formula":                     {v1alpha1.DatadogMetric{APIVersion: "v2", Queries: two}, ""},
		"datadog: a formula needs queries":                            {v1alpha1.DatadogMetric{APIVersion: "v2", Query: "q", Formula: "a"}, ""},
		"datadog.interval: ":                                          {v1alpha1.DatadogMetric{Query: "q", Interval: "soon"}, ""},
		"datadog.requestTimeout: 0s is not more than nothing":         {v1alpha1.DatadogMetric{Query: "q", RequestTimeout: "0s"}, ""},
		"there is no Secret argo-rollouts/none: create it with":       {v1alpha1.DatadogMetric{Query: "q", SecretRef: v1alpha1.SecretRef{Name: "none"}}, ""},
		"the query is refused: Error parsing query":                   {v1, `{"error":"Error parsing query"}`},
		"the query is refused: bad formula":                           {v2, `{"errors":"bad formula"}`},
		"the answer is not one of Datadog's v1 API":                   {v1, `<html>`},
		"the answer is not one of Datadog's v2 API":                   {v2, `<html>`},
	} {
		if _, _, err := measure(t, tt.spec, tt.body, ""); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

package newrelic

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

const query = "SELECT percentage(count(*), WHERE httpResponseCode < 500) AS 'successRate' FROM Transaction"

// measure asks a server that answers with a body; change amends the Secret.
func measure(t *testing.T, body, condition string, change func(map[string][]byte)) (v1alpha1.Measurement, map[string]any, error) {
	t.Helper()
	var asked map[string]any
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		if err := json.Unmarshal(data, &asked); err != nil || r.Method != http.MethodPost || r.Header.Get("API-Key") != "NRAK-1" || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("asked %s %s with %v: %s", r.Method, r.URL, r.Header, data)
		}
		_, _ = w.Write([]byte(body))
	}))
	defer server.Close()
	keys := map[string][]byte{"account-id": []byte("42"), "personal-api-key": []byte("NRAK-1"), "base-url-nerdgraph": []byte(server.URL)}
	if change != nil {
		change(keys)
	}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "argo-rollouts", Name: "newrelic"}, Data: keys}
	deps := metric.Deps{Client: fake.NewClientBuilder().WithObjects(secret).Build(), Transports: metric.NewTransports(nil)}
	m := v1alpha1.Metric{Name: "rate", SuccessCondition: condition, Provider: v1alpha1.MetricProvider{NewRelic: &v1alpha1.NewRelicMetric{Query: query}}}
	got, err := New(deps).Measure(t.Context(), metric.NewQuery(&v1alpha1.AnalysisRun{}, m, 1), noon)
	return got, asked, err
}

func rows(list string) string {
	return `{"data":{"actor":{"account":{"nrql":{"results":` + list + `}}}}}`
}

func TestMeasure(t *testing.T) {
	for _, tt := range []struct {
		name, body, condition string
		want                  v1alpha1.Measurement
	}{
		{"a row", rows(`[{"successRate": 98.5}]`), "result.successRate >= 95", v1alpha1.Measurement{Phase: "Successful", Value: `{"successRate":98.5}`}},
		{"a bad row", rows(`[{"successRate": 94}]`), "result.successRate >= 95", v1alpha1.Measurement{Phase: "Failed", Value: `{"successRate":94}`}},
		{"a field with a dot", rows(`[{"average.duration": 0.2}]`), "result['average.duration'] < 0.3", v1alpha1.Measurement{Phase: "Successful", Value: `{"average.duration":0.2}`}},
		{"rows", rows(`[{"count": 1}, {"count": 2}]`), "result[1].count == 2", v1alpha1.Measurement{Phase: "Successful", Value: `[{"count":1},{"count":2}]`}},
		{"no row", rows(`[]`), "len(result) == 0", v1alpha1.Measurement{Phase: "Successful", Value: "[]"}},
	} {
		got, _, err := measure(t, tt.body, tt.condition, nil)
		if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
			t.Errorf("%s: error %v (-want +got):\n%s", tt.name, err, diff)
		}
	}
}

func TestQuestion(t *testing.T) {
	_, asked, err := measure(t, rows(`[{"successRate": 100}]`), "true", nil)
	if diff := cmp.Diff(map[string]any{"account": 42.0, "nrql": query, "timeout": 5.0}, asked["variables"]); diff != "" || err != nil {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
}

func TestErrors(t *testing.T) {
	for want, tt := range map[string]struct {
		body   string
		change func(map[string][]byte)
	}{
		"the query is refused: NRQL Syntax Error":                      {`{"errors":[{"message":"NRQL Syntax Error"}]}`, nil},
		"the answer is not one of New Relic":                           {`<html>`, nil},
		"account-id of the profile's Secret is not a number":           {"", func(k map[string][]byte) { k["account-id"] = []byte("mine") }},
		`region "mars" of the profile's Secret is neither us nor eu`:   {"", func(k map[string][]byte) { delete(k, "base-url-nerdgraph"); k["region"] = []byte("mars") }},
		`secret argo-rollouts/newrelic has no key "personal-api-key":`: {"", func(k map[string][]byte) { delete(k, "personal-api-key") }},
	} {
		if _, _, err := measure(t, tt.body, "", tt.change); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

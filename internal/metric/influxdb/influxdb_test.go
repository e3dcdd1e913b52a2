package influxdb

import (
	"encoding/json"
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

const query = `from(bucket: "app") |> range(start: -5m) |> last()`

// head begins an annotated CSV as InfluxDB 2 answers with.
const head = "#datatype,string,long,dateTime:RFC3339,double\n#group,false,false,false,false\n#default,_result,,,\n,result,table,_time,_value\n"

// measure asks a server that answers with a status and a body.
func measure(t *testing.T, status int, body, condition string) (v1alpha1.Measurement, error) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var asked struct{ Query string }
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil || asked.Query != query {
			t.Errorf("asked %q, %v", asked.Query, err)
		}
		if r.URL.Path != "/api/v2/query" || r.URL.Query().Get("org") != "shop" || r.Header.Get("Authorization") != "Token token-1" {
			t.Errorf("asked %s with %v", r.URL, r.Header)
		}
		if status != http.StatusOK {
			w.Header().Set("Content-Type", "application/json")
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(strings.ReplaceAll(body, "\n", "\r\n")))
	}))
	defer server.Close()
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "argo-rollouts", Name: "influxdb"}, Data: map[string][]byte{
		"address": []byte(server.URL), "authToken": []byte("token-1"), "org": []byte("shop"),
	}}
	deps := metric.Deps{Client: fake.NewClientBuilder().WithObjects(secret).Build(), Transports: metric.NewTransports(nil)}
	m := v1alpha1.Metric{Name: "rate", SuccessCondition: condition, Provider: v1alpha1.MetricProvider{Influxdb: &v1alpha1.InfluxdbMetric{Query: query}}}
	return New(deps).Measure(t.Context(), metric.NewQuery(&v1alpha1.AnalysisRun{}, m, 1), noon)
}

func TestMeasure(t *testing.T) {
	for _, tt := range []struct {
		name, body, condition string
		want                  v1alpha1.Measurement
	}{
		{"a record", head + ",,0,2026-01-05T12:00:00Z,0.98\n\n", "result[0] >= 0.95", v1alpha1.Measurement{Phase: "Successful", Value: "[0.98]"}},
		{"a bad record", head + ",,0,2026-01-05T12:00:00Z,0.5\n\n", "result[0] >= 0.95", v1alpha1.Measurement{Phase: "Failed", Value: "[0.5]"}},
		{"two records", head + ",,0,2026-01-05T12:00:00Z,1\n,,1,2026-01-05T12:00:00Z,2\n\n", "result[1] == 2", v1alpha1.Measurement{Phase: "Successful", Value: "[1,2]"}},
		{"no data", "\n", "len(result) == 0", v1alpha1.Measurement{Phase: "Successful", Value: "[]"}},
	} {
		got, err := measure(t, 200, tt.body, tt.condition)
		if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
			t.Errorf("%s: error %v (-want +got):\n%s", tt.name, err, diff)
		}
	}
}

func TestErrors(t *testing.T) {
	if _, err := measure(t, 400, `{"code":"invalid","message":"undefined identifier"}`, ""); err == nil || err.Error() != "invalid: undefined identifier" {
		t.Errorf("a wrong query: %v", err)
	}
	if _, err := measure(t, 200, head+",,0,2026-01-05T12:00:00Z,much\n\n", ""); err == nil || !strings.HasPrefix(err.Error(), "reading the answer: ") {
		t.Errorf("a broken answer: %v", err)
	}
}

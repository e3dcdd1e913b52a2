package wavefront

import (
	"io"
	"net/http"
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

// server answers every request with a body.
type server struct {
	body  string
	asked *http.Request
}

func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	s.asked = r
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(s.body)), Request: r}, nil
}

func measure(t *testing.T, s *server, condition string) (v1alpha1.Measurement, error) {
	t.Helper()
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "argo-rollouts", Name: "wavefront-api-tokens"}, Data: map[string][]byte{"example.wavefront.com": []byte("token-1")}}
	deps := metric.Deps{Client: fake.NewClientBuilder().WithObjects(secret).Build(), Transports: metric.NewTransports(s)}
	m := v1alpha1.Metric{Name: "rate", SuccessCondition: condition, Provider: v1alpha1.MetricProvider{
		Wavefront: &v1alpha1.WavefrontMetric{Address: "example.wavefront.com", Query: `sum(ts("istio.requestcount.count"))`},
	}}
	return New(deps).Measure(t.Context(), metric.NewQuery(&v1alpha1.AnalysisRun{}, m, 1), noon)
}

func TestMeasure(t *testing.T) {
	for _, tt := range []struct {
		name, body, condition string
		want                  v1alpha1.Measurement
		err                   string
	}{
		{"one series", `{"timeseries":[{"label":"x","data":[[1767614340,0.9],[1767614400,0.98]]}]}`, "result >= 0.95", v1alpha1.Measurement{Phase: "Successful", Value: "0.98"}, ""},
		{"points in another order", `{"timeseries":[{"data":[[1767614400,0.98],[1767614340,0.9]]}]}`, "result >= 0.95", v1alpha1.Measurement{Phase: "Successful", Value: "0.98"}, ""},
		{"bad", `{"timeseries":[{"data":[[1767614400,0.5]]}]}`, "result >= 0.95", v1alpha1.Measurement{Phase: "Failed", Value: "0.50"}, ""},
		{"two series", `{"timeseries":[{"data":[[1,0.5]]},{"data":[]},{"data":[[1,2]]}]}`, "result[1] == 2", v1alpha1.Measurement{Phase: "Successful", Value: "[0.50,2.00]"}, ""},
		{"no series", `{"timeseries":[]}`, "", v1alpha1.Measurement{}, "no TimeSeries found in response from Wavefront"},
		{"a wrong query", `{"errorType":"QuerySyntaxError","errorMessage":"unexpected end"}`, "", v1alpha1.Measurement{}, "the query is refused: unexpected end"},
		{"something else", `<html>`, "", v1alpha1.Measurement{}, "the answer is not one of Wavefront's chart API: invalid character '<' looking for beginning of value"},
	} {
		got, err := measure(t, &server{body: tt.body}, tt.condition)
		text := ""
		if err != nil {
			text = err.Error()
		}
		if diff := cmp.Diff(tt.want, got); diff != "" || text != tt.err {
			t.Errorf("%s: error %q (-want +got):\n%s", tt.name, text, diff)
		}
	}
}

func TestQuestion(t *testing.T) {
	s := &server{body: `{"timeseries":[{"data":[[1,1]]}]}`}
	if _, err := measure(t, s, ""); err != nil {
		t.Fatal(err)
	}
	got := []string{s.asked.Method, s.asked.URL.Scheme, s.asked.URL.Host, s.asked.URL.Path, s.asked.URL.Query().Get("q"), s.asked.URL.Query().Get("s"), s.asked.URL.Query().Get("e"), s.asked.Header.Get("Authorization")}
	want := []string{"GET", "https", "example.wavefront.com", "/api/v2/chart/api", `sum(ts("istio.requestcount.count"))`, "1767614100000", "1767614400000", "Bearer token-1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

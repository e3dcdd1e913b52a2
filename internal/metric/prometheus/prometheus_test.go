package prometheus

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/ptr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/metric"
)

var noon = time.Date(2026, time.January, 5, 12, 0, 0, 0, time.UTC)

// Answers as a Prometheus server sends them.
const (
	scalar    = `{"status":"success","data":{"resultType":"scalar","result":[1767614400,"%s"]}}`
	vector    = `{"status":"success","data":{"resultType":"vector","result":[%s]}}`
	sample    = `{"metric":{"app":"web"},"value":[1767614400,"%s"]}`
	text      = `{"status":"success","data":{"resultType":"string","result":[1767614400,"hello"]}}`
	histogram = `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"histogram":[1767614400,{"count":"1","sum":"1","buckets":[[0,"0.5","1","1"]]}]}]}}`
	matrix    = `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"i":"a"},"values":[[1767614340,"10"],[1767614400,"20"]]},{"metric":{"i":"b"},"values":[[1767614400,"999.5"]]}]}}`
	badQuery  = `{"status":"error","errorType":"bad_data","error":"invalid parameter \"query\": 4:82: parse error: unterminated quoted string"}`
)

// serve answers every query with a status and a body, and keeps the last request.
func serve(t *testing.T, status int, body string) (address string, asked *url.Values, headers *http.Header) {
	t.Helper()
	asked, headers = &url.Values{}, &http.Header{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		*asked, *headers = r.Form, r.Header
		asked.Set("path", r.URL.Path)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return server.URL, asked, headers
}

func measure(spec v1alpha1.PrometheusMetric, success, failure string, deps metric.Deps) (v1alpha1.Measurement, error) {
	if deps.Transports == nil {
		deps.Transports = metric.NewTransports(nil)
	}
	m := v1alpha1.Metric{Name: "m", SuccessCondition: success, FailureCondition: failure, Provider: v1alpha1.MetricProvider{Prometheus: &spec}}
	return New(deps).Measure(context.Background(), metric.NewQuery(&v1alpha1.AnalysisRun{}, m, 1), noon)
}

func TestAnswers(t *testing.T) {
	one := fmt.Sprintf(vector, fmt.Sprintf(sample, "0.97"))
	two := fmt.Sprintf(vector, fmt.Sprintf(sample, "0.5")+","+fmt.Sprintf(sample, "NaN"))
	tests := []struct {
		name             string
		body             string
		success, failure string
		want             v1alpha1.Measurement
		err              string
	}{
		{"a scalar", fmt.Sprintf(scalar, "0.009346242994070053"), "result >= 0.95", "", v1alpha1.Measurement{Phase: "Failed", Value: "0.009346242994070053"}, ""},
		{"no data in a scalar", fmt.Sprintf(scalar, "NaN"), "result >= 0.95", "", v1alpha1.Measurement{Phase: "Failed", Value: "NaN"}, ""},
		{"no data, allowed", fmt.Sprintf(scalar, "NaN"), "isNaN(result) || result >= 0.95", "", v1alpha1.Measurement{Phase: "Successful", Value: "NaN"}, ""},
		{"infinity", fmt.Sprintf(scalar, "+Inf"), "", "isInf(result)", v1alpha1.Measurement{Phase: "Failed", Value: "+Inf"}, ""},
		{"a vector", one, "result[0] >= 0.95", "", v1alpha1.Measurement{Phase: "Successful", Value: "[0.97]"}, ""},
		{"a vector of two", two, "result[0] >= 0.95", "result[0] < 0.4", v1alpha1.Measurement{Phase: "Inconclusive", Value: "[0.5,NaN]"}, ""},
		{"no data in a vector", fmt.Sprintf(vector, ""), "result[0] >= 0.95", "", v1alpha1.Measurement{Phase: "Error", Value: "[]",
			Message: `successCondition "result[0] >= 0.95": index out of range: 0 (array length is 0) (1:7); the provider returned no data: test len(result) > 0 first`}, ""},
		{"no data, tested", fmt.Sprintf(vector, ""), "len(result) == 0 || result[0] >= 0.95", "", v1alpha1.Measurement{Phase: "Successful", Value: "[]"}, ""},
		{"a range", matrix, "all(result, # < 1000)", "", v1alpha1.Measurement{Phase: "Successful", Value: "[10,20,999.5]"}, ""},
		{"a string", text, "true", "", v1alpha1.Measurement{}, `unexpected value type "string"`},
		{"a histogram", histogram, "true", "", v1alpha1.Measurement{}, "histogram_quantile"},
		{"something else", "<html>", "true", "", v1alpha1.Measurement{}, "bad_response"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			address, _, _ := serve(t, http.StatusOK, tt.body)
			got, err := measure(v1alpha1.PrometheusMetric{Address: address, Query: "up"}, tt.success, tt.failure, metric.Deps{})
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if (err != nil) != (tt.err != "") || (err != nil && !strings.Contains(err.Error(), tt.err)) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
		})
	}
}

// TestRefusal is what becomes of the query of Manifest 15, with its missing quote.
func TestRefusal(t *testing.T) {
	address, _, _ := serve(t, http.StatusBadRequest, badQuery)
	_, err := measure(v1alpha1.PrometheusMetric{Address: address, Query: `sum(x{a="b,})`}, "", "", metric.Deps{})
	want := `bad_data: invalid parameter "query": 4:82: parse error: unterminated quoted string`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestRequest(t *testing.T) {
	address, asked, headers := serve(t, http.StatusOK, fmt.Sprintf(scalar, "1"))
	spec := v1alpha1.PrometheusMetric{
		Query: "scalar(up)", Headers: []v1alpha1.WebMetricHeader{{Key: "X-Scope-OrgID", Value: "tenant_a"}},
		Authentication: v1alpha1.Authentication{BasicAuth: v1alpha1.BasicAuth{Username: "u", Password: "p"}}, Timeout: ptr.To(int64(40)),
	}
	got, err := measure(spec, "", "", metric.Deps{Settings: metric.Settings{PrometheusAddress: address + "/prom/"}})
	if err != nil || got.Phase != v1alpha1.AnalysisPhaseSuccessful {
		t.Fatal(got, err)
	}
	if asked.Get("path") != "/prom/api/v1/query" || asked.Get("query") != "scalar(up)" || asked.Get("time") != "1767614400" {
		t.Errorf("asked %v", *asked)
	}
	if headers.Get("X-Scope-OrgID") != "tenant_a" || headers.Get("Authorization") != "Basic dTpw" {
		t.Errorf("headers %v", *headers)
	}
}

func TestRange(t *testing.T) {
	address, asked, _ := serve(t, http.StatusOK, matrix)
	rangeQuery := func(start, end, step string) v1alpha1.PrometheusMetric {
		return v1alpha1.PrometheusMetric{Address: address, Query: "latency", RangeQuery: &v1alpha1.PrometheusRangeQueryArgs{Start: start, End: end, Step: v1alpha1.DurationString(step)}}
	}
	if _, err := measure(rangeQuery(`now() - duration("5m")`, "now()", "1m"), "", "", metric.Deps{}); err != nil {
		t.Fatal(err)
	}
	want := url.Values{"path": {"/api/v1/query_range"}, "query": {"latency"}, "start": {"1767614100"}, "end": {"1767614400"}, "step": {"60"}}
	if diff := cmp.Diff(want, *asked); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, tt := range []struct {
		spec v1alpha1.PrometheusMetric
		want string
	}{
		{rangeQuery("yesterday", "now()", "1m"), `rangeQuery.start "yesterday": unknown name yesterday`},
		{rangeQuery("now()", "5", "1m"), `rangeQuery.end "5": expected a time`},
		{rangeQuery("now()", "now()", "often"), `rangeQuery.step: time: invalid duration "often"`},
		{rangeQuery("now()", "now()", "0s"), "rangeQuery.step must be > 0, got 0s"},
	} {
		if _, err := measure(tt.spec, "", "", metric.Deps{}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v, want %s", err, tt.want)
		}
	}
}

func TestAddresses(t *testing.T) {
	for _, tt := range []struct{ address, want string }{
		{"", "no address: set provider.prometheus.address, or ARGO_ROLLOUTS_PROMETHEUS_ADDRESS for the controller"},
		{"prometheus:9090", `address "prometheus:9090" is not a URL`},
		{"ftp://prometheus", "is not a URL"},
		{"http://", "is not a URL"},
		{"http://127.0.0.1:1", "connection refused"},
	} {
		_, err := measure(v1alpha1.PrometheusMetric{Address: tt.address, Query: "up"}, "", "", metric.Deps{})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: got %v, want %s", tt.address, err, tt.want)
		}
	}
}

func TestDescribe(t *testing.T) {
	m := v1alpha1.Metric{Provider: v1alpha1.MetricProvider{Prometheus: &v1alpha1.PrometheusMetric{Query: "up"}}}
	got := New(metric.Deps{}).Describe(metric.NewQuery(nil, m, 1))
	if diff := cmp.Diff(map[string]string{"ResolvedPrometheusQuery": "up"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// inProcess answers without a network, as the simulator does.
type inProcess func(query string, at string) string

func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.ParseForm(); err != nil {
		return nil, err
	}
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, p(r.Form.Get("query"), r.Form.Get("time")))
	return w.Result(), nil
}

func TestInProcess(t *testing.T) {
	rt := inProcess(func(query, at string) string {
		if query != "up" || at != "1767614400" {
			t.Errorf("asked %q at %s", query, at)
		}
		return fmt.Sprintf(vector, fmt.Sprintf(sample, "1"))
	})
	got, err := measure(v1alpha1.PrometheusMetric{Address: "https://prometheus.istio-system:9090", Query: "up", Insecure: true}, "result[0] == 1", "", metric.Deps{Transports: metric.NewTransports(rt)})
	if err != nil || got.Phase != v1alpha1.AnalysisPhaseSuccessful || got.Value != "[1]" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func BenchmarkInProcess(b *testing.B) {
	body := fmt.Sprintf(vector, fmt.Sprintf(sample, "1"))
	deps := metric.Deps{Transports: metric.NewTransports(inProcess(func(string, string) string { return body }))}
	spec := v1alpha1.PrometheusMetric{Address: "http://prometheus:9090", Query: "up"}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := measure(spec, "", "", deps); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzAnswers: whatever a server sends, it is a measurement or an error.
func FuzzAnswers(f *testing.F) {
	for _, body := range []string{fmt.Sprintf(scalar, "1"), fmt.Sprintf(vector, ""), matrix, text, histogram, badQuery, "", "null", "{}", `{"status":"success"}`} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		deps := metric.Deps{Transports: metric.NewTransports(inProcess(func(string, string) string { return body }))}
		got, err := measure(v1alpha1.PrometheusMetric{Address: "http://p", Query: "up"}, "result[0] > 1", "", deps)
		if err == nil && !got.Phase.Completed() {
			t.Errorf("%q: %+v", body, got)
		}
	})
}

package web

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/metric"
)

var noon = time.Date(2026, time.January, 5, 12, 0, 0, 0, time.UTC)

func measure(spec v1alpha1.WebMetric, success string) (v1alpha1.Measurement, error) {
	return measureThrough(nil, spec, success)
}

func measureThrough(rt http.RoundTripper, spec v1alpha1.WebMetric, success string) (v1alpha1.Measurement, error) {
	m := v1alpha1.Metric{Name: "m", SuccessCondition: success, Provider: v1alpha1.MetricProvider{Web: &spec}}
	deps := metric.Deps{Transports: metric.NewTransports(rt)}
	return New(deps).Measure(context.Background(), metric.NewQuery(&v1alpha1.AnalysisRun{}, m, 1), noon)
}

func TestAnswers(t *testing.T) {
	const document = `{"data": {"ok": true, "successPercent": 0.95}, "list": [{"v": 1}, {"v": 2}], "none": null, "word": "It worked!", "big": 12345678901}`
	tests := []struct {
		name, body, path, success string
		want                      v1alpha1.Measurement
		err                       string
	}{
		{"the sample of the documents", document, "{$.data}", "result.ok && result.successPercent >= 0.90", v1alpha1.Measurement{Phase: "Successful", Value: `{"ok":true,"successPercent":0.95}`}, ""},
		{"a bool", document, "{$.data.ok}", "result == true", v1alpha1.Measurement{Phase: "Successful", Value: "true"}, ""},
		{"a number", document, "{$.data.successPercent}", "result > 0.99", v1alpha1.Measurement{Phase: "Failed", Value: "0.95"}, ""},
		{"a string", document, "{$.word}", "result == 'It worked!'", v1alpha1.Measurement{Phase: "Successful", Value: "It worked!"}, ""},
		{"without braces", document, "$.data.ok", "result", v1alpha1.Measurement{Phase: "Successful", Value: "true"}, ""},
		{"several", document, "{$.list[*].v}", "result[0] == 1 && len(result) == 2", v1alpha1.Measurement{Phase: "Successful", Value: "[1,2]"}, ""},
		{"null", document, "{$.none}", "isNil(result)", v1alpha1.Measurement{Phase: "Successful", Value: "null"}, ""},
		{"a large number", document, "{$.big}", "result == 12345678901", v1alpha1.Measurement{Phase: "Successful", Value: "12345678901"}, ""},
		{"the whole document", `{"ok": true}`, "", "result.ok", v1alpha1.Measurement{Phase: "Successful", Value: `{"ok":true}`}, ""},
		{"a document of one number", "3", "", "result == 3", v1alpha1.Measurement{Phase: "Successful", Value: "3"}, ""},
		{"no JSON", "<all good>", "", "result contains 'good'", v1alpha1.Measurement{Phase: "Successful", Value: "<all good>"}, ""},
		{"nothing", "", "", "result == ''", v1alpha1.Measurement{Phase: "Successful"}, ""},
		{"no JSON for a path", "all good", "{$.x}", "result", v1alpha1.Measurement{}, `the answer is no JSON, of which jsonPath "{$.x}" could pick a value`},
		{"nothing at the path", document, "{$.absent}", "result", v1alpha1.Measurement{}, `jsonPath "{$.absent}": absent is not found`},
		{"nothing fits the path", document, "{$.list[?(@.v>5.0)]}", "result", v1alpha1.Measurement{}, "the answer has nothing there"},
		{"a broken path", document, "{$.data", "result", v1alpha1.Measurement{}, `jsonPath "{$.data": unclosed action`},
		{"a condition that does not fit", document, "{$.data}", "result > 1", v1alpha1.Measurement{Phase: "Error", Value: `{"ok":true,"successPercent":0.95}`,
			Message: `successCondition "result > 1": invalid operation: map[string]interface {} > int (1:8)`}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, tt.body) }))
			defer server.Close()
			got, err := measure(v1alpha1.WebMetric{URL: server.URL, JSONPath: tt.path}, tt.success)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if (err != nil) != (tt.err != "") || (err != nil && !strings.Contains(err.Error(), tt.err)) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
		})
	}
}

func TestRequests(t *testing.T) {
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, "%s %s %s %s %s", r.Method, r.URL.RequestURI(), r.Header.Get("Authorization"), r.Header.Get("Content-Type"), body)
	})
	server := httptest.NewServer(echo)
	defer server.Close()
	jsonBody := &apiextensionsv1.JSON{Raw: []byte(`{"key":"value"}`)}
	bearer := []v1alpha1.WebMetricHeader{{Key: "Authorization", Value: "Bearer t"}}
	tests := []struct {
		spec v1alpha1.WebMetric
		want string
	}{
		{v1alpha1.WebMetric{URL: server.URL + "/m?service=a", Headers: bearer}, "GET /m?service=a Bearer t  "},
		{v1alpha1.WebMetric{URL: server.URL, Method: "POST", Body: "hello"}, "POST /   hello"},
		{v1alpha1.WebMetric{URL: server.URL, Method: "PUT", JSONBody: jsonBody}, `PUT /  application/json {"key":"value"}`},
		{v1alpha1.WebMetric{URL: server.URL, Method: "POST", JSONBody: jsonBody, Headers: []v1alpha1.WebMetricHeader{{Key: "content-type", Value: "text/x"}}}, `POST /  text/x {"key":"value"}`},
		{v1alpha1.WebMetric{URL: server.URL, Authentication: v1alpha1.Authentication{BasicAuth: v1alpha1.BasicAuth{Username: "u", Password: "p"}}}, "GET / Basic dTpw  "},
	}
	for _, tt := range tests {
		if got, err := measure(tt.spec, ""); err != nil || got.Value != tt.want {
			t.Errorf("got %q, %v; want %q", got.Value, err, tt.want)
		}
	}
}

func TestErrors(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/fails":
			w.WriteHeader(http.StatusInternalServerError)
		case "/moved":
			w.WriteHeader(http.StatusNotModified)
		case "/slow":
			<-r.Context().Done()
		case "/large":
			_, _ = io.Copy(w, io.LimitReader(zeros{}, maxBody+1))
		}
	}))
	defer server.Close()
	tests := []struct {
		spec v1alpha1.WebMetric
		want string
	}{
		{v1alpha1.WebMetric{URL: server.URL + "/fails"}, "received non 2xx response code: 500"},
		{v1alpha1.WebMetric{URL: server.URL + "/moved"}, "received non 2xx response code: 304"},
		{v1alpha1.WebMetric{URL: server.URL + "/slow", TimeoutSeconds: 1}, "context deadline exceeded"},
		{v1alpha1.WebMetric{URL: server.URL + "/large"}, "the answer has more than 10485760 bytes"},
		{v1alpha1.WebMetric{URL: "http://127.0.0.1:1"}, "connection refused"},
		{v1alpha1.WebMetric{URL: "server/path"}, `url "server/path" is not a URL with a scheme and a host`},
		{v1alpha1.WebMetric{URL: "http://a b"}, "is not a URL"},
		{v1alpha1.WebMetric{URL: server.URL, Body: "x"}, "a GET request has no body"},
		{v1alpha1.WebMetric{URL: server.URL, Method: "POST", Body: "x", JSONBody: &apiextensionsv1.JSON{Raw: []byte("1")}}, "only one of body and jsonBody"},
		{v1alpha1.WebMetric{URL: server.URL, Method: "DELETE"}, `method "DELETE": only GET, POST and PUT`},
		{v1alpha1.WebMetric{URL: server.URL, TimeoutSeconds: -1}, "timeout must be > 0, got -1"},
	}
	for _, tt := range tests {
		if _, err := measure(tt.spec, ""); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s %s: got %v, want %s", tt.spec.Method, tt.spec.URL, err, tt.want)
		}
	}
}

// zeros is an endless answer.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '0'
	}
	return len(p), nil
}

// inProcess answers without a network, as the simulator does.
type inProcess string

func (p inProcess) RoundTrip(*http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	_, _ = io.WriteString(w, string(p))
	return w.Result(), nil
}

// FuzzAnswers: whatever a server sends and whatever path is asked for, it is a
// measurement or an error.
func FuzzAnswers(f *testing.F) {
	f.Add(`{"a": [1, {"b": null}]}`, "{$.a[*].b}")
	f.Add("text", "")
	f.Add(`[[1]]`, "{[0][0]}")
	f.Add(`{"a": 1}`, "{range $.a}{@}{end}")
	f.Add(`{"a": 1}`, "a{.a}b")
	f.Fuzz(func(t *testing.T, body, path string) {
		got, err := measureThrough(inProcess(body), v1alpha1.WebMetric{URL: "http://x", JSONPath: path}, "result == 1")
		if err == nil && !got.Phase.Completed() {
			t.Errorf("%q at %q: %+v", body, path, got)
		}
	})
}

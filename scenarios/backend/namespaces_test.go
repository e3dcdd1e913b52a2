package backend

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// echo answers with what it was asked.
type echo struct{ path, body string }

func (e *echo) RoundTrip(r *http.Request) (*http.Response, error) {
	body := ""
	if r.Body != nil {
		data, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		body = string(data)
	}
	e.path, e.body = r.URL.Path, body
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}, nil
}

// Names of namespaces are translated where they are names of namespaces, and
// back.
func TestNamespacesAreTranslated(t *testing.T) {
	for text, want := range map[string]string{
		`{"namespace":"istio"}`:                                                    `{"namespace":"istio-zq7x"}`,
		`{"host":"reviews.istio.svc.cluster.local"}`:                               `{"host":"reviews.istio-zq7x.svc.cluster.local"}`,
		`{"host":"reviews.istio"}`:                                                 `{"host":"reviews.istio-zq7x"}`,
		`{"url":"http://reviews.istio:9080/x"}`:                                    `{"url":"http://reviews.istio-zq7x:9080/x"}`,
		`{"value":"{{args.service}}.istio.svc"}`:                                   `{"value":"{{args.service}}.istio-zq7x.svc"}`,
		`{"apiVersion":"networking.istio.io/v1"}`:                                  `{"apiVersion":"networking.istio.io/v1"}`,
		`{"query":"sum(x{destination_service_namespace=\"istio\"})"}`:              `{"query":"sum(x{destination_service_namespace=\"istio-zq7x\"})"}`,
		`{"query":"x{service=~\"a.istio.svc.cluster.local\",reporter=\"istio\"}"}`: `{"query":"x{service=~\"a.istio-zq7x.svc.cluster.local\",reporter=\"istio\"}"}`,
		`{"query":"rate(istio_requests_total{reporter=\"source\"}[1m])"}`:          `{"query":"rate(istio_requests_total{destination_service_namespace=~'.*-zq7x',reporter=\"source\"}[1m])"}`,
		`{"address":"http://prometheus.istio-system:9090"}`:                        `{"address":"http://prometheus.istio-system:9090"}`,
		`{"name":"istio"}`:                                                         `{"name":"istio"}`,
	} {
		server := &echo{}
		var made []string
		n := &namespaces{next: server, tag: tagOf(7), keep: []string{"istio-system"}, known: map[string]*nameRule{}, prepare: func(name string) error {
			made = append(made, name)
			return nil
		}}
		r, err := http.NewRequest(http.MethodPost, "http://x/api/v1/namespaces/istio/pods", strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := n.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		back, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		if server.body != want || string(back) != text || server.path != "/api/v1/namespaces/istio-zq7x/pods" {
			t.Errorf("%s\n sent %s to %s\n back %s", text, server.body, server.path, back)
		}
		if len(made) != 1 || made[0] != "istio-zq7x" {
			t.Errorf("namespaces made: %q", made)
		}
	}
}

// Hosts that a scenario serves are renamed in URLs and as values of arguments.
func TestServedHostsAreTranslated(t *testing.T) {
	n := &namespaces{tag: tagOf(7), known: map[string]*nameRule{}}
	if got := n.serve("judge"); got != "judge-zq7x" {
		t.Errorf("served as %s", got)
	}
	n.serve("*.example.com")
	for text, want := range map[string]string{
		`{"url":"http://judge/x"}`:               `{"url":"http://judge-zq7x/x"}`,
		`{"url":"http://a.example.com:80/?q=1"}`: `{"url":"http://a.example.com-zq7x:80/?q=1"}`,
		`{"name":"host","value":"judge"}`:        `{"name":"host","value":"judge-zq7x"}`,
		`{"last":"{\"value\":\"judge\"}"}`:       `{"last":"{\"value\":\"judge-zq7x\"}"}`,
		`{"name":"judge"}`:                       `{"name":"judge"}`,
		`{"url":"http://judges/"}`:               `{"url":"http://judges/"}`,
	} {
		if got := string(n.outward([]byte(text))); got != want {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
}

// Tags are found again, and only tags.
func TestNumberOf(t *testing.T) {
	for namespace, want := range map[string]int{
		"default-" + tagOf(1): 1, "istio-" + tagOf(120): 120, "default": 0, "zq7x": 0, "a-zqx": 0, "a-zq7x-b": 0,
		"a-zq99999999999999999999x": 0,
	} {
		if got := NumberOf(namespace); got != want {
			t.Errorf("%s: %d, want %d", namespace, got, want)
		}
	}
}

package manager

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// answering answers each request in the same way, and keeps the last.
type answering struct {
	code       int
	kind, body string
	last       *http.Request
}

func (a *answering) RoundTrip(r *http.Request) (*http.Response, error) {
	a.last = r
	return &http.Response{StatusCode: a.code, Header: http.Header{"Content-Type": {a.kind}}, Body: io.NopCloser(strings.NewReader(a.body)), ContentLength: int64(len(a.body))}, nil
}

func TestLean(t *testing.T) {
	const (
		status  = "https://api:6443/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web/status"
		partial = `{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":{"name":"web"}}`
	)
	for name, c := range map[string]struct {
		method, url, kind string
		code              int
		body, want        string
		accept            string
	}{
		"a status":                {"PUT", status, "application/json", 200, partial, `{"kind":"Rollout","apiVersion":"argoproj.io/v1alpha1","metadata":{"name":"web"}}`, onlyMetadata},
		"a whole answer":          {"PUT", status, "application/json", 200, `{"kind":"Rollout"}`, `{"kind":"Rollout"}`, onlyMetadata},
		"a conflict":              {"PUT", status, "application/json", 409, `{"kind":"Status"}`, `{"kind":"Status"}`, onlyMetadata},
		"a status behind a proxy": {"PUT", strings.Replace(status, "/apis", "/k8s/apis", 1), "application/json", 200, partial, `{"kind":"Rollout","apiVersion":"argoproj.io/v1alpha1","metadata":{"name":"web"}}`, onlyMetadata},
		"a Rollout":               {"PUT", strings.TrimSuffix(status, "/status"), "application/json", 200, partial, partial, ""},
		"a look":                  {"GET", status, "application/json", 200, partial, partial, ""},
	} {
		server := &answering{code: c.code, kind: c.kind, body: c.body}
		r, err := http.NewRequest(c.method, c.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := lean{server}.RoundTrip(r)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		body, err := io.ReadAll(res.Body)
		if err != nil || string(body) != c.want {
			t.Errorf("%s: got %s, %v; want %s", name, body, err, c.want)
		}
		if got := server.last.Header.Get("Accept"); got != c.accept || r.Header.Get("Accept") != "" {
			t.Errorf("%s: accepts %q, and of the caller's request %q; want %q and nothing", name, got, r.Header.Get("Accept"), c.accept)
		}
	}
}

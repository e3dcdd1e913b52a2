package mesh

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

func TestQualify(t *testing.T) {
	for host, want := range map[string]string{
		"reviews":                          "reviews.istio.svc.cluster.local",
		"reviews.istio":                    "reviews.istio",
		"reviews.prod.svc.cluster.local":   "reviews.prod.svc.cluster.local",
		"*":                                "*",
		"*.example.com":                    "*.example.com",
		"":                                 "",
		"silly-demo.34.139.252.110.nip.io": "silly-demo.34.139.252.110.nip.io",
	} {
		if got := qualify(host, "istio"); got != want {
			t.Errorf("%q: %q, want %q", host, got, want)
		}
	}
	if key, ok := serviceOf("reviews.istio.svc.cluster.local"); !ok || key != (types.NamespacedName{Namespace: "istio", Name: "reviews"}) {
		t.Errorf("%v %v", key, ok)
	}
	if _, ok := serviceOf("reviews.istio"); ok {
		t.Error("half a name is a Service")
	}
}

// Which VirtualService and which subset count when several could.
func TestPrecedence(t *testing.T) {
	f := canary(t, Options{Propagation: -1})
	vs := func(name, host, to string) {
		f.apply(`{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: ` + name + `}, spec: {hosts: ["` + host + `"], http: [{route: [{destination: {host: ` + to + `}}]}]}}`)
	}
	ask := func() string {
		t.Helper()
		got, err := f.mesh.Do(Request{Client: shell, URL: "mock-server-stable:8080"})
		f.must(err)
		return got.Version
	}
	f.must(f.c.Delete(t.Context(), &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": map[string]any{"namespace": "default", "name": "mock-server"},
	}}))
	f.settle()
	vs("all", "*", "mock-server-canary")
	if got := ask(); got != "2.0.0" {
		t.Errorf("a wildcard: %s", got)
	}
	f.sleep(2 * time.Second)
	vs("younger", "mock-server-stable", "mock-server-stable")
	if got := ask(); got != "1.0.0" {
		t.Errorf("an exact host against an older wildcard: %s", got)
	}
	f.sleep(2 * time.Second)
	vs("a-youngest", "mock-server-stable", "mock-server-canary")
	if got := ask(); got != "1.0.0" {
		t.Errorf("two exact hosts: %s, want that of the older", got)
	}
}

func TestMatch(t *testing.T) {
	request := Request{
		Method: "POST", URL: "http://reviews.istio:9080/API/v1/items?user=jason&x=",
		Header: map[string][]string{"Cookie": {"type=insider"}, "X-Beta": {"1"}},
	}
	from := &origin{namespace: "default", labels: map[string]string{"app": "shell", "version": "v1"}}
	to, err := request.target()
	if err != nil {
		t.Fatal(err)
	}
	for match, want := range map[string]bool{
		`{}`:                                true,
		`{"uri":{"exact":"/API/v1/items"}}`: true,
		`{"uri":{"prefix":"/api"}}`:         false,
		`{"uri":{"prefix":"/api"},"ignoreUriCase":true}`:                         true,
		`{"uri":{"regex":"/API/.*"}}`:                                            true,
		`{"uri":{"regex":"API"}}`:                                                false,
		`{"uri":{"regex":"("}}`:                                                  false,
		`{"method":{"exact":"POST"}}`:                                            true,
		`{"method":{"exact":"GET"}}`:                                             false,
		`{"scheme":{"exact":"http"},"authority":{"exact":"reviews.istio:9080"}}`: true,
		`{"port":9080}`:                                                          true,
		`{"port":80}`:                                                            false,
		`{"headers":{"cookie":{"regex":"^(.*?;)?(type=insider)(;.*)?$"}}}`:       true,
		`{"headers":{"cookie":{"exact":"x"}}}`:                                   false,
		`{"headers":{"x-beta":{}}}`:                                              true,
		`{"headers":{"x-alpha":{}}}`:                                             false,
		`{"withoutHeaders":{"x-beta":{}}}`:                                       false,
		`{"withoutHeaders":{"x-alpha":{}}}`:                                      true,
		`{"withoutHeaders":{"x-beta":{"exact":"2"}}}`:                            true,
		`{"queryParams":{"user":{"exact":"jason"}}}`:                             true,
		`{"queryParams":{"x":{}}}`:                                               true,
		`{"queryParams":{"y":{}}}`:                                               false,
		`{"sourceLabels":{"app":"shell"}}`:                                       true,
		`{"sourceLabels":{"app":"x"}}`:                                           false,
		`{"sourceNamespace":"default"}`:                                          true,
		`{"sourceNamespace":"istio"}`:                                            false,
		`{"gateways":["mesh"]}`:                                                  true,
		`{"gateways":["istio/bookinfo-gateway"]}`:                                false,
	} {
		var v any
		if err := json.Unmarshal([]byte(match), &v); err != nil {
			t.Fatal(err)
		}
		m := parseHTTPMatch(node{v})
		if got := m.matches(&to, from); got != want {
			t.Errorf("%s: %v", match, got)
		}
	}
}

func TestMirrorsAreRead(t *testing.T) {
	for text, want := range map[string][]float64{
		`{"mirror":{"host":"a"}}`:                                                                          {1},
		`{"mirror":{"host":"a"},"mirrorPercentage":{"value":35}}`:                                          {0.35},
		`{"mirror":{"host":"a"},"mirrorPercent":10}`:                                                       {0.1},
		`{"mirrors":[{"destination":{"host":"a"}},{"destination":{"host":"b"},"percentage":{"value":0}}]}`: {1, 0},
		`{}`: nil,
	} {
		var v any
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		var got []float64
		for _, m := range parseHTTPRoute(node{v}, "ns").mirrors {
			got = append(got, m.share)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", text, d)
		}
	}
}

// Whatever a VirtualService or a DestinationRule contains, reading and asking it
// ends, and no weight is negative.
func FuzzObjects(f *testing.F) {
	f.Add(`{"spec":{"hosts":["a"],"http":[{"match":[{"uri":{"prefix":"/"}}],"route":[{"destination":{"host":"a","subset":"b","port":{"number":80}},"weight":80}]}]}}`)
	f.Add(`{"spec":{"host":"a","subsets":[{"name":"v1","labels":{"version":"v1"}}]}}`)
	f.Add(`{"spec":{"hosts":[1],"http":{"match":[]},"tcp":[{"route":[{"weight":-1},{"weight":1e300}]}],"tls":[{"match":[{"sniHosts":["*"],"port":"x"}]}]}}`)
	f.Fuzz(func(t *testing.T, text string) {
		u := &unstructured.Unstructured{}
		if json.Unmarshal([]byte(text), &u.Object) != nil {
			t.Skip()
		}
		vs := parseVirtualService(u)
		parseDestinationRule(u)
		to := target{host: "a", authority: "a", path: "/", port: 80}
		for i := range vs.http {
			vs.http[i].takes(&to, &origin{})
		}
		for _, r := range append(vs.tcp, vs.tls...) {
			r.takes(&to, &origin{})
			for _, w := range r.destinations {
				if w.weight < 0 || w.weight > heaviest {
					t.Errorf("weight %d", w.weight)
				}
			}
		}
	})
}

// A URL is refused or has a host and a port.
func FuzzURL(f *testing.F) {
	for _, url := range []string{"mock-server:8080/status/200", "http://a?fail=true", "tcp://db:5432", "https://x", "http://[::1]:80/", ":", "a:b", "%"} {
		f.Add(url)
	}
	f.Fuzz(func(t *testing.T, url string) {
		r := Request{URL: url}
		if to, err := r.target(); err == nil && (to.host == "" || to.port < 0 || to.path == "") {
			t.Errorf("%+v", to)
		}
	})
}

package dataplane

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/durationpb"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/aviary-rollouts/aviary/e2e/dataplane/directory"
)

// route reads a route that is written as Envoy's JSON.
func (f *meshFixture) route(text string) *routev3.Route {
	f.Helper()
	var r routev3.Route
	if err := protojson.Unmarshal([]byte(text), &r); err != nil {
		f.Fatal(err)
	}
	return &r
}

// What a proxy answers itself, and what it changes on the way.
func TestActions(t *testing.T) {
	f := newMesh(t)
	one := f.backend("1.0.0")
	f.endpoints(map[string][]*backend{stable: {one}, canary: nil})
	late := split(stable, 1)
	late.Match.PathSpecifier = &routev3.RouteMatch_Prefix{Prefix: "/late"}
	late.GetRoute().Timeout = durationpb.New(50 * time.Millisecond)
	f.routes(
		late,
		f.route(`{"match": {"path": "/direct"}, "direct_response": {"status": 418, "body": {"inline_string": "teapot"}}, "response_headers_to_add": [{"header": {"key": "x-made", "value": "proxy"}}]}`),
		f.route(`{"match": {"path": "/moved"}, "redirect": {"host_redirect": "other", "response_code": "FOUND"}}`),
		f.route(`{"match": {"path": "/fault"}, "route": {"cluster": "`+stable+`"}, "typed_per_filter_config": {"envoy.filters.http.fault": {
			"@type": "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault", "abort": {"http_status": 555, "percentage": {"numerator": 100}}}}}`),
		f.route(`{"match": {"prefix": "/api/"}, "route": {"cluster": "`+stable+`", "prefix_rewrite": "/status/", "host_rewrite_literal": "inner"}, "response_headers_to_add": [{"header": {"key": "x-made", "value": "proxy"}}]}`),
		f.route(`{"match": {"path": "/empty"}, "route": {"cluster": "`+canary+`"}}`),
		f.route(`{"match": {"path": "/missing"}, "route": {"cluster": "outbound|80||gone.default.svc.cluster.local"}}`))
	for _, tc := range []struct {
		path        string
		status      int
		text, flags string
		header      string // a header of the answer
	}{
		{"/direct", 418, "teapot", "-", "X-Made: proxy"},
		{"/moved", 302, "", "-", "Location: http://other/moved"},
		{"/fault", 555, "fault filter abort", "FI", "Server: envoy"},
		{"/api/201", 201, "1.0.0", "-", "X-Made: proxy"},
		{"/empty", 503, "no healthy upstream", "UH", "Server: envoy"},
		{"/missing", 503, "", "NC", "Server: envoy"},
		{"/late", 504, "upstream request timeout", "UT", "Server: envoy"},
		{"/elsewhere", 404, "", "NR", "Server: envoy"},
	} {
		answer, err := f.plane.Transport("default/shell").RoundTrip(httptest.NewRequest(http.MethodGet, "http://mock-server:8080"+tc.path, nil))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		name, value, _ := strings.Cut(tc.header, ": ")
		if answer.StatusCode != tc.status || strings.TrimSpace(string(text)) != tc.text || answer.Header.Get(name) != value {
			t.Errorf("%s: %d %q %v", tc.path, answer.StatusCode, text, answer.Header)
		}
		if got := f.value("istio_requests_total", map[string]string{"reporter": "source", "response_code": fmt.Sprint(tc.status), "response_flags": tc.flags}); got != 1 {
			t.Errorf("%s is counted %v times", tc.path, got)
		}
	}
	f.get("default/shell", "http://mock-server:8080/api/200")
	if got := one.lastRequest(); got[1] != "inner" || got[2] != "/status/200" {
		t.Errorf("the application got %q", got)
	}
}

// A refused connection is tried on another endpoint; if there is none, the client
// is told.
func TestRetries(t *testing.T) {
	f := newMesh(t)
	dead, one := f.backend("dead"), f.backend("1.0.0")
	if err := dead.server.Close(); err != nil {
		t.Fatal(err)
	}
	f.endpoints(map[string][]*backend{stable: {dead, one}, canary: {dead}})
	f.routes(whenHeader(split(canary, 1), "x-canary", "yes"), split(stable, 1))
	for range 200 {
		if status, _ := f.get("default/shell", target); status != http.StatusOK {
			t.Fatalf("status %d", status)
		}
	}
	if status, text := f.get("default/shell", target, "X-Canary", "yes"); status != 503 || !strings.Contains(text, "connection failure") {
		t.Errorf("all endpoints are dead: %d %s", status, text)
	}
	if got := f.value("istio_requests_total", map[string]string{"response_flags": "UF"}); got != 1 {
		t.Errorf("%v requests with UF", got)
	}
}

// A pod that comes after its first request, or in place of another of its name,
// is known by its labels from then on.
func TestSourceComesLater(t *testing.T) {
	f := newMesh(t)
	f.endpoints(map[string][]*backend{stable: {f.backend("1.0.0")}, canary: nil})
	f.routes(split(stable, 1))
	f.get("default/shell", target)
	f.pods.add(&corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "shell", UID: "1", Labels: map[string]string{"app": "console"}},
		Status:     corev1.PodStatus{PodIP: "10.244.9.9"},
	})
	f.get("default/shell", target)
	if got := f.value("istio_requests_total", map[string]string{"source_app": "console", "app": "console", "instance": "10.244.9.9:15020"}); got != 1 {
		t.Errorf("%v requests of the pod", got)
	}
	if got := f.server.Streams(); got != 2 {
		t.Errorf("%d streams", got)
	}
}

// Without a sidecar, a name is a Service: any ready endpoint answers.
func TestServices(t *testing.T) {
	f := newMesh(t)
	one, two := f.backend("1.0.0"), f.backend("2.0.0")
	port, name := int32(netip.MustParseAddrPort(one.address).Port()), ""
	second := int32(netip.MustParseAddrPort(two.address).Port())
	slice := func(n string, b *backend, p *int32) *discoveryv1.EndpointSlice {
		return &discoveryv1.EndpointSlice{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: n, Labels: map[string]string{discoveryv1.LabelServiceName: "mock-server"}},
			Ports:      []discoveryv1.EndpointPort{{Name: &name, Port: p}},
			Endpoints:  []discoveryv1.Endpoint{{Addresses: []string{b.pod.Status.PodIP}}},
		}
	}
	pods, err := directory.New(fake.NewClientset(
		&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "mock-server"}, Spec: corev1.ServiceSpec{ClusterIP: "10.96.0.7", Ports: []corev1.ServicePort{{Port: 8080}}}},
		&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "empty"}, Spec: corev1.ServiceSpec{ClusterIP: "10.96.0.8", Ports: []corev1.ServicePort{{Port: 80}}}},
		slice("a", one, &port), slice("b", two, &second)))
	if err != nil {
		t.Fatal(err)
	}
	if err := pods.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	plane, err := New(Options{Directory: pods})
	if err != nil {
		t.Fatal(err)
	}
	defer plane.Close()
	f.plane = plane
	for range 100 {
		f.get("", "http://mock-server.default:8080/")
		f.get("default/shell", "http://mock-server:8080/")
	}
	if a, b := one.served.Load(), two.served.Load(); a < 60 || b < 60 {
		t.Errorf("%d and %d of 200", a, b)
	}
	for to, want := range map[string]string{
		"http://mock-server.default:81/": "send to mock-server.default:81: connection refused: Service default/mock-server has no port 81",
		"http://empty.default/":          "send to empty.default: connection refused: Service default/empty has no ready endpoint",
		"http://nobody:80/":              "send to nobody:80: could not resolve host: nobody",
		"https://empty.default/":         `send to empty.default: scheme "https": the data plane reads requests in the clear only: use http`,
		"http://empty:99999/":            `send to empty:99999: port "99999" is none from 1 to 65535`,
	} {
		r, err := http.NewRequest(http.MethodGet, to, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := plane.Transport("").RoundTrip(r); err == nil || err.Error() != want {
			t.Errorf("%s: %v", to, err)
		}
	}
}

// CONNECT leads to an address, past the routes.
func TestTunnel(t *testing.T) {
	f := newMesh(t)
	one := f.backend("1.0.0")
	f.plane.opts.Map = map[string]string{"secret.example.org:443": one.Address()}
	proxy := httptest.NewServer(f.plane.Proxy())
	defer proxy.Close()
	connect := func(to string) (net.Conn, *bufio.Reader, string) {
		t.Helper()
		connection, err := net.Dial("tcp", proxy.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { connection.Close() })
		fmt.Fprintf(connection, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", to, to)
		reader := bufio.NewReader(connection)
		answer, err := http.ReadResponse(reader, &http.Request{Method: http.MethodConnect})
		if err != nil {
			t.Fatal(err)
		}
		text := ""
		if answer.StatusCode != http.StatusOK {
			body, err := io.ReadAll(answer.Body)
			if err != nil {
				t.Fatal(err)
			}
			text = string(body)
		}
		return connection, reader, text
	}
	connection, reader, _ := connect("secret.example.org:443")
	fmt.Fprint(connection, "GET /status/200 HTTP/1.1\r\nHost: x\r\n\r\n")
	answer, err := http.ReadResponse(reader, nil)
	if err != nil || answer.StatusCode != http.StatusOK || answer.Header.Get("X-Version") != "1.0.0" {
		t.Errorf("%v %v", answer, err)
	}
	if _, _, text := connect("nobody:443"); !strings.Contains(text, `connect to "nobody:443": could not resolve host: nobody`) {
		t.Error(text)
	}
}

func TestOptions(t *testing.T) {
	if _, err := New(Options{}); err == nil || !strings.Contains(err.Error(), "Options.Directory") {
		t.Errorf("%v", err)
	}
	if _, err := New(Options{Directory: &pods{}, Map: map[string]string{"prometheus": "127.0.0.1:9090"}}); err == nil || !strings.Contains(err.Error(), "HOST:PORT=ADDRESS:PORT") {
		t.Errorf("%v", err)
	}
	for _, name := range []string{"shell", "/shell", "default/", "a/b/c"} {
		if _, _, err := parseSource(name); err == nil {
			t.Errorf("source %q is accepted", name)
		}
	}
	if key, gateway, err := parseSource("gateway/ingressgateway"); err != nil || !gateway || key.String() != "istio-system/istio-ingressgateway" {
		t.Errorf("%v %v %v", key, gateway, err)
	}
}

// Without an answer of istiod a request fails, and says why.
func TestNoIstiod(t *testing.T) {
	plane, err := New(Options{Istiod: "127.0.0.1:1", Directory: &pods{}, FirstConfig: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer plane.Close()
	_, err = plane.Transport("default/shell").RoundTrip(httptest.NewRequest(http.MethodGet, target, nil))
	if err == nil || !strings.Contains(err.Error(), "wait for the configuration of the proxy") {
		t.Errorf("%v", err)
	}
}

// BenchmarkRequest is one request through the data plane, with an application
// that answers at once.
func BenchmarkRequest(b *testing.B) {
	f := newMesh(b)
	f.endpoints(map[string][]*backend{stable: {f.backend("1.0.0")}, canary: {f.backend("2.0.0")}})
	f.routes(split(stable, 80, canary, 20))
	f.get("default/shell", target)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if status, _ := f.get("default/shell", target); status != http.StatusOK {
				b.Errorf("status %d", status)
			}
		}
	})
}

package mesh

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/aviary-rollouts/aviary/sim/kernel"
)

func TestHostLevelSplit(t *testing.T) {
	f := canary(t, Options{})
	l := f.load("http://mock-server-stable:8080/status/200", 50)
	f.sleep(10 * time.Second)
	if d := cmp.Diff(map[string]int64{"1.0.0": 400, "2.0.0": 100}, f.counts()); d != "" {
		t.Errorf("80/20: %s", d)
	}
	f.weights(60, 40)
	f.sleep(100 * time.Millisecond) // the proxies do not know yet
	f.sleep(10 * time.Second)
	f.weights(100, 0)
	f.sleep(10*time.Second - 100*time.Millisecond)
	// 80/20 for 10.1 s, 60/40 for 10.1 s, 100/0 for the rest of 30 s.
	if d := cmp.Diff(map[string]int64{"1.0.0": 404 + 303 + 490, "2.0.0": 101 + 202}, f.counts()); d != "" {
		t.Errorf("80/20, 60/40, 100/0: %s", d)
	}
	if got := l.Count(); got != (Count{Requests: 1500}) {
		t.Errorf("the sender counts %+v", got)
	}
	r := f.mesh.Report()
	var hosts []string
	for _, d := range r.Destinations {
		hosts = append(hosts, fmt.Sprint(d.Host, " ", d.Requests))
	}
	want := []string{"mock-server-canary.default.svc.cluster.local 303", "mock-server-stable.default.svc.cluster.local 1197"}
	if d := cmp.Diff(want, hosts); d != "" {
		t.Error(d)
	}
	if v := r.Versions[1]; v.Hash != "7c6fcfb847" || v.Workload != "mock-server" || math.Abs(v.Peak-0.4) > 0.01 || math.Abs(v.Share-0.202) > 1e-9 {
		t.Errorf("canary: %+v", v)
	}
	if len(r.Timeline) != 3 || r.Timeline[1].Start != start.Add(10*time.Second) || r.Timeline[0].Versions[1].Requests != 100 {
		t.Errorf("timeline: %+v", r.Timeline)
	}
}

// A load tells how its requests were divided: from each time on at which it sent
// something, each way of dividing once in a row.
func TestDivisions(t *testing.T) {
	f := canary(t, Options{Propagation: -1})
	l, err := f.mesh.Start(Source{Request: Request{Client: shell, URL: "http://mock-server-stable:8080/"}, Rate: 0.5, Divided: true})
	if err != nil {
		t.Fatal(err)
	}
	f.sleep(10 * time.Second)
	f.weights(60, 40)
	f.weights(0, 100) // before anything is sent
	f.sleep(4 * time.Second)
	f.weights(80, 20)
	f.sleep(10 * time.Second)
	want := []Division{
		{start.Add(time.Second), []float64{0.8, 0.2}}, {start.Add(11 * time.Second), []float64{0, 1}}, {start.Add(15 * time.Second), []float64{0.8, 0.2}},
	}
	if d := cmp.Diff(want, l.Divisions()); d != "" {
		t.Error(d)
	}
}

// Case 2.2.9: subsets for stable and canary, Services for the experiment.
func TestExperimentSplit(t *testing.T) {
	f := newFake(t, Options{})
	for _, name := range []string{"mock-server", "mock-server-experiment-stable", "mock-server-experiment-canary"} {
		f.service(name, 8080)
	}
	stable := f.pods("mock-server-5f59cc96", "1.0.0", 5)
	canary := f.pods("mock-server-789cf554d9", "2.0.0", 1)
	f.endpoints("mock-server", append(stable, canary...)...)
	f.endpoints("mock-server-experiment-stable", f.pods("mock-server-789cf554d9-2-0-stable", "1.0.0-trial", 1)...)
	f.endpoints("mock-server-experiment-canary", f.pods("mock-server-789cf554d9-2-0-canary", "2.0.0-trial", 1)...)
	for _, version := range []string{"v1alpha3", "v1"} {
		f.apply(`
apiVersion: networking.istio.io/` + version + `
kind: VirtualService
metadata: {name: mock-server}
spec:
  hosts: [mock-server]
  http:
  - name: primary
    route:
    - {destination: {host: mock-server, subset: stable}, weight: 60}
    - {destination: {host: mock-server, subset: canary}, weight: 0}
    - {destination: {host: mock-server-experiment-stable}, weight: 20}
    - {destination: {host: mock-server-experiment-canary}, weight: 20}
`)
		f.apply(`
apiVersion: networking.istio.io/` + version + `
kind: DestinationRule
metadata: {name: mock-server}
spec:
  host: mock-server
  subsets:
  - {name: stable, labels: {app: mock-server, rollouts-pod-template-hash: 5f59cc96}}
  - {name: canary, labels: {app: mock-server, rollouts-pod-template-hash: 789cf554d9}}
`)
	}
	f.load("mock-server:8080", 7)
	f.sleep(100 * time.Second)
	if d := cmp.Diff(map[string]int64{"1.0.0": 420, "1.0.0-trial": 140, "2.0.0-trial": 140}, f.counts()); d != "" {
		t.Error(d)
	}
	r := f.mesh.Report()
	if w := r.Versions[len(r.Versions)-1].Workload; w != "mock-server-789cf554d9-2-0-canary" {
		t.Errorf("workload of the experiment: %s", w)
	}
}

// A destination without a port has the one that a request came to. A sidecar
// loses what comes to a port that the destination has not, as Istio's do; a
// gateway takes the only port that there is.
func TestPorts(t *testing.T) {
	f := newFake(t, Options{Propagation: -1})
	for name, port := range map[string]int32{"web": 80, "trial": 8080} {
		f.service(name, port)
		f.endpoints(name, f.pods(name+"-pods", "of-"+name, 1)...)
	}
	route := func(to string) {
		f.apply("{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: web}, spec: {hosts: [web, web.example.com], gateways: [mesh, front], http: [{route: [{destination: " + to + "}]}]}}")
	}
	for _, c := range []struct {
		to, url string
		inside  bool
		want    string
	}{
		{"{host: web}", "web", true, "of-web"},
		{"{host: trial}", "web", true, "NC"},
		{"{host: trial, port: {number: 8080}}", "web", true, "of-trial"},
		{"{host: trial, port: {number: 80}}", "web", true, "NC"},
		{"{host: trial}", "web.example.com", false, "of-trial"},
		{"{host: trial, port: {number: 80}}", "web.example.com", false, "NC"},
	} {
		route(c.to)
		r := Request{URL: c.url}
		if c.inside {
			r.Client = shell
		}
		got, err := f.mesh.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if got.Lost != "" {
			got.Version = got.Lost.flags()
		}
		if got.Version != c.want {
			t.Errorf("%s to %s: %+v, want %s", c.url, c.to, got, c.want)
		}
	}
}

func TestHeaderRoute(t *testing.T) {
	f := canary(t, Options{})
	f.apply(`
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: mock-server}
spec:
  hosts: [mock-server-stable]
  http:
  - name: set-header
    match:
    - headers: {agent: {prefix: Fire}, group: {exact: beta}}
    - headers: {agent: {regex: "Chrome/.*"}}
    route:
    - {destination: {host: mock-server-canary}, weight: 100}
  - name: primary
    route:
    - {destination: {host: mock-server-stable}, weight: 100}
    - {destination: {host: mock-server-canary}, weight: 0}
`)
	for _, tc := range []struct {
		header http.Header
		want   string
	}{
		{nil, "1.0.0"},
		{http.Header{"Agent": {"Firefox"}}, "1.0.0"},
		{http.Header{"Agent": {"Firefox"}, "Group": {"beta"}}, "2.0.0"},
		{http.Header{"Agent": {"Chrome/1"}}, "2.0.0"},
		{http.Header{"Agent": {"x Chrome/1"}}, "1.0.0"},
	} {
		got, err := f.mesh.Do(Request{Client: shell, URL: "mock-server-stable:8080", Header: tc.header})
		if err != nil || got.Version != tc.want || got.Status != 200 {
			t.Errorf("%v: %+v, %v, want %s", tc.header, got, err, tc.want)
		}
	}
}

func TestMirror(t *testing.T) {
	f := canary(t, Options{})
	f.apply(`
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: mock-server}
spec:
  hosts: [mock-server-stable]
  http:
  - route:
    - {destination: {host: mock-server-stable}}
    mirror: {host: mock-server-canary}
    mirrorPercentage: {value: 25}
`)
	f.mesh.SetImage("*:2.0.0", Behaviour{ErrorRate: 1})
	l := f.load("mock-server-stable:8080", 40)
	f.sleep(time.Minute)
	if got := l.Count(); got != (Count{Requests: 2400}) {
		t.Errorf("failures of copies are seen: %+v", got)
	}
	v := f.mesh.Report().Versions
	if v[0].Requests != 2400 || v[1].Requests != 0 || v[1].Mirrored != 600 {
		t.Errorf("versions: %+v", v)
	}
	f.sleep(15 * time.Second)
	if got := f.value(`sum(istio_requests_total{destination_service_name="mock-server-canary",response_code="500",reporter="destination"})`); got < 600 {
		t.Errorf("the server's proxy reports %v copies", got)
	}
}

func TestPropagationDelay(t *testing.T) {
	f := canary(t, Options{Propagation: 300 * time.Millisecond})
	f.load("mock-server-stable:8080", 1000)
	f.sleep(time.Second)
	f.weights(0, 100)
	f.sleep(time.Second)
	if d := cmp.Diff(map[string]int64{"1.0.0": 800 + 240, "2.0.0": 200 + 60 + 700}, f.counts()); d != "" {
		t.Error(d)
	}
}

// With skew a proxy hears of pods at once, of the rest later, and of no route
// before the pods that were there before it.
func TestSkew(t *testing.T) {
	f := canary(t, Options{Propagation: 10 * time.Millisecond, Skew: time.Second})
	f.load("mock-server-stable:8080", 1)
	_, err := f.mesh.Do(Request{Client: types.NamespacedName{Namespace: "default", Name: "another"}, URL: "mock-server-stable:8080"})
	f.must(err)
	delays := map[time.Duration]bool{}
	for _, p := range f.mesh.proxies {
		d := p.delay[routes]
		if p.delay[endpoints] != 10*time.Millisecond || p.delay[rules] != d || p.delay[services] != d || d < 10*time.Millisecond || d >= 1010*time.Millisecond {
			t.Errorf("delays of %s: %v", p.key, p.delay)
		}
		delays[d] = true
	}
	if len(delays) != 2 {
		t.Errorf("two proxies have the same delay: %v", delays)
	}
}

// What is lost when pods, Services and rules go: how many, when and why.
func TestLost(t *testing.T) {
	rule := func(subsets string) string {
		return `{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: mock-server}, spec: {host: mock-server-stable, subsets: [` + subsets + `]}}`
	}
	route := func(route string) string {
		return `{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: mock-server}, spec: {hosts: [mock-server-stable], http: [` + route + `]}}`
	}
	for _, tc := range []struct {
		name string
		do   func(f *fake)
		want Reason
	}{
		{"no endpoint", func(f *fake) { f.endpoints("mock-server-stable") }, NoEndpoint},
		{"dead pods", func(f *fake) {
			for i := range 5 {
				f.deletePod(fmt.Sprintf("mock-server-6579c6cc98-%d", i))
			}
		}, Unreachable},
		{"unknown host", func(f *fake) { f.apply(route(`{route: [{destination: {host: nobody}}]}`)) }, NoCluster},
		{"half a name", func(f *fake) { f.apply(route(`{route: [{destination: {host: mock-server-stable.default}}]}`)) }, NoCluster},
		{"unknown subset", func(f *fake) {
			f.apply(rule(`{name: v1, labels: {app: mock-server}}`))
			f.apply(route(`{route: [{destination: {host: mock-server-stable, subset: v2}}]}`))
		}, NoCluster},
		{"empty subset", func(f *fake) {
			f.apply(rule(`{name: v2, labels: {app: another}}`))
			f.apply(route(`{route: [{destination: {host: mock-server-stable, subset: v2}}]}`))
		}, NoEndpoint},
		{"no route", func(f *fake) {
			f.apply(route(`{match: [{uri: {prefix: /admin}}], route: [{destination: {host: mock-server-stable}}]}`))
		}, NoRoute},
		{"no weight", func(f *fake) {
			f.apply(route(`{route: [{destination: {host: mock-server-stable}, weight: 0}, {destination: {host: mock-server-canary}, weight: 0}]}`))
		}, NoWeight},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := canary(t, Options{Propagation: -1})
			f.weights(100, 0)
			l := f.load("mock-server-stable:8080", 10)
			f.sleep(5500 * time.Millisecond)
			tc.do(f)
			f.sleep(4500 * time.Millisecond)
			if got := l.Count(); got != (Count{Requests: 100, Failed: 45, Lost: 45}) {
				t.Errorf("%+v", got)
			}
			lost := f.mesh.Report().Lost
			if len(lost) != 1 || lost[0].Reason != tc.want || lost[0].Requests != 45 || !lost[0].To.Equal(start.Add(10*time.Second)) ||
				!lost[0].From.Equal(start.Add(5500*time.Millisecond)) {
				t.Fatalf("%v", lost)
			}
			if err := f.mesh.CheckLost(); err == nil || !strings.Contains(err.Error(), "09:00:05.500 to 09:00:10.000: 45 requests of default/shell to ") {
				t.Errorf("%v", err)
			}
			f.sleep(20 * time.Second)
			flags := string(tc.want[:2])
			if got := f.value(`sum(istio_requests_total{response_flags="` + flags + `"})`); got < 45 {
				t.Errorf("the client's proxy reports %v with %s", got, flags)
			}
		})
	}
}

// A pod that dies before the proxies know is tried, and then another one.
func TestRetriesReachAnotherPod(t *testing.T) {
	f := canary(t, Options{Propagation: time.Hour, Strict: true})
	f.weights(80, 20)
	f.load("mock-server-stable:8080", 100)
	f.sleep(time.Second)
	f.deletePod("mock-server-6579c6cc98-0")
	f.sleep(10 * time.Second)
	if d := cmp.Diff(map[string]int64{"1.0.0": 880, "2.0.0": 220}, f.counts()); d != "" {
		t.Error(d)
	}
}

func TestEndpointsChangeUnderLoad(t *testing.T) {
	f := canary(t, Options{Strict: true})
	stable := []string{"mock-server-6579c6cc98-0", "mock-server-6579c6cc98-1", "mock-server-6579c6cc98-2"}
	f.load("mock-server-stable:8080", 33)
	for i := range 60 {
		f.endpoints("mock-server-stable", stable[:1+i%3]...)
		f.sleep(370 * time.Millisecond)
	}
	f.sleep(time.Minute - 60*370*time.Millisecond)
	// Weights are exact although the endpoints change all the time.
	if d := cmp.Diff(map[string]int64{"1.0.0": 1584, "2.0.0": 396}, f.counts()); d != "" {
		t.Error(d)
	}
}

func TestStrict(t *testing.T) {
	f := canary(t, Options{Strict: true})
	f.load("mock-server-stable:8080", 10)
	f.sleep(time.Second)
	f.endpoints("mock-server-canary")
	f.sleep(10 * time.Second)
	f.k.Post(kernel.ClassUser, "look", func() {}) // it is noticed when something else happens
	if failure := f.k.Settle(); failure == nil || !strings.Contains(failure.Error(), "UH: the destination has no ready pod") {
		t.Errorf("%v", failure)
	}
}

func TestBehaviour(t *testing.T) {
	f := canary(t, Options{})
	f.mesh.SetImage("*:2.0.0",
		Behaviour{ErrorRate: 0.25, From: start.Add(10 * time.Second), ErrorCode: 503},
		Behaviour{ErrorRate: 1, Query: "fail=true"})
	l := f.load("mock-server-stable:8080/status/200?x=1", 100)
	f.sleep(10 * time.Second)
	if got := l.Count(); got != (Count{Requests: 1000}) {
		t.Errorf("before it begins: %+v", got)
	}
	f.sleep(10 * time.Second)
	if got := l.Count(); got != (Count{Requests: 2000, Failed: 50}) {
		t.Errorf("a quarter of a fifth of 1000: %+v", got)
	}
	l.Stop()
	bad := f.load("mock-server-stable:8080/?fail=true", 100)
	f.sleep(10 * time.Second)
	if d := cmp.Diff(map[int]int64{200: 800, 500: 200}, bad.Codes()); d != "" {
		t.Error(d)
	}
	if got := l.Count(); got.Requests != 2000 || !l.Ended() || bad.Ended() {
		t.Errorf("a stopped load goes on: %+v", got)
	}
	v := f.mesh.Report().Versions[1]
	if v.Failed != 250 || v.Lost != 0 {
		t.Errorf("the version: %+v", v)
	}
	for path, want := range map[string]int{"/status/404": 404, "/status/503": 503, "/status/999": 200, "/delay/100": 200, "": 200} {
		if got, err := f.mesh.Do(Request{Client: shell, URL: "mock-server-stable:8080" + path}); err != nil || got.Status != want {
			t.Errorf("%s: %+v, %v", path, got, err)
		}
	}
}

// TestBehaviourOfAQuery looks at whole parameters.
func TestBehaviourOfAQuery(t *testing.T) {
	f := canary(t, Options{})
	f.mesh.SetImage("*", Behaviour{ErrorRate: 1, Query: "fail=true"})
	for query, want := range map[string]int{
		"fail=true": 500, "a=1&fail=true": 500, "fail=true&b": 500, "nofail=trueish": 200, "nofail=true": 200, "fail=true1": 200, "fail": 200, "": 200,
	} {
		if got, err := f.mesh.Do(Request{Client: shell, URL: "mock-server-stable:8080/?" + query}); err != nil || got.Status != want {
			t.Errorf("%s: %d (%v), want %d", query, got.Status, err, want)
		}
	}
}

func TestGateway(t *testing.T) {
	f := canary(t, Options{})
	vs := func(name, route, canary string) {
		f.apply(`
apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata: {name: ` + name + `}
spec:
  gateways: [silly-demo-gateway]
  hosts: [silly-demo.example.com]
  http:
  - name: ` + route + `
    route:
    - {destination: {host: mock-server-stable, port: {number: 8080}}, weight: 80}
    - {destination: {host: ` + canary + `, port: {number: 8080}}, weight: 20}
`)
	}
	vs("silly-demo-2", "secondary", "nobody")
	vs("silly-demo-1", "primary", "mock-server-canary")
	versions := map[string]int{}
	for range 20 {
		got, err := f.mesh.Do(Request{URL: "http://silly-demo.example.com"})
		if err != nil {
			t.Fatal(err)
		}
		versions[got.Version]++
	}
	if d := cmp.Diff(map[string]int{"1.0.0": 16, "2.0.0": 4}, versions); d != "" {
		t.Error(d)
	}
	f.sleep(15 * time.Second)
	query := `sum(istio_requests_total{reporter="source",source_workload="istio-ingressgateway",destination_service="mock-server-stable.default.svc.cluster.local"})`
	if got := f.value(query); got != 16 {
		t.Errorf("the gateway reports %v", got)
	}
	if _, err := f.mesh.Do(Request{URL: "http://mock-server-stable:8080"}); !errors.Is(err, ErrNoHost) {
		t.Errorf("a Service is reached from outside: %v", err)
	}
}

func TestCannotConnect(t *testing.T) {
	f := canary(t, Options{})
	for _, tc := range []struct {
		url  string
		want error
		text string
	}{
		{"mock-server-stable:80/status/200", ErrNoPort, "send to mock-server-stable:80/status/200: connection refused: Service default/mock-server-stable has no port 80"},
		{"mock-server:8080", ErrNoHost, "send to mock-server:8080: could not resolve host: mock-server"},
		{"ftp://mock-server-stable:8080", nil, `scheme "ftp": use http, https or tcp`},
		{"tcp://mock-server-stable", nil, "tcp needs a port"},
		{"http://:8080", nil, "it names no host"},
		{"mock-server-stable:80800", nil, "value out of range"},
		{"http://a b", nil, "invalid character"},
	} {
		_, err := f.mesh.Do(Request{Client: shell, URL: tc.url})
		if err == nil || tc.want != nil && !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.text) {
			t.Errorf("%s: %v", tc.url, err)
		}
		if _, err := f.mesh.Start(Source{Rate: 1, Request: Request{Client: shell, URL: tc.url}}); err == nil {
			t.Errorf("%s: a load started", tc.url)
		}
	}
	for _, host := range []string{"mock-server-stable", "mock-server-stable.default", "mock-server-stable.default.svc", "mock-server-stable.default.svc.cluster.local"} {
		if got, err := f.mesh.Do(Request{Client: shell, URL: host + ":8080"}); err != nil || got.Status != 200 {
			t.Errorf("%s: %+v, %v", host, got, err)
		}
	}
	if _, err := f.mesh.Start(Source{Request: Request{Client: shell, URL: "mock-server-stable:8080"}}); err == nil {
		t.Error("a load without a rate started")
	}
}

// Without a route, a Service divides by pods: five of 1.0.0 and two of 2.0.0.
func TestPlainService(t *testing.T) {
	f := canary(t, Options{})
	f.service("all", 80)
	f.endpoints("all", "mock-server-6579c6cc98-0", "mock-server-6579c6cc98-1", "mock-server-6579c6cc98-2", "mock-server-7c6fcfb847-0")
	f.load("http://all", 10)
	f.sleep(20 * time.Second)
	if d := cmp.Diff(map[string]int64{"1.0.0": 150, "2.0.0": 50}, f.counts()); d != "" {
		t.Error(d)
	}
}

func TestL4Routes(t *testing.T) {
	f := canary(t, Options{})
	f.apply(`
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: mock-server}
spec:
  hosts: [mock-server-stable]
  tcp:
  - match: [{port: 9999}]
    route: [{destination: {host: nobody}}]
  - match: [{port: 8080}]
    route:
    - {destination: {host: mock-server-stable}, weight: 70}
    - {destination: {host: mock-server-canary}, weight: 30}
  tls:
  - match: [{port: 8080, sniHosts: ["*.example.com"]}]
    route: [{destination: {host: nobody}}]
  - match: [{sniHosts: [mock-server-stable]}]
    route: [{destination: {host: mock-server-canary}}]
`)
	f.load("tcp://mock-server-stable:8080", 10)
	tls := f.load("https://mock-server-stable:8080", 1)
	f.sleep(30 * time.Second)
	if d := cmp.Diff(map[string]int64{"1.0.0": 210, "2.0.0": 90 + 30}, f.counts()); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(map[int]int64{0: 30}, tls.Codes()); d != "" {
		t.Error(d)
	}
	f.sleep(15 * time.Second)
	if got := f.value(`sum(istio_tcp_connections_opened_total{reporter="source",request_protocol="tcp",destination_service_name="mock-server-canary"})`); got < 90 {
		t.Errorf("the proxy reports %v connections", got)
	}
}

func TestRedirectAndDirectResponse(t *testing.T) {
	f := canary(t, Options{})
	f.apply(`
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: mock-server}
spec:
  hosts: [mock-server-stable]
  http:
  - match: [{uri: {exact: /old}}]
    redirect: {uri: /new}
  - match: [{uri: {exact: /gone}}]
    directResponse: {status: 410}
`)
	for path, want := range map[string]Response{"/old": {Status: 301}, "/gone": {Status: 410}, "/": {Status: 404, Lost: NoRoute}} {
		got, err := f.mesh.Do(Request{Client: shell, URL: "mock-server-stable:8080" + path})
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", path, got, err)
		}
	}
}

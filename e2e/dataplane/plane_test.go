package dataplane

import (
	"context"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aviary-rollouts/aviary/internal/clock"
)

const target = "http://mock-server:8080/status/200"

// within fails if a count is more than five standard deviations of a binomial
// distribution away from its mean: by chance that happens once in a million.
func within(t *testing.T, what string, got, n int64, share float64) {
	t.Helper()
	mean := float64(n) * share
	if bound := 5 * math.Sqrt(mean*(1-share)); math.Abs(float64(got)-mean) > bound {
		t.Errorf("%s: %d of %d, want %.0f +- %.0f", what, got, n, mean, bound)
	}
}

// eventually waits until something holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for range 2000 {
		if holds() {
			return
		}
		if err := clock.Wait(t.Context(), 5*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatalf("it never came true that %s", what)
}

func TestWeightsHeadersAndMirrors(t *testing.T) {
	f := newMesh(t)
	one, two, three, copies := f.backend("1.0.0"), f.backend("1.0.0"), f.backend("2.0.0"), f.backend("3.0.0")
	const shadows = "outbound|8080||shadow.default.svc.cluster.local"
	f.setClusters(stable, canary, shadows)
	f.endpoints(map[string][]*backend{stable: {one, two}, canary: {three}, shadows: {copies}})
	f.routes(
		whenHeader(split(canary, 1), "x-canary", "yes"),
		mirrored(split(stable, 80, canary, 20), shadows, 50))
	const n = 10_000
	for range n {
		if status, _ := f.get("default/shell", target); status != http.StatusOK {
			t.Fatalf("status %d", status)
		}
	}
	within(t, "canary", three.served.Load(), n, 0.2)
	within(t, "the first pod of stable", one.served.Load(), n, 0.4)
	if got := one.served.Load() + two.served.Load() + three.served.Load(); got != n {
		t.Errorf("%d requests were served, want %d", got, n)
	}
	eventually(t, "half of the requests are copied", func() bool { return copies.served.Load() > n*48/100 })
	within(t, "copies", copies.served.Load(), n, 0.5)
	for range 500 {
		if _, version := f.get("default/shell", target, "X-Canary", "yes"); version != "2.0.0" {
			t.Fatalf("a request with the header went to %s", version)
		}
	}
}

// A mirror gets the method, the path and the body, and the name of the host with
// a mark.
func TestMirrorOfABody(t *testing.T) {
	f := newMesh(t)
	one, two := f.backend("1.0.0"), f.backend("2.0.0")
	f.endpoints(map[string][]*backend{stable: {one}, canary: {two}})
	f.routes(mirrored(split(stable, 1), canary, 100))
	body := strings.Repeat("order ", 1000)
	r := httptest.NewRequest(http.MethodPost, "http://mock-server:8080/orders?id=7", strings.NewReader(body))
	answer, err := f.plane.Transport("default/shell").RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if want := []string{"POST", "mock-server:8080", "/orders?id=7", body}; !slices.Equal(one.lastRequest(), want) {
		t.Errorf("stable got %.80q", one.lastRequest())
	}
	eventually(t, "the canary has a copy", func() bool { return two.served.Load() == 1 })
	if want := []string{"POST", "mock-server-shadow:8080", "/orders?id=7", body}; !slices.Equal(two.lastRequest(), want) {
		t.Errorf("the canary got %.80q", two.lastRequest())
	}
}

// Pods go before the mesh hears of it, new ones come, weights change, clusters
// come and go; all the time requests are sent and none may fail.
//
// One thing is no fault of the data plane: a server that closes its listener
// resets connections which the kernel has set up and it has not accepted yet.
// Such a request may have been read, so no proxy sends it again. It happens once
// in some thousand requests on a busy machine; pods of the mock server drain
// before they close, so that it does not happen to them.
func TestNoRequestFailsWhileTheMeshChanges(t *testing.T) {
	f := newMesh(t)
	now := map[string][]*backend{
		stable: {f.backend("1.0.0"), f.backend("1.0.0"), f.backend("1.0.0")}, canary: {f.backend("2.0.0"), f.backend("2.0.0")},
	}
	f.endpoints(now)
	f.routes(split(stable, 100))
	var sent, failed, reset atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	var load sync.WaitGroup
	for worker := range 8 {
		load.Go(func() {
			for ctx.Err() == nil {
				r := httptest.NewRequest([]string{http.MethodGet, http.MethodPost}[worker%2], target, strings.NewReader("x"))
				answer, err := f.plane.Transport("default/shell").RoundTrip(r)
				sent.Add(1)
				if err != nil {
					failed.Add(1)
					t.Error(err)
					continue
				}
				text, err := io.ReadAll(answer.Body)
				answer.Body.Close()
				if strings.HasSuffix(string(text), "connection termination") {
					reset.Add(1)
					continue
				}
				if err != nil || answer.StatusCode != http.StatusOK {
					failed.Add(1)
					t.Errorf("status %d: %s (%v)", answer.StatusCode, text, err)
				}
			}
		})
	}
	for step := range 30 {
		weight := step * 3
		f.routes(split(stable, 100-weight, canary, weight))
		for _, cluster := range []string{stable, canary} {
			if step%3 != len(cluster)%3 {
				continue
			}
			now[cluster] = append(now[cluster], f.backend("new"))
			f.endpoints(now)
			old := now[cluster][0]
			now[cluster] = now[cluster][1:]
			shutdown, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			if err := old.server.Shutdown(shutdown); err != nil {
				t.Error(err)
			}
			cancel()
			f.endpoints(now)
		}
		before := sent.Load()
		eventually(t, "requests go on", func() bool { return sent.Load() > before+100 })
	}
	stop()
	load.Wait()
	t.Logf("%d requests", sent.Load())
	if failed.Load() > 0 {
		t.Errorf("%d of %d requests failed", failed.Load(), sent.Load())
	}
	const closed = 30 // servers, at most
	if reset.Load() > closed/5 {
		t.Errorf("%d of %d requests were reset by %d servers that closed", reset.Load(), sent.Load(), closed)
	}
}

// through sends a request through a proxy, and returns the status and the text of
// the answer.
func through(t *testing.T, proxy string, user *url.Userinfo, to string, header ...string) (int, string) {
	t.Helper()
	address, err := url.Parse(proxy)
	if err != nil {
		t.Fatal(err)
	}
	address.User = user
	client := http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(address)}}
	defer client.CloseIdleConnections()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, to, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, strings.TrimSpace(string(text))
}

func TestProxy(t *testing.T) {
	f := newMesh(t)
	one, two := f.backend("1.0.0"), f.backend("2.0.0")
	f.endpoints(map[string][]*backend{stable: {one}, canary: {two}})
	f.routes(whenHeader(split(canary, 1), "x-canary", "yes"), split(stable, 1))
	f.plane.opts.Map = map[string]string{"prometheus.istio-system.svc.cluster.local:9090": two.Address()}
	proxy := httptest.NewServer(f.plane.Proxy())
	defer proxy.Close()
	shell := url.UserPassword("default", "shell")
	for _, tc := range []struct {
		what   string
		user   *url.Userinfo
		to     string
		header []string
		status int
		text   string
	}{
		{"source by user", shell, target, nil, 200, "1.0.0"},
		{"source by header", nil, target, []string{SourceHeader, "default/shell"}, 200, "1.0.0"},
		{"header of a route", shell, target, []string{"X-Canary", "yes"}, 200, "2.0.0"},
		{"status of the application", shell, "http://mock-server:8080/status/500", nil, 500, "1.0.0"},
		{"mapped host", nil, "http://prometheus.istio-system.svc.cluster.local:9090/api", nil, 200, "2.0.0"},
		{"no sidecar", nil, target, nil, 502, "send to mock-server:8080: could not resolve host: mock-server"},
		{"no source", nil, target, []string{SourceHeader, "shell"}, 502, `send to mock-server:8080: source "shell": write NAMESPACE/POD or gateway/NAME`},
		{"no domain", shell, "http://other:8080/", nil, 404, ""},
		{"no gateway", nil, "http://silly-demo.example.org/", []string{SourceHeader, "gateway/ingressgateway"}, 502,
			"send to silly-demo.example.org: the gateway does not listen on port 80: no Gateway that selects it has a server there"},
	} {
		t.Run(tc.what, func(t *testing.T) {
			if status, text := through(t, proxy.URL, tc.user, tc.to, tc.header...); status != tc.status || text != tc.text {
				t.Errorf("%d %q, want %d %q", status, text, tc.status, tc.text)
			}
		})
	}
	for _, tc := range []struct{ from, to, reason string }{
		{"", target, NoHost + ": "},
		{"gateway/ingressgateway", "http://silly-demo.example.org/", "the gateway does not listen"},
	} {
		r := httptest.NewRequest(http.MethodGet, tc.to, nil)
		r.Header.Set(SourceHeader, tc.from)
		w := httptest.NewRecorder()
		f.plane.Proxy().ServeHTTP(w, r)
		if got := w.Header().Get(ErrorHeader); w.Code != http.StatusBadGateway || !strings.Contains(got, tc.reason) {
			t.Errorf("from %q: %d, %s %q, want %q", tc.from, w.Code, ErrorHeader, got, tc.reason)
		}
	}
	answer, err := http.Get(proxy.URL + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "istio_requests_total{") {
		t.Errorf("/metrics: %s", text)
	}
}

// Each attempt that reached a pod is counted there; the client's proxy counts
// what the client saw. The labels are those of the simulated mesh.
func TestMetrics(t *testing.T) {
	f := newMesh(t)
	one := f.backend("1.0.0")
	f.endpoints(map[string][]*backend{stable: {one}, canary: nil})
	f.routes(whenHeader(split(canary, 1), "x-canary", "yes"), split(stable, 1))
	f.get("default/shell", target)
	f.get("default/shell", target)
	f.get("default/shell", "http://mock-server:8080/status/503")
	f.get("default/shell", target, "X-Canary", "yes")
	f.get("default/shell", "http://other:8080/")
	for _, tc := range []struct {
		reporter, pod, code, flags, destination, workload string
		want                                              float64
	}{
		{"source", "shell", "200", "-", stableHost, one.pod.Name, 2},
		{"source", "shell", "503", "-", stableHost, one.pod.Name, 1},
		{"source", "shell", "503", "UH", canaryHost, "unknown", 1},
		{"source", "shell", "404", "NR", "other", "unknown", 1},
		{"destination", one.pod.Name, "200", "-", stableHost, one.pod.Name, 2},
		{"destination", one.pod.Name, "503", "-", stableHost, one.pod.Name, 3},
	} {
		labels := map[string]string{
			"reporter": tc.reporter, "pod": tc.pod, "namespace": "default", "response_code": tc.code, "response_flags": tc.flags,
			"destination_service": tc.destination, "destination_workload": tc.workload, "source_workload": "shell", "job": "kubernetes-pods",
		}
		if got := f.value("istio_requests_total", labels); got != tc.want {
			t.Errorf("%v: %v, want %v", labels, got, tc.want)
		}
		if got := f.value("istio_request_duration_milliseconds", labels); got != tc.want {
			t.Errorf("duration of %v: %v, want %v", labels, got, tc.want)
		}
	}
	f.pods.remove(one.pod)
	if got := f.value("istio_requests_total", map[string]string{"pod": one.pod.Name}); got != 0 {
		t.Errorf("a pod that is gone shows %v requests", got)
	}
}

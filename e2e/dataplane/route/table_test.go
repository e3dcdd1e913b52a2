package route

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"pgregory.net/rapid"
)

// compile reads routes that are written as Envoy's JSON.
func compile(t testing.TB, text string) *Table {
	t.Helper()
	table, err := Compile(read(t, text))
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func read(t testing.TB, text string) *routev3.RouteConfiguration {
	t.Helper()
	var c routev3.RouteConfiguration
	if err := protojson.Unmarshal([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	return &c
}

// request makes a request; headers are written "name: value".
func request(method, url string, headers ...string) *Request {
	r := httptest.NewRequest(method, url, nil)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	return NewRequest(r)
}

func never(uint64) uint64 { panic("nothing is left to chance here") }

func TestDomains(t *testing.T) {
	host := func(name string, domains string) string {
		return `{name: "` + name + `", domains: [` + domains + `], routes: [{name: "` + name + `", match: {prefix: "/"}, direct_response: {status: 200}}]}`
	}
	for _, ignore := range []string{"true", "false"} {
		table := compile(t, jsonOf(`{ignore_port_in_host_matching: `+ignore+`, virtual_hosts: [`+strings.Join([]string{
			host("short", `"mock-server", "mock-server.default", "10.96.0.7"`),
			host("ending", `"*.example.org"`), host("longer", `"*.silly.example.org"`),
			host("beginning", `"api.*"`), host("port", `"ported:8080"`), host("all", `"*"`),
		}, ",")+`]}`))
		for authority, want := range map[string]string{
			"mock-server": "short", "MOCK-server.default": "short", "10.96.0.7": "short",
			"a.example.org": "ending", "example.org": "all", ".example.org": "all",
			"a.silly.example.org": "longer", "api.io": "beginning", "api.example.org": "ending", "nowhere": "all",
		} {
			if got := table.Find(&Request{Authority: authority, Path: "/"}, never).Name; got != want {
				t.Errorf("%s: %s, want %s", authority, got, want)
			}
		}
		want := map[string]string{"true": "short", "false": "all"}[ignore]
		if got := table.Find(&Request{Authority: "mock-server:8080", Path: "/"}, never).Name; got != want {
			t.Errorf("with a port, ignored %s: %s", ignore, got)
		}
	}
	if compile(t, `{}`).Find(&Request{Authority: "x", Path: "/"}, never) != nil {
		t.Error("no routes take a request")
	}
}

// jsonOf quotes the names of fields, so that the tests are easier to read.
func jsonOf(text string) string {
	var out strings.Builder
	for i := 0; i < len(text); {
		j := i
		for j < len(text) && (text[j] == '_' || text[j] >= 'a' && text[j] <= 'z') {
			j++
		}
		switch {
		case j > i && j < len(text) && text[j] == ':':
			out.WriteString(`"` + text[i:j] + `"`)
		case j > i:
			out.WriteString(text[i:j])
		case text[i] == '"':
			j = i + 1 + strings.Index(text[i+1:], `"`) + 1
			out.WriteString(text[i:j])
		default:
			j = i + 1
			out.WriteByte(text[i])
		}
		i = j
	}
	return out.String()
}

func TestMatches(t *testing.T) {
	get := func(url string, headers ...string) *Request { return request("GET", "http://a"+url, headers...) }
	for _, tc := range []struct {
		match   string
		yes, no []*Request
	}{
		{`prefix: "/api"`, []*Request{get("/api"), get("/apis?x=1")}, []*Request{get("/"), get("/API")}},
		{`prefix: "/api", case_sensitive: false`, []*Request{get("/API/1")}, []*Request{get("/ap")}},
		{`path: "/status/200"`, []*Request{get("/status/200"), get("/status/200?fail=true")}, []*Request{get("/status/2000")}},
		{`path_separated_prefix: "/api"`, []*Request{get("/api"), get("/api/x")}, []*Request{get("/apis")}},
		{`safe_regex: {regex: "/status/(2|3)0."}`, []*Request{get("/status/204?x")}, []*Request{get("/status/500"), get("/x/status/200")}},
		{`prefix: "/", headers: [{name: ":method", string_match: {exact: "POST"}}]`, []*Request{request("POST", "http://a/")}, []*Request{get("/")}},
		{`prefix: "/", headers: [{name: ":authority", string_match: {prefix: "a"}}]`, []*Request{get("/")}, []*Request{request("GET", "http://b/")}},
		{
			`prefix: "/", headers: [{name: "cookie", string_match: {safe_regex: {regex: "^(.*?;)?(type=insider)(;.*)?$"}}}]`,
			[]*Request{get("/", "Cookie: type=insider"), get("/", "Cookie: a=b;type=insider;c=d")},
			[]*Request{get("/"), get("/", "Cookie: type=outsider")},
		},
		{`prefix: "/", headers: [{name: "x", string_match: {exact: "A", ignore_case: true}}]`, []*Request{get("/", "X: a")}, []*Request{get("/", "X: b")}},
		{`prefix: "/", headers: [{name: "x", string_match: {contains: "b"}}]`, []*Request{get("/", "X: abc"), get("/", "X: a", "X: b")}, []*Request{get("/", "X: ac")}},
		{`prefix: "/", headers: [{name: "x", string_match: {suffix: "c"}}]`, []*Request{get("/", "X: abc")}, []*Request{get("/", "X: ab")}},
		{`prefix: "/", headers: [{name: "x", present_match: true}]`, []*Request{get("/", "X: ")}, []*Request{get("/")}},
		{`prefix: "/", headers: [{name: "x", present_match: true, invert_match: true}]`, []*Request{get("/")}, []*Request{get("/", "X: 1")}},
		{`prefix: "/", headers: [{name: "x"}]`, []*Request{get("/", "X: 1")}, []*Request{get("/")}},
		{`prefix: "/", headers: [{name: "x", range_match: {start: -1, end: 10}}]`, []*Request{get("/", "X: 9")}, []*Request{get("/", "X: 10"), get("/", "X: b"), get("/")}},
		{`prefix: "/", headers: [{name: "x", string_match: {exact: "1"}, invert_match: true}]`, []*Request{get("/", "X: 2")}, []*Request{get("/", "X: 1"), get("/")}},
		{
			`prefix: "/", headers: [{name: "x", string_match: {exact: "1"}, invert_match: true, treat_missing_header_as_empty: true}]`,
			[]*Request{get("/", "X: 2"), get("/")}, []*Request{get("/", "X: 1")},
		},
		{`prefix: "/", query_parameters: [{name: "v", string_match: {exact: "2"}}]`, []*Request{get("/?a=1&v=2")}, []*Request{get("/?v=1"), get("/"), get("/?a=v")}},
		{`prefix: "/", query_parameters: [{name: "v", present_match: true}]`, []*Request{get("/?v"), get("/?v=")}, []*Request{get("/?w")}},
		{`prefix: "/", query_parameters: [{name: "v"}], headers: [{name: "x"}]`, []*Request{get("/?v", "X: 1")}, []*Request{get("/?v"), get("/", "X: 1")}},
		{`prefix: "/", grpc: {}`, []*Request{get("/", "Content-Type: application/grpc+proto")}, []*Request{get("/")}},
	} {
		table := compile(t, strings.ReplaceAll(jsonOf(`{virtual_hosts: [{domains: ["*"], routes: [{match: {MATCH}, direct_response: {status: 200}}]}]}`), "MATCH", jsonOf(tc.match)))
		for _, r := range tc.yes {
			if table.Find(r, never) == nil {
				t.Errorf("%s does not take %s %s %v", tc.match, r.Method, pathWithQuery(r.Path, r.Query), r.Header)
			}
		}
		for _, r := range tc.no {
			if table.Find(r, never) != nil {
				t.Errorf("%s takes %s %s %v", tc.match, r.Method, pathWithQuery(r.Path, r.Query), r.Header)
			}
		}
	}
}

// What cannot be obeyed is refused, and the error says where it stands.
func TestRefused(t *testing.T) {
	for route, want := range map[string]string{
		`match: {prefix: "/"}, route: {cluster_header: "x"}`:                                     "ClusterHeader is not supported",
		`match: {prefix: "/"}, route: {weighted_clusters: {clusters: [{name: "a", weight: 0}]}}`: "add up to 0",
		`match: {safe_regex: {regex: "("}}, direct_response: {status: 200}`:                      "missing closing )",
		`match: {prefix: "/", headers: [{name: "x", string_match: {safe_regex: {regex: "("}}}]}`: `header "x"`,
		`match: {prefix: "/", tls_context: {presented: true}}, direct_response: {status: 200}`:   "tls_context",
		`match: {prefix: "/"}`:                      "action",
		`match: {}, direct_response: {status: 200}`: "path",
		`match: {prefix: "/"}, route: {cluster: "a"}, request_headers_to_add: [{header: {key: "x", value: "%REQ(y)%"}}]`: "%REQ(y)%",
		`match: {prefix: "/"}, route: {cluster: "a", regex_rewrite: {pattern: {regex: "("}}}`:                            "regex_rewrite",
	} {
		text := strings.ReplaceAll(jsonOf(`{name: "8080", virtual_hosts: [{name: "host", domains: ["*"], routes: [{name: "r", ROUTE}]}]}`), "ROUTE", jsonOf(route))
		_, err := Compile(read(t, text))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), `route configuration "8080": virtual host "host": route 0 "r": `) {
			t.Errorf("%s: %v", route, err)
		}
	}
	twice := read(t, jsonOf(`{name: "8080", virtual_hosts: [{name: "a", domains: ["x"]}, {name: "b", domains: ["X"]}]}`))
	if _, err := Compile(twice); err == nil || !strings.Contains(err.Error(), "stands twice") {
		t.Errorf("a domain twice: %v", err)
	}
}

// Over many draws each destination gets its share; one without weight gets
// nothing.
func TestPickObeysWeights(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.Uint64Range(0, 100), 1, 5).Draw(t, "weights")
		f := &Forward{}
		for _, w := range weights {
			f.clusters = append(f.clusters, Weighted{Weight: w})
			f.total += w
		}
		if f.total == 0 {
			t.Skip("Compile refuses it")
		}
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		const n = 20_000
		got := map[*Weighted]float64{}
		for range n {
			got[f.Pick(random.Uint64N)]++
		}
		for i := range f.clusters {
			share := float64(f.clusters[i].Weight) / float64(f.total)
			// Six standard deviations: wrong by chance in one of 500 million.
			bound := 6 * math.Sqrt(n*share*(1-share))
			if diff := got[&f.clusters[i]] - n*share; diff > bound || diff < -bound || share == 0 && diff != 0 {
				t.Errorf("weight %d of %d got %v of %d", f.clusters[i].Weight, f.total, got[&f.clusters[i]], n)
			}
		}
	})
}

// Every draw leads to exactly one destination, in proportion.
func TestPickIsExact(t *testing.T) {
	f := &Forward{clusters: []Weighted{{Cluster: "a", Weight: 80}, {Cluster: "b", Weight: 0}, {Cluster: "c", Weight: 20}}, total: 100}
	got := map[string]int{}
	for n := range uint64(100) {
		got[f.Pick(func(uint64) uint64 { return n }).Cluster]++
	}
	if got["a"] != 80 || got["b"] != 0 || got["c"] != 20 {
		t.Errorf("%v", got)
	}
}

func TestForward(t *testing.T) {
	table := compile(t, jsonOf(`{request_headers_to_add: [{header: {key: "x-level", value: "configuration"}}],
		virtual_hosts: [{domains: ["*"], request_headers_to_remove: ["x-secret"], retry_policy: {retry_on: "5xx"},
		request_headers_to_add: [{header: {key: "x-level", value: "host"}}], routes: [
		{match: {prefix: "/api/"}, request_headers_to_add: [
			{header: {key: "x-level", value: "route"}}, {header: {key: "x-percent", value: "80%%"}, append_action: "OVERWRITE_IF_EXISTS_OR_ADD"},
			{header: {key: "x-kept", value: "new"}, append_action: "ADD_IF_ABSENT"}, {header: {key: "x-none", value: "new"}, append_action: "OVERWRITE_IF_EXISTS"}],
			response_headers_to_add: [{header: {key: "x-answer", value: "1"}}], response_headers_to_remove: ["server"],
			route: {prefix_rewrite: "/", host_rewrite_literal: "other", timeout: "3s", weighted_clusters: {clusters: [{name: "a", weight: 1,
				request_headers_to_add: [{header: {key: "x-level", value: "cluster"}}]}]}}},
		{match: {safe_regex: {regex: "/v./.*"}}, route: {cluster: "b", regex_rewrite: {pattern: {regex: "^/v(.)/(.*)$"}, substitution: "/"}}},
		{match: {path: "/old"}, route: {cluster: "c", prefix_rewrite: "/new", timeout: "0s", retry_policy: {retry_on: "connect-failure", num_retries: 2}}}]}]}`,
	))
	r := table.Find(request("GET", "http://mock-server/api/x%2Fy?q=1", "X-Secret: s", "X-Percent: 1", "X-Kept: old"), never)
	out := r.Outgoing(request("GET", "http://mock-server/api/x%2Fy?q=1", "X-Secret: s", "X-Percent: 1", "X-Kept: old"), r.Forward.Pick(never))
	if out.Path != "/x%2Fy" || out.Query != "q=1" || out.Authority != "other" {
		t.Errorf("%+v", out)
	}
	for name, want := range map[string]string{
		"X-Level": "cluster route host configuration", "X-Secret": "", "X-Percent": "80%", "X-Kept": "old", "X-None": "",
	} {
		if got := strings.Join(out.Header[name], " "); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	answer := http.Header{"Server": {"x"}}
	r.Answered(answer, r.Forward.Pick(never))
	if answer.Get("Server") != "" || answer.Get("X-Answer") != "1" {
		t.Errorf("%v", answer)
	}
	if r.Forward.Timeout != 3*time.Second || r.Forward.Retry.Times != 1 || !r.Forward.Retry.Answers(500) {
		t.Errorf("%+v", r.Forward)
	}
	old := table.Find(request("GET", "http://mock-server/old"), never)
	if got := old.Outgoing(request("GET", "http://mock-server/old"), old.Forward.Pick(never)).Path; got != "/new" {
		t.Error(got)
	}
	if old.Forward.Timeout != 0 || old.Forward.Retry.Times != 2 || old.Forward.Retry.Answers(500) || !old.Forward.Retry.Fails(Refused) {
		t.Errorf("%+v", old.Forward)
	}
}

func TestRegexRewrite(t *testing.T) {
	change, err := replacePattern(`^/v(.)/(.*)$`, `/\2/$\1`)
	if err != nil {
		t.Fatal(err)
	}
	if got := change("/v2/x"); got != "/x/$2" {
		t.Error(got)
	}
}

func TestRedirect(t *testing.T) {
	for action, want := range map[string]string{
		`https_redirect: true`:                              "301 https://mock-server/a?q=1",
		`host_redirect: "other:81", response_code: "FOUND"`: "302 http://other:81/a?q=1",
		`path_redirect: "/b", strip_query: true`:            "301 http://mock-server:8080/b",
		`path_redirect: "/b?c=d"`:                           "301 http://mock-server:8080/b?c=d",
		`port_redirect: 9, response_code: "SEE_OTHER"`:      "303 http://mock-server:9/a?q=1",
		`prefix_rewrite: "/x", scheme_redirect: "ftp"`:      "301 ftp://mock-server/x?q=1",
	} {
		table := compile(t, strings.ReplaceAll(jsonOf(`{virtual_hosts: [{domains: ["*"], routes: [{match: {path: "/a"}, redirect: {ACTION}}]}]}`), "ACTION", jsonOf(action)))
		q := request("GET", "http://mock-server:8080/a?q=1")
		r := table.Find(q, never).Redirect
		if got := fmt.Sprintf("%d %s", r.Status, r.Location(q)); got != want {
			t.Errorf("%s: %s, want %s", action, got, want)
		}
	}
}

func TestRetry(t *testing.T) {
	istio := retryOf(&routev3.RetryPolicy{RetryOn: "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes", RetriableStatusCodes: []uint32{503}})
	for _, tc := range []struct {
		what       string
		got, wants bool
	}{
		{"refused", istio.Fails(Refused), true}, {"unsent", istio.Fails(Unsent), true},
		{"reset", istio.Fails(Reset), false}, {"late", istio.Fails(Late), false},
		{"503", istio.Answers(503), true}, {"500", istio.Answers(500), false}, {"200", istio.Answers(200), false},
		{"no policy", retryOf(nil).Fails(Refused), false},
		{"gateway-error and 502", retryOf(&routev3.RetryPolicy{RetryOn: "gateway-error"}).Answers(502), true},
		{"gateway-error and 500", retryOf(&routev3.RetryPolicy{RetryOn: "gateway-error"}).Answers(500), false},
		{"retriable-4xx and 409", retryOf(&routev3.RetryPolicy{RetryOn: "retriable-4xx"}).Answers(409), true},
		{"retriable-4xx and 404", retryOf(&routev3.RetryPolicy{RetryOn: "retriable-4xx"}).Answers(404), false},
		{"reset", retryOf(&routev3.RetryPolicy{RetryOn: "reset"}).Fails(Reset), true},
	} {
		if tc.got != tc.wants {
			t.Errorf("%s: %v", tc.what, tc.got)
		}
	}
	most := func(n uint64) uint64 { return n - 1 }
	for n, want := range map[int]time.Duration{1: 25 * time.Millisecond, 2: 75 * time.Millisecond, 3: 175 * time.Millisecond, 4: 250 * time.Millisecond, 64: 250 * time.Millisecond} {
		if got := istio.BackOff(n, most); got != want-1 {
			t.Errorf("before retry %d: %v, want %v", n, got, want)
		}
	}
}

func TestFaults(t *testing.T) {
	table := compile(t, `{"virtual_hosts": [{"domains": ["*"], "routes": [{"match": {"prefix": "/"}, "direct_response": {"status": 200},
		"typed_per_filter_config": {"envoy.filters.http.fault": {"@type": "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault",
			"delay": {"fixed_delay": "2s", "percentage": {"numerator": 10}}, "abort": {"http_status": 418, "percentage": {"numerator": 500000, "denominator": "MILLION"}}}}}]}]}`)
	fault := table.Find(request("GET", "http://a/"), never).Fault
	random := rand.New(rand.NewPCG(1, 2))
	delays, aborts := 0, 0
	for range 10_000 {
		delay, status := fault.Draw(random.Uint64N)
		if delay == 2*time.Second {
			delays++
		}
		if status == 418 {
			aborts++
		}
	}
	if delays < 850 || delays > 1150 || aborts < 4750 || aborts > 5250 {
		t.Errorf("%d delays, %d aborts of 10 000", delays, aborts)
	}
	if delay, status := (*Fault)(nil).Draw(never); delay != 0 || status != 0 {
		t.Error("no fault does something")
	}
}

// FuzzFind asks a table with every kind of match: no request makes it panic.
func FuzzFind(f *testing.F) {
	table := compile(f, jsonOf(`{virtual_hosts: [{domains: ["*"], routes: [
		{match: {safe_regex: {regex: "/a.*"}, query_parameters: [{name: "v"}], headers: [{name: "x", range_match: {start: 0, end: 9}}]}, route: {cluster: "a", prefix_rewrite: "/"}},
		{match: {path_separated_prefix: "/b", case_sensitive: false}, route: {cluster: "b", prefix_rewrite: "/c"}},
		{match: {prefix: "/"}, route: {cluster: "c"}}]}]}`))
	f.Add("GET", "host:80", "/b/x", "v=1;%zz", "x", "5")
	f.Fuzz(func(t *testing.T, method, authority, path, query, name, value string) {
		q := &Request{Method: method, Authority: authority, Path: path, Query: query, Header: http.Header{}}
		q.Header.Set(name, value)
		r := table.Find(q, never)
		if (r == nil) == strings.HasPrefix(path, "/") && !strings.HasPrefix(strings.ToLower(path), "/b") {
			t.Fatalf("path %q: %v", path, r)
		}
		if r != nil {
			r.Outgoing(q, r.Forward.Pick(never))
		}
	})
}

package istio

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/traffic"
)

// split transforms the VirtualService with these routes and prints the
// destinations of its routes, "host/subset:port=weight", or the error.
func split(t *testing.T, spec string, target Target, want traffic.Routing) string {
	t.Helper()
	if target.Namespace == "" {
		target.Namespace = "shop"
	}
	vs := decode(t, []byte("kind: VirtualService\nspec:\n"+spec)).Object
	out, _, err := TransformVirtualService(vs, target, want)
	if err != nil {
		return err.Error()
	}
	var lines []string
	for _, p := range protocols {
		routes, err := objects(out["spec"].(node), "spec", p.key)
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range routes {
			line := fmt.Sprintf("%s%d", p.key, i)
			for _, d := range r["route"].([]any) {
				to := d.(node)["destination"].(node)
				line += " " + text(to, "host")
				if s := text(to, "subset"); s != "" {
					line += "/" + s
				}
				if port, ok := to["port"].(node); ok {
					line += fmt.Sprintf(":%d", number(port, "number"))
				}
				line += fmt.Sprintf("=%d", number(d.(node), "weight"))
			}
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "; ")
}

// route2 is a route between two destinations.
func route2(indent, a, b string) string {
	return fmt.Sprintf("%sroute:\n%s- destination: {host: %s}\n%s  weight: 100\n%s- destination: {host: %s}\n%s  weight: 0\n", indent, indent, a, indent, indent, b, indent)
}

func TestWhichRoutes(t *testing.T) {
	want := traffic.Routing{StableService: "stable", CanaryService: "canary", CanaryWeight: 20}
	http := func(names ...string) Target {
		return Target{Routes: v1alpha1.IstioVirtualService{Routes: names}}
	}
	const invalid = "Istio VirtualService has invalid "
	pair := func(first string) string { return "  - " + first + "\n" + route2("    ", "stable", "canary") }
	other := func(first string) string { return "  - " + first + "\n    route: [{destination: {host: other}}]\n" }
	for _, c := range []struct {
		name, spec string
		target     Target
		want       string
	}{
		{"the only route, unnamed", "  http:\n" + pair("timeout: 1s"), http(), "http0 stable=80 canary=20"},
		{"the only route, named but not by the Rollout", "  http:\n" + pair("name: a"), http(), "http0 stable=80 canary=20"},
		{"one of two", "  http:\n" + pair("name: a") + pair("name: b"), http("b"), "http0 stable=100 canary=0; http1 stable=80 canary=20"},
		{"two of two", "  http:\n" + pair("name: a") + pair("name: b"), http("b", "a"), "http0 stable=80 canary=20; http1 stable=80 canary=20"},
		{"the first of a name", "  http:\n" + pair("name: a") + pair("name: a"), http("a"), "http0 stable=80 canary=20; http1 stable=100 canary=0"},
		{"a name that is missing", "  http:\n" + pair("name: a"), http("primary"), invalid + "HTTP routes. Error: Route 'primary' not found"},
		{"two and no name", "  http:\n" + pair("name: a") + pair("name: b"), http(), invalid + "HTTP routes. Error: VirtualService has 2 HTTP routes and the Rollout names none of them. Name those that split between its revisions"},
		{"none", "  hosts: [a]\n", http(), invalid + "HTTP routes. Error: VirtualService has no routes"},
		{"HTTP and a TCP route that is not the Rollout's", "  http:\n" + pair("name: a") + "  tcp:\n" + other("match: [{port: 1}]"), http(), "http0 stable=80 canary=20; tcp0 other=0"},
		{"HTTP and TLS, none named", "  http:\n" + pair("name: a") + "  tls:\n" + pair("match: [{port: 1}]"), http(), "http0 stable=80 canary=20; tls0 stable=80 canary=20"},
		{"HTTP named, TLS not", "  http:\n" + pair("name: a") + "  tls:\n" + pair("match: [{port: 1}]"), http("a"), "http0 stable=80 canary=20; tls0 stable=100 canary=0"},
		{"two HTTP, one TCP of the Rollout", "  http:\n" + other("name: a") + other("name: b") + "  tcp:\n" + pair("match: [{port: 1}]"), http(), "http0 other=0; http1 other=0; tcp0 stable=80 canary=20"},
		{"TLS by port and host", "  tls:\n" + pair("match: [{port: 443, sniHosts: [a]}]") + pair("match: [{port: 443, sniHosts: [b, c]}]"),
			Target{Routes: v1alpha1.IstioVirtualService{TLSRoutes: []v1alpha1.TLSRoute{{Port: 443, SNIHosts: []string{"c"}}}}}, "tls0 stable=100 canary=0; tls1 stable=80 canary=20"},
		{"TLS by host in any rule", "  tls:\n" + pair("match: [{port: 443, sniHosts: [a]}, {port: 8443, sniHosts: [b]}]"),
			Target{Routes: v1alpha1.IstioVirtualService{TLSRoutes: []v1alpha1.TLSRoute{{SNIHosts: []string{"b"}}}}}, "tls0 stable=80 canary=20"},
		{"TLS not found", "  tls:\n" + pair("match: [{port: 443, sniHosts: [a]}]"),
			Target{Routes: v1alpha1.IstioVirtualService{TLSRoutes: []v1alpha1.TLSRoute{{Port: 443, SNIHosts: []string{"b"}}}}}, invalid + `TLS routes. Error: Route with port 443 and SNI hosts ["b"] not found`},
		{"TCP by port", "  tcp:\n" + pair("match: [{port: 1}]") + pair("match: [{port: 2}, {port: 3}]"),
			Target{Routes: v1alpha1.IstioVirtualService{TCPRoutes: []v1alpha1.TCPRoute{{Port: 3}}}}, "tcp0 stable=100 canary=0; tcp1 stable=80 canary=20"},
		{"TCP of any port", "  tcp:\n" + pair("x: y"), Target{Routes: v1alpha1.IstioVirtualService{TCPRoutes: []v1alpha1.TCPRoute{{}}}}, "tcp0 stable=80 canary=20"},
		{"TCP not found", "  tcp:\n" + pair("x: y"), Target{Routes: v1alpha1.IstioVirtualService{TCPRoutes: []v1alpha1.TCPRoute{{Port: 3}}}}, invalid + "TCP routes. Error: Route with port 3 not found"},
		{"routes of a wrong type", "  http: yes\n", http(), invalid + "HTTP routes. Error: spec.http is true or false, it must be a list"},
		{"a route of a wrong type", "  http: [1]\n", http(), invalid + "HTTP routes. Error: spec.http[0] is a number, it must be an object"},
		{"destinations of a wrong type", "  http: [{route: {}}]\n", http(), invalid + "HTTP routes. Error: spec.http.route is an object, it must be a list"},
		{"a destination of a wrong type", "  http: [{route: [{destination: web}]}]\n", http(), invalid + "HTTP routes. Error: spec.http.route.destination is a string, it must be an object"},
	} {
		if got := split(t, c.spec, c.target, want); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestWhichDestinations(t *testing.T) {
	want := traffic.Routing{StableService: "stable", CanaryService: "canary", CanaryWeight: 20}
	subsets := Target{Subsets: &v1alpha1.IstioDestinationRule{Name: "web", StableSubsetName: "v1", CanarySubsetName: "v2", AdditionalSubsetNames: []string{"alpha"}}}
	experiment := want
	experiment.Additional = []traffic.Destination{{Host: "test", Hash: "h", Weight: 10}}
	ported := want
	ported.Additional = []traffic.Destination{{Host: "test", Hash: "h", Weight: 10, Port: 8080}}
	for _, c := range []struct {
		name, route string
		target      Target
		want        traffic.Routing
		split       string
	}{
		{"short hosts", "{destination: {host: stable}}, {destination: {host: canary}}", Target{}, want, "http0 stable=80 canary=20"},
		{"the canary first", "{destination: {host: canary}}, {destination: {host: stable}}", Target{}, want, "http0 canary=20 stable=80"},
		{"names with the namespace", "{destination: {host: stable.shop}}, {destination: {host: canary.shop.svc}}", Target{}, want, "http0 stable.shop=80 canary.shop.svc=20"},
		{"full names", "{destination: {host: stable.shop.svc.cluster.local}}, {destination: {host: canary.shop.mesh.internal}}", Target{}, want, "http0 stable.shop.svc.cluster.local=80 canary.shop.mesh.internal=20"},
		{"another namespace", "{destination: {host: stable.shop}}, {destination: {host: canary.shopping}}", Target{}, want, "Istio VirtualService has invalid HTTP routes. Error: Canary Service 'canary' not found in route"},
		{"a longer name", "{destination: {host: stable-2}}, {destination: {host: canary}}", Target{}, want, "Istio VirtualService has invalid HTTP routes. Error: Stable Service 'stable' not found in route"},
		{"unknown destinations", "{destination: {host: stable}, weight: 50}, {destination: {host: old}, weight: 50}, {destination: {host: canary}}", Target{}, want, "http0 stable=80 canary=20"},
		{"one revision twice", "{destination: {host: stable, port: {number: 1}}, weight: 60}, {destination: {host: stable, port: {number: 2}}, weight: 40}, {destination: {host: canary}}", Target{}, want, "http0 stable:1=80 stable:2=0 canary=20"},
		{"an experiment", "{destination: {host: stable, port: {number: 1}}}, {destination: {host: canary}}", Target{}, experiment, "http0 stable:1=70 canary=20 test=10"},
		{"an experiment beside full names", "{destination: {host: stable.shop.svc.cluster.local}}, {destination: {host: canary}}", Target{}, experiment, "http0 stable.shop.svc.cluster.local=70 canary=20 test.shop.svc.cluster.local=10"},
		{"an experiment that is there already", "{destination: {host: test.shop, port: {number: 3}}, weight: 5}, {destination: {host: stable}}, {destination: {host: canary}}", Target{}, experiment, "http0 test.shop:3=10 stable=70 canary=20"},
		{"an experiment whose Service has another port", "{destination: {host: stable}}, {destination: {host: canary}}", Target{}, ported, "http0 stable=70 canary=20 test:8080=10"},
		{"an experiment that lacks its port", "{destination: {host: test}, weight: 10}, {destination: {host: stable}}, {destination: {host: canary}}", Target{}, ported, "http0 test:8080=10 stable=70 canary=20"},
		{"an experiment with a wrong port", "{destination: {host: test, port: {number: 80}}, weight: 10}, {destination: {host: stable}}, {destination: {host: canary}}", Target{}, ported, "http0 test:8080=10 stable=70 canary=20"},
		{"an experiment that is over", "{destination: {host: test}, weight: 5}, {destination: {host: stable}}, {destination: {host: canary}}", Target{}, want, "http0 stable=80 canary=20"},
		{"subsets", "{destination: {host: web, subset: v1}}, {destination: {host: web, subset: v2}}", subsets, want, "http0 web/v1=80 web/v2=20"},
		{"an additional subset", "{destination: {host: web, subset: v1}}, {destination: {host: new, subset: alpha}, weight: 30}, {destination: {host: web, subset: v2}}", subsets, want, "http0 web/v1=50 new/alpha=30 web/v2=20"},
		{"an unknown subset", "{destination: {host: web, subset: v1}}, {destination: {host: web, subset: v3}, weight: 30}, {destination: {host: web, subset: v2}}", subsets, want, "http0 web/v1=80 web/v2=20"},
		{"an additional subset and the end", "{destination: {host: web, subset: v1}}, {destination: {host: new, subset: alpha}, weight: 30}, {destination: {host: web, subset: v2}}", subsets, traffic.Routing{CanaryWeight: 100}, "http0 web/v1=0 new/alpha=30 web/v2=70"},
		{"additional subsets that leave nothing", "{destination: {host: web, subset: v1}}, {destination: {host: new, subset: alpha}, weight: 130}, {destination: {host: web, subset: v2}}", subsets, want, "Istio VirtualService has invalid HTTP routes. Error: additional subsets have a weight of 130 in all, more than 100"},
		{"no subsets", "{destination: {host: web}}, {destination: {host: web}}", subsets, want, "Istio VirtualService has invalid HTTP routes. Error: Canary DestinationRule subset 'v2' not found in route"},
		{"no stable subset", "{destination: {host: web}}, {destination: {host: web, subset: v2}}", subsets, want, "Istio VirtualService has invalid HTTP routes. Error: Stable DestinationRule subset 'v1' not found in route"},
		{"another whole", "{destination: {host: stable}}, {destination: {host: canary}}", Target{}, traffic.Routing{StableService: "stable", CanaryService: "canary", CanaryWeight: 5, MaxWeight: 1000}, "http0 stable=995 canary=5"},
	} {
		if got := split(t, "  http:\n  - route: ["+c.route+"]\n", c.target, c.want); got != c.split {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.split)
		}
	}
}

// TestVersions checks that the version of the API makes no difference, and that
// numbers may be of any type.
func TestVersions(t *testing.T) {
	const body = "kind: VirtualService\nspec:\n  http:\n  - route: [{destination: {host: stable}, weight: 100}, {destination: {host: canary}, weight: 0}]\n"
	want := traffic.Routing{StableService: "stable", CanaryService: "canary", CanaryWeight: 0}
	for _, version := range []string{"v1alpha3", "v1beta1", "v1"} {
		for _, wholeNumbers := range []bool{true, false} {
			document := []byte("apiVersion: networking.istio.io/" + version + "\n" + body)
			vs := decode(t, document).Object
			if !wholeNumbers {
				vs = node{}
				if err := yaml.Unmarshal(document, &vs); err != nil {
					t.Fatal(err)
				}
			}
			if _, changed, err := TransformVirtualService(vs, Target{Namespace: "a"}, want); changed || err != nil {
				t.Errorf("%s: changed %v, error %v", version, changed, err)
			}
			next := want
			next.CanaryWeight = 30
			out, changed, err := TransformVirtualService(vs, Target{Namespace: "a"}, next)
			if !changed || err != nil || out["apiVersion"] != "networking.istio.io/"+version {
				t.Errorf("%s: changed %v, error %v: %v", version, changed, err, out)
			}
		}
	}
}

func TestNoSpec(t *testing.T) {
	for content, want := range map[string]string{
		"kind: VirtualService":          "reading routes: there is no spec",
		"kind: VirtualService\nspec: 3": "reading routes: spec is a number, it must be an object",
	} {
		_, _, err := TransformVirtualService(decode(t, []byte(content)).Object, Target{}, traffic.Routing{})
		if err == nil || err.Error() != want {
			t.Errorf("%q: error %v", content, err)
		}
	}
}

func TestEqual(t *testing.T) {
	for _, c := range []struct {
		a, b any
		want bool
	}{
		{int64(1), 1.0, true}, {int64(1), "1", false}, {"1", int64(1), false}, {nil, nil, true}, {nil, "", false},
		{[]any{int64(1)}, []any{1.0}, true}, {[]any{int64(1)}, []any{}, false}, {[]any{}, node{}, false}, {node{}, []any{}, false},
		{node{"a": 1.0}, node{"a": int64(1)}, true}, {node{"a": nil}, node{"b": nil}, false}, {node{"a": nil}, node{}, false}, {true, true, true},
	} {
		if got := equal(c.a, c.b); got != c.want {
			t.Errorf("equal(%v, %v) = %v", c.a, c.b, got)
		}
	}
	if diff := cmp.Diff(any(node{"a": []any{node{}}}), clone(node{"a": []any{node{}}})); diff != "" {
		t.Error(diff)
	}
}

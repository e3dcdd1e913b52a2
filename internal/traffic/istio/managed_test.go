package istio

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/traffic"
)

func exact(s string) *v1alpha1.StringMatch  { return &v1alpha1.StringMatch{Exact: s} }
func prefix(s string) *v1alpha1.StringMatch { return &v1alpha1.StringMatch{Prefix: s} }
func regex(s string) *v1alpha1.StringMatch  { return &v1alpha1.StringMatch{Regex: s} }

// header makes a header route; pairs are names and values.
func header(name string, match ...v1alpha1.HeaderRoutingMatch) v1alpha1.SetHeaderRoute {
	return v1alpha1.SetHeaderRoute{Name: name, Match: match}
}

func when(name string, value *v1alpha1.StringMatch) v1alpha1.HeaderRoutingMatch {
	return v1alpha1.HeaderRoutingMatch{HeaderName: name, HeaderValue: value}
}

// TestManagedRoutes takes the example of the documentation, and a VirtualService
// whose routes do more than split, through setHeaderRoute and setMirrorRoute.
func TestManagedRoutes(t *testing.T) {
	mozilla := header("set-header-1", when("Custom-Header1", exact("Mozilla")), when("Custom-Header2", prefix("Mozilla")), when("Custom-Header3", regex("Mozilla(.*)")))
	mirror := v1alpha1.SetMirrorRoute{Name: "mirror-route", Percentage: ptr.To[int32](35), Match: []v1alpha1.RouteMatch{{Method: exact("GET"), Path: prefix("/")}}}
	all := v1alpha1.SetMirrorRoute{Name: "mirror-route", Match: []v1alpha1.RouteMatch{{Headers: map[string]v1alpha1.StringMatch{"b": {Exact: "1"}, "a": {Regex: "2+"}}}, {Path: exact("/x")}}}
	for _, c := range []struct {
		name   string
		states []traffic.Routing
	}{
		{"plain", []traffic.Routing{
			{CanaryWeight: 20, Headers: []v1alpha1.SetHeaderRoute{mozilla}},
			{CanaryWeight: 20, Headers: []v1alpha1.SetHeaderRoute{mozilla}, Mirrors: []v1alpha1.SetMirrorRoute{mirror}},
			{CanaryWeight: 40, Headers: []v1alpha1.SetHeaderRoute{{Name: "set-header-1"}}, Mirrors: []v1alpha1.SetMirrorRoute{mirror}},
			{CanaryWeight: 40, Mirrors: []v1alpha1.SetMirrorRoute{all}},
			{},
		}},
		{"policies", []traffic.Routing{
			{CanaryWeight: 10, Headers: []v1alpha1.SetHeaderRoute{header("set-header-1", when("X-Canary", exact("yes")))}},
			{CanaryWeight: 10, Mirrors: []v1alpha1.SetMirrorRoute{mirror}},
			{},
		}},
		{"subsets", []traffic.Routing{
			{CanaryWeight: 5, Headers: []v1alpha1.SetHeaderRoute{header("set-header-1", when("x", exact("1")))}, Mirrors: []v1alpha1.SetMirrorRoute{mirror}},
			{},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			target, vs := managedFixture(t, c.name)
			start := vs
			var golden strings.Builder
			for i, want := range c.states {
				want.StableService, want.CanaryService, want.Managed = "web-stable", "web-canary", []string{"mirror-route", "set-header-1"}
				var err error
				if vs, _, err = TransformVirtualService(vs, target, want); err != nil {
					t.Fatal(err)
				}
				if _, changed, err := TransformVirtualService(vs, target, want); changed || err != nil {
					t.Errorf("state %d: changed again: %v, error %v", i, changed, err)
				}
				text, err := yaml.Marshal(vs["spec"].(node)["http"])
				if err != nil {
					t.Fatal(err)
				}
				fmt.Fprintf(&golden, "# state %d\n%s", i, text)
			}
			compare(t, "managed-"+c.name, golden.String())
			if diff := cmp.Diff(start, vs); diff != "" {
				t.Errorf("not as it was in the beginning: %s", diff)
			}
		})
	}
}

// managedFixture is a VirtualService by name.
func managedFixture(t *testing.T, name string) (Target, node) {
	t.Helper()
	target := Target{Namespace: "default", Name: "web", Routes: v1alpha1.IstioVirtualService{Name: "web"}}
	if name == "policies" {
		target.Routes.Routes = []string{"shop", "cart"}
	}
	if name == "subsets" {
		target.Subsets = &v1alpha1.IstioDestinationRule{Name: "web", StableSubsetName: "stable", CanarySubsetName: "canary"}
	}
	return target, decode(t, []byte(map[string]string{
		"plain": `
kind: VirtualService
metadata: {name: web}
spec:
  http:
  - route:
    - destination: {host: web-stable}
      weight: 100
    - destination: {host: web-canary, port: {number: 8080}}
      weight: 0
`,
		// Two routes split, each with conditions and policies of its own; the
		// others belong to somebody else.
		"policies": `
kind: VirtualService
metadata: {name: web}
spec:
  http:
  - name: health
    match: [{uri: {exact: /healthz}}]
    directResponse: {status: 200}
  - name: shop
    match:
    - uri: {prefix: /shop}
      withoutHeaders: {x-canary: {exact: "no"}}
    - uri: {prefix: /store}
      headers: {x-canary: {exact: "never"}}
    rewrite: {uri: /}
    retries: {attempts: 3}
    corsPolicy: {allowMethods: [GET]}
    mirror: {host: audit}
    mirrorPercentage: {value: 1}
    route:
    - destination: {host: web-stable}
      weight: 100
      headers: {response: {set: {x-version: stable}}}
    - destination: {host: web-canary}
      weight: 0
      headers: {response: {set: {x-version: canary}}}
  - name: cart
    timeout: 5s
    route:
    - destination: {host: web-canary}
      weight: 0
    - destination: {host: web-stable}
      weight: 100
  - name: rest
    route:
    - destination: {host: other}
`,
		"subsets": `
kind: VirtualService
metadata: {name: web}
spec:
  http:
  - route:
    - destination: {host: web, subset: stable, port: {number: 80}}
      weight: 100
    - destination: {host: web, subset: canary, port: {number: 80}}
      weight: 0
`}[name])).Object
}

// TestManagedPriority puts three routes in the order of managedRoutes, whatever
// the order of the steps that made them.
func TestManagedPriority(t *testing.T) {
	target, vs := managedFixture(t, "plain")
	want := traffic.Routing{StableService: "web-stable", CanaryService: "web-canary", Managed: []string{"c", "a", "b"}}
	for i, order := range [][]string{{"a"}, {"b", "a"}, {"a", "b", "c"}, {"c", "b", "a"}, {"b"}, nil} {
		want.Headers = nil
		for _, name := range order {
			want.Headers = append(want.Headers, header(name, when("x", exact(name))))
		}
		var err error
		if vs, _, err = TransformVirtualService(vs, target, want); err != nil {
			t.Fatal(err)
		}
		routes, err := objects(vs["spec"].(node), "spec", "http")
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range routes {
			got = append(got, text(r, "name"))
		}
		expected := [][]string{{"a", ""}, {"a", "b", ""}, {"c", "a", "b", ""}, {"c", "a", "b", ""}, {"b", ""}, {""}}[i]
		if diff := cmp.Diff(expected, got); diff != "" {
			t.Errorf("after %v: %s", order, diff)
		}
	}
}

func TestManagedRefusals(t *testing.T) {
	target, vs := managedFixture(t, "plain")
	want := traffic.Routing{StableService: "web-stable", CanaryService: "web-canary", Headers: []v1alpha1.SetHeaderRoute{header("a", when("x", exact("1")))}, Managed: []string{"b"}}
	_, _, err := TransformVirtualService(vs, target, want)
	if err == nil || err.Error() != `route "a" is not one of spec.strategy.canary.trafficRouting.managedRoutes ["b"]: add it there` {
		t.Errorf("error %v", err)
	}
	target, vs = managedFixture(t, "policies")
	want.Managed = []string{"a", "cart"}
	_, _, err = TransformVirtualService(vs, target, want)
	if err == nil || !strings.Contains(err.Error(), "Route 'cart' is one of managedRoutes") {
		t.Errorf("error %v", err)
	}
}

// TestNarrower checks what remains of two conditions on one string.
func TestNarrower(t *testing.T) {
	for _, c := range []struct{ own, step, both *v1alpha1.StringMatch }{
		{exact("a"), exact("a"), exact("a")},
		{exact("a"), exact("b"), nil},
		{prefix("/shop"), exact("/shop/x"), exact("/shop/x")},
		{prefix("/shop"), exact("/cart"), nil},
		{exact("/shop"), prefix("/"), exact("/shop")},
		{exact("/shop"), prefix("/cart"), nil},
		{prefix("/shop"), prefix("/"), prefix("/shop")},
		{prefix("/"), prefix("/shop"), prefix("/shop")},
		{prefix("/shop"), prefix("/cart"), nil},
		{regex("/s.*"), exact("/shop"), exact("/shop")},
		{regex("s.*"), exact("/shop"), nil}, // all of the string must match
		{exact("/shop"), regex("/.*"), exact("/shop")},
		{regex("("), exact("x"), exact("x")}, // Istio says better what is wrong with it
		{regex("a|b"), regex("b|c"), regex("b|c")},
		{prefix("a"), regex("a+"), regex("a+")},
	} {
		got, possible := narrower(condition(c.own), condition(c.step))
		if possible != (c.both != nil) {
			t.Errorf("%v and %v: possible %v", condition(c.own), condition(c.step), possible)
		}
		if possible && !equal(got, condition(c.both)) {
			t.Errorf("%v and %v: %v", condition(c.own), condition(c.step), got)
		}
	}
}

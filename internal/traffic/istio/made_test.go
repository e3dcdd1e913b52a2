package istio

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/traffic"
)

// madeHere is a VirtualService with a route of its user and one that splits, in which
// Rollouts have made header routes of these names.
func madeHere(t *testing.T, routes map[string][]string) node {
	t.Helper()
	vs := decode(t, []byte(`
kind: VirtualService
metadata: {name: web, annotations: {mine: "1"}}
spec:
  http:
  - name: health
    match: [{uri: {exact: /healthz}}]
    route: [{destination: {host: stable}}]
  - name: primary
    route:
    - {destination: {host: stable}, weight: 100}
    - {destination: {host: canary}, weight: 0}
`)).Object
	for _, rollout := range []string{"web", "other"} {
		want := wantRoutes(routes[rollout]...)
		var err error
		if vs, _, err = TransformVirtualService(vs, ofRollout(rollout), want); err != nil {
			t.Fatal(err)
		}
	}
	return vs
}

func ofRollout(name string) Target {
	return Target{Namespace: "shop", Name: name, Routes: v1alpha1.IstioVirtualService{Name: "web", Routes: []string{"primary"}}}
}

// wantRoutes declares header routes and wants them.
func wantRoutes(names ...string) traffic.Routing {
	want := traffic.Routing{StableService: "stable", CanaryService: "canary", Managed: names}
	for _, name := range names {
		want.Headers = append(want.Headers, header(name, when("x-"+name, exact("1"))))
	}
	return want
}

// routesIn prints the names of the HTTP routes, and the Rollouts that the annotation names.
func routesIn(t *testing.T, vs node) string {
	t.Helper()
	all, err := objects(vs["spec"].(node), "spec", "http")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, n := range all {
		names = append(names, text(n, "name"))
	}
	line := strings.Join(names, " ")
	obj := &unstructured.Unstructured{Object: vs}
	if _, recorded := obj.GetAnnotations()[v1alpha1.ManagedRoutesKey]; recorded {
		line += fmt.Sprint(" ", RouteOwners(obj))
	}
	return line
}

// TestManagedRoutesThatAreDeclaredNoMore: what was made goes, wherever it stands by then;
// what a person wrote stays, whatever its name.
func TestManagedRoutesThatAreDeclaredNoMore(t *testing.T) {
	http := func(vs node) []any { return vs["spec"].(node)["http"].([]any) }
	unrecorded := func(vs node) { annotate(vs, v1alpha1.ManagedRoutesKey, "") }
	own := node{"name": "testers", "route": []any{node{"destination": node{"host": "mine"}}}}
	for _, c := range []struct {
		name   string
		edit   func(vs node) // what a person does in between; nil: nothing
		want   traffic.Routing
		result string
	}{
		{"wanted still", nil, wantRoutes("testers"), "testers health primary [shop/web]"},
		{"declared no more", nil, wantRoutes(), "health primary"},
		{"another one instead", nil, wantRoutes("beta"), "beta health primary [shop/web]"},
		{"declared and not wanted", nil, traffic.Routing{Managed: []string{"testers"}}, "health primary"},
		{"moved behind the others", func(vs node) { slices.Reverse(http(vs)) }, wantRoutes(), "primary health"},
		{"a person's own one of that name, too", func(vs node) { vs["spec"].(node)["http"] = append([]any{own}, http(vs)...) }, wantRoutes(), "testers health primary"},
		{"a person's own one instead", func(vs node) { http(vs)[0] = own }, wantRoutes(), "testers health primary"},
		{"changed by a person", func(vs node) { http(vs)[0].(node)["timeout"] = "1s" }, wantRoutes(), "testers health primary"},
		{"changed by a person, of a name that is declared", func(vs node) { http(vs)[0].(node)["timeout"] = "1s" }, traffic.Routing{Managed: []string{"testers"}}, "health primary"},
		{"of an older version", unrecorded, wantRoutes(), "testers health primary"},
		{"of an older version, of a name that is declared", unrecorded, traffic.Routing{Managed: []string{"testers"}}, "health primary"},
		{"of an older version, and wanted", unrecorded, wantRoutes("testers"), "testers health primary [shop/web]"},
		{"an annotation that nobody can read", func(vs node) { annotate(vs, v1alpha1.ManagedRoutesKey, "[") }, traffic.Routing{Managed: []string{"testers"}}, "health primary"},
		{"an annotation that says nothing", func(vs node) { annotate(vs, v1alpha1.ManagedRoutesKey, "null") }, wantRoutes("testers"), "testers health primary [shop/web]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			vs := clone(madeHere(t, map[string][]string{"web": {"testers"}})).(node)
			if c.edit != nil {
				c.edit(vs)
			}
			c.want.StableService, c.want.CanaryService = "stable", "canary"
			before := clone(vs)
			out, changed, err := TransformVirtualService(vs, ofRollout("web"), c.want)
			if err != nil {
				t.Fatal(err)
			}
			if got := routesIn(t, out); got != c.result || changed == equal(before, out) {
				t.Errorf("got %q, want %q; changed %t", got, c.result, changed)
			}
			if d := cmp.Diff(before, any(vs)); d != "" {
				t.Errorf("what was given is modified (-before +after):\n%s", d)
			}
			if _, changed, err := TransformVirtualService(out, ofRollout("web"), c.want); changed || err != nil {
				t.Errorf("a second time: changed %t, error %v", changed, err)
			}
		})
	}
}

// TestManagedRoutesOfSeveralRollouts: each takes out its own alone, even if both have
// declared the same name.
func TestManagedRoutesOfSeveralRollouts(t *testing.T) {
	for _, c := range []struct {
		name   string
		made   map[string][]string
		want   traffic.Routing // of the Rollout web
		result string
	}{
		{"one is over", map[string][]string{"web": {"testers"}, "other": {"beta"}}, wantRoutes(), "beta health primary [shop/other]"},
		{"one has another route", map[string][]string{"web": {"testers"}, "other": {"beta"}}, wantRoutes("alpha"), "alpha beta health primary [shop/other shop/web]"},
		{"one declares the name of the other's", map[string][]string{"other": {"testers"}}, traffic.Routing{Managed: []string{"testers"}}, "testers health primary [shop/other]"},
	} {
		c.want.StableService, c.want.CanaryService = "stable", "canary"
		out, _, err := TransformVirtualService(madeHere(t, c.made), ofRollout("web"), c.want)
		if err != nil {
			t.Fatal(err)
		}
		if got := routesIn(t, out); got != c.result {
			t.Errorf("%s: got %q, want %q", c.name, got, c.result)
		}
	}
}

// TestReleaseOfManagedRoutes: all go with the last Rollout, those of one with that one.
func TestReleaseOfManagedRoutes(t *testing.T) {
	nobody := func(string) bool { return false }
	vs := madeHere(t, map[string][]string{"web": {"testers"}, "other": {"beta"}})
	out, changed, err := ReleaseVirtualService(vs, nobody)
	if got := routesIn(t, out); got != "health primary" || !changed || err != nil {
		t.Errorf("of all: %q, changed %t, error %v", got, changed, err)
	}
	if d := cmp.Diff(map[string]string{"mine": "1"}, (&unstructured.Unstructured{Object: out}).GetAnnotations()); d != "" {
		t.Errorf("annotations (-want +got):\n%s", d)
	}
	for _, c := range []struct {
		of      string
		result  string
		changed bool
	}{
		{"other", "testers health primary [shop/web]", true},
		{"web", "beta health primary [shop/other]", true},
		{"nobody", "beta testers health primary [shop/other shop/web]", false},
	} {
		out, changed, err := ReleaseRoutes(vs, []types.NamespacedName{{Namespace: "shop", Name: c.of}})
		if got := routesIn(t, out); got != c.result || changed != c.changed || err != nil {
			t.Errorf("of %s: %q, changed %t, error %v", c.of, got, changed, err)
		}
	}
	if got := routesIn(t, vs); got != "beta testers health primary [shop/other shop/web]" {
		t.Errorf("what was given is modified: %q", got)
	}
	for _, spec := range []any{nil, node{"http": node{}}} {
		if _, _, err := ReleaseRoutes(node{"spec": spec}, nil); err == nil {
			t.Errorf("no error for the spec %v", spec)
		}
	}
}

// TestMark: a route is known again after the API server had it, where numbers and keys
// have other forms and orders, and another one of the same name is not.
func TestMark(t *testing.T) {
	of := func(text string) node {
		var n node
		if err := json.Unmarshal([]byte(text), &n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	made := node{"name": "a", "route": []any{node{"weight": int64(100), "destination": node{"host": "<web>"}}}}
	if same := of(`{"route": [{"destination": {"host": "<web>"}, "weight": 100}], "name": "a"}`); mark(same) != mark(made) {
		t.Errorf("%s and %s", mark(same), mark(made))
	}
	for _, other := range []string{`{"name": "a"}`, `{"name": "a", "route": [{"destination": {"host": "web"}, "weight": 100}]}`} {
		if mark(of(other)) == mark(made) {
			t.Errorf("%s has the mark of another route", other)
		}
	}
}

// TestObserveManagedRoutes: what is there under a name that is declared no more is told,
// what other Rollouts made is not, and neither is taken for a route that splits.
func TestObserveManagedRoutes(t *testing.T) {
	vs := madeHere(t, map[string][]string{"web": {"testers", "alpha"}, "other": {"beta"}})
	ro := &v1alpha1.Rollout{}
	ro.Namespace, ro.Name = "shop", "web"
	ro.Spec.Strategy.Canary = &v1alpha1.CanaryStrategy{StableService: "stable", CanaryService: "canary", TrafficRouting: &v1alpha1.RolloutTrafficRouting{
		ManagedRoutes: []v1alpha1.ManagedRoute{{Name: "beta"}, {Name: "testers"}},
		Istio:         &v1alpha1.IstioTrafficRouting{VirtualService: &v1alpha1.IstioVirtualService{Name: "web", Routes: []string{"primary"}}},
	}}
	o := Objects{VirtualServices: []*unstructured.Unstructured{{Object: vs}}}
	want := traffic.Observed{Weights: weights(100, 0), Managed: []string{"testers", "alpha"}, Synced: true}
	if d := cmp.Diff(want, Observe(ro, o)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	spec := vs["spec"].(node)
	spec["http"] = slices.DeleteFunc(spec["http"].([]any), func(n any) bool { return text(n.(node), "name") == "health" })
	configOf(ro).VirtualService.Routes = nil // the only route there is, but for those that were made
	ro.Spec.Strategy.Canary.TrafficRouting.ManagedRoutes = nil
	want.Managed = []string{"alpha", "testers"}
	if d := cmp.Diff(want, Observe(ro, o)); d != "" {
		t.Errorf("without names (-want +got):\n%s", d)
	}
}

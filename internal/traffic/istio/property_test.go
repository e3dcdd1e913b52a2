package istio

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"pgregory.net/rapid"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/traffic"
)

// junk draws a tree of anything.
func junk(depth int) *rapid.Generator[any] {
	leaf := rapid.OneOf(
		rapid.Map(rapid.String(), func(s string) any { return s }),
		rapid.Map(rapid.Int64Range(-1<<50, 1<<50), func(i int64) any { return i }),
		rapid.Map(rapid.Float64Range(-1e9, 1e9), func(f float64) any { return f }),
		rapid.Map(rapid.Bool(), func(b bool) any { return b }),
		rapid.Just[any](nil),
	)
	if depth == 0 {
		return leaf
	}
	inner := junk(depth - 1)
	return rapid.OneOf(leaf,
		rapid.Map(rapid.SliceOfN(inner, 0, 3), func(l []any) any { return append([]any{}, l...) }),
		rapid.Map(rapid.MapOfN(rapid.StringMatching("[a-z]{1,3}"), inner, 0, 3), func(m map[string]any) any { return m }),
	)
}

// withJunk adds fields that no version of Istio has.
func withJunk(t *rapid.T, n node) node {
	for key, value := range rapid.MapOfN(rapid.StringMatching("x-[a-z]{1,4}"), junk(2), 0, 2).Draw(t, "unknown fields") {
		n[key] = value
	}
	return n
}

// drawn is a VirtualService and what a Rollout says about it.
type drawn struct {
	vs     node
	target Target
	want   traffic.Routing
}

// draw makes a VirtualService whose routes split well, among others of all
// kinds, with unknown fields everywhere.
func draw(t *rapid.T) drawn {
	d := drawn{target: Target{Namespace: "shop"}, want: drawRouting(t)}
	bySubset := rapid.Bool().Draw(t, "by subset")
	if bySubset {
		d.target.Subsets = &v1alpha1.IstioDestinationRule{Name: "web", StableSubsetName: "stable", CanarySubsetName: "canary", AdditionalSubsetNames: []string{"alpha"}}
	}
	spec := withJunk(t, node{"hosts": []any{"web"}})
	for _, p := range protocols {
		var routes []any
		for i := range rapid.IntRange(0, 3).Draw(t, p.name+" routes") {
			split := rapid.Bool().Draw(t, "split")
			routes = append(routes, drawRoute(t, p, i, split, bySubset))
			if split {
				d.target.name(p, i)
			}
		}
		if len(routes) > 0 || rapid.Bool().Draw(t, "empty list") {
			spec[p.key] = append([]any{}, routes...)
		}
	}
	if !d.target.named() {
		spec["http"] = []any{drawRoute(t, httpRoutes, 0, true, bySubset)}
		d.target.name(httpRoutes, 0)
	}
	d.vs = withJunk(t, node{"kind": KindVirtualService, "metadata": withJunk(t, node{"name": "web"}), "spec": spec})
	return d
}

func (t *Target) name(p protocol, i int) {
	switch p {
	case httpRoutes:
		t.Routes.Routes = append(t.Routes.Routes, fmt.Sprint("route", i))
	case tlsRoutes:
		t.Routes.TLSRoutes = append(t.Routes.TLSRoutes, v1alpha1.TLSRoute{Port: int64(3000 + i), SNIHosts: []string{"a.example"}})
	case tcpRoutes:
		t.Routes.TCPRoutes = append(t.Routes.TCPRoutes, v1alpha1.TCPRoute{Port: int64(3000 + i)})
	}
}

func drawRoute(t *rapid.T, p protocol, i int, split, bySubset bool) node {
	n := withJunk(t, node{})
	if p == httpRoutes {
		n["name"] = fmt.Sprint("route", i)
		if rapid.Bool().Draw(t, "conditions") {
			n["match"] = []any{withJunk(t, node{"uri": node{"prefix": fmt.Sprint("/", i)}})}
		}
	} else {
		n["match"] = []any{withJunk(t, node{"port": int64(3000 + i), "sniHosts": []any{"b.example", "a.example"}})}
	}
	var list []any
	hosts := []string{"other", "old-experiment", "exp-a", "exp-b.shop.svc.cluster.local"}
	for _, host := range rapid.SliceOfNDistinct(rapid.SampledFrom(hosts), 0, 3, rapid.ID).Draw(t, "destinations") {
		list = append(list, entry(t, node{"host": host}))
	}
	if split && bySubset {
		list = append(list, entry(t, node{"host": "web", "subset": "canary"}), entry(t, node{"host": "web", "subset": "stable"}))
		if rapid.Bool().Draw(t, "alpha") {
			list = append(list, withJunk(t, node{"destination": node{"host": "web", "subset": "alpha"}, "weight": int64(rapid.IntRange(0, 30).Draw(t, "alpha weight"))}))
		}
	} else if split {
		list = append(list, entry(t, node{"host": "web-stable.shop"}), entry(t, node{"host": "web-canary"}))
	}
	n["route"] = append([]any{}, rapid.Permutation(list).Draw(t, "order")...)
	return n
}

func entry(t *rapid.T, destination node) node {
	n := withJunk(t, node{"destination": withJunk(t, destination)})
	if rapid.Bool().Draw(t, "weighted") {
		n["weight"] = rapid.SampledFrom([]any{int64(0), int64(33), float64(50), int64(100)}).Draw(t, "weight")
	}
	if rapid.Bool().Draw(t, "port") {
		destination["port"] = node{"number": int64(8080)}
	}
	return n
}

func drawRouting(t *rapid.T) traffic.Routing {
	want := traffic.Routing{
		StableHash: "s", CanaryHash: "c", StableService: "web-stable", CanaryService: "web-canary", MoveSubsets: true,
		CanaryWeight: rapid.Int32Range(0, 100).Draw(t, "canary weight"), Managed: []string{"m2", "m1"},
	}
	for _, host := range []string{"exp-a", "exp-b"} {
		if rapid.Bool().Draw(t, host) {
			want.Additional = append(want.Additional, traffic.Destination{Host: host, Hash: "h-" + host, Weight: rapid.Int32Range(0, 80).Draw(t, "experiment weight")})
		}
	}
	if rapid.Bool().Draw(t, "header route") {
		want.Headers = append(want.Headers, header("m1", when("x", exact("1")), when("y", prefix("2"))))
	}
	if rapid.Bool().Draw(t, "mirror route") {
		want.Mirrors = append(want.Mirrors, v1alpha1.SetMirrorRoute{Name: "m2", Match: []v1alpha1.RouteMatch{{Path: prefix("/")}}})
	}
	return want
}

// TestVirtualServiceProperties checks, for any VirtualService, that weights add
// up, that what a Rollout does not own survives, that managed routes come first
// and in order, that nothing changes the second time, and that everything can
// be taken back.
func TestVirtualServiceProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t)
		before := clone(d.vs)
		out, changed, err := TransformVirtualService(d.vs, d.target, d.want)
		if err != nil {
			t.Fatalf("%v", err)
		}
		if diff := cmp.Diff(before, any(d.vs)); diff != "" {
			t.Fatalf("the argument was modified: %s", diff)
		}
		if changed != !equal(d.vs, out) {
			t.Errorf("changed is %v", changed)
		}
		if again, changed, err := TransformVirtualService(out, d.target, d.want); changed || err != nil || !equal(out, again) {
			t.Errorf("a second time: changed %v, error %v: %s", changed, err, cmp.Diff(out, again))
		}
		checkShares(t, d, out)
		checkOrder(t, out, d.want)
		if diff := cmp.Diff(bare(t, d, d.vs), bare(t, d, out)); diff != "" {
			t.Errorf("something else changed: %s", diff)
		}
	})
}

func checkShares(t *rapid.T, d drawn, out node) {
	list := d.target.sharesIn(out, d.want)
	if len(list) == 0 {
		t.Error("no route splits")
	}
	for _, s := range list {
		if split := d.want.Split(s.reserved); !sameSplit(split, s.Weights) {
			t.Errorf("the split is %+v, it should be %+v", s, split)
		}
		if s.Total()+s.reserved != 100 {
			t.Errorf("%+v does not add up", s)
		}
	}
}

// sameSplit compares without hashes, which a VirtualService does not hold.
func sameSplit(a, b traffic.Weights) bool {
	return a.Canary == b.Canary && a.Stable == b.Stable && slices.EqualFunc(a.Additional, b.Additional, func(a, b traffic.Destination) bool {
		return a.Host == b.Host && a.Weight == b.Weight
	})
}

func checkOrder(t *rapid.T, out node, want traffic.Routing) {
	routes, _ := objects(out["spec"].(node), "spec", "http")
	last := 0
	for i, r := range routes {
		rank := slices.Index(want.Managed, text(r, "name"))
		if rank < 0 {
			rank = len(want.Managed)
		}
		if rank < last {
			t.Errorf("HTTP route %d, %q, comes too late", i, text(r, "name"))
		}
		last = rank
	}
}

// bare is a VirtualService without what a Rollout may write: managed routes and their record,
// weights of its revisions, destinations that are nobody's.
func bare(t *rapid.T, d drawn, vs node) node {
	out := clone(vs).(node)
	spec := out["spec"].(node)
	annotate(out, v1alpha1.ManagedRoutesKey, "")
	routes, err := d.target.splitRoutes(out, d.want)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range routes {
		var kept []node
		for i, entry := range r.destinations {
			switch r.roles[i] {
			case stable, canary:
				delete(entry, "weight")
				fallthrough
			case reserved:
				kept = append(kept, entry)
			}
		}
		r.node["route"] = anyList(kept)
	}
	if all, _ := objects(spec, "spec", "http"); all != nil {
		spec["http"] = anyList(slices.DeleteFunc(all, func(n node) bool { return slices.Contains(d.want.Managed, text(n, "name")) }))
	}
	return out
}

// TestVirtualServiceReturns checks that after everything that was added has
// been removed again, the VirtualService is as it was at rest.
func TestVirtualServiceReturns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t)
		rest := d.want
		rest.CanaryWeight, rest.Additional, rest.Headers, rest.Mirrors = 0, nil, nil, nil
		start, _, err := TransformVirtualService(d.vs, d.target, rest)
		if err != nil {
			t.Fatal(err)
		}
		there, _, err := TransformVirtualService(start, d.target, d.want)
		if err != nil {
			t.Fatal(err)
		}
		back, _, err := TransformVirtualService(there, d.target, rest)
		if err != nil || !equal(start, back) {
			t.Errorf("error %v: %s", err, cmp.Diff(start, back))
		}
	})
}

// TestDestinationRuleProperties checks that subsets select what is wanted, that
// what a Rollout does not own survives, and that nothing changes twice.
func TestDestinationRuleProperties(t *testing.T) {
	names := v1alpha1.IstioDestinationRule{StableSubsetName: "stable", CanarySubsetName: "canary", AdditionalSubsetNames: []string{"alpha"}}
	rapid.Check(t, func(t *rapid.T) {
		var subsets []any
		for _, name := range rapid.Permutation([]string{"stable", "canary", "alpha", "mine"}).Draw(t, "order") {
			subsets = append(subsets, withJunk(t, node{"name": name, "labels": node{"app": name}}))
		}
		dr := withJunk(t, node{"metadata": withJunk(t, node{}), "spec": withJunk(t, node{"host": "web", "subsets": subsets})})
		before := clone(dr)
		want := drawRouting(t)
		out, _, err := TransformDestinationRule(dr, shopWeb, names, traffic.Observed{}, want)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, any(dr)); diff != "" {
			t.Fatalf("the argument was modified: %s", diff)
		}
		if _, changed, err := TransformDestinationRule(out, shopWeb, names, traffic.Observed{}, want); changed || err != nil {
			t.Errorf("a second time: changed %v, error %v", changed, err)
		}
		after, _ := objects(out["spec"].(node), "spec", "subsets")
		got := map[string]string{}
		for _, s := range after {
			got[text(s, "name")] = hashOf(after, text(s, "name"))
		}
		expected := map[string]string{"stable": "s", "canary": "c", "alpha": "", "mine": ""}
		for _, d := range want.Split(0).Additional {
			expected[d.Host] = d.Hash
		}
		if diff := cmp.Diff(expected, got); diff != "" {
			t.Error(diff)
		}
		rest := want
		rest.Additional = nil
		back, _, err := TransformDestinationRule(out, shopWeb, names, traffic.Observed{}, rest)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range back["spec"].(node)["subsets"].([]any) {
			delete(s.(node)["labels"].(node), v1alpha1.DefaultRolloutUniqueLabelKey)
		}
		if diff := cmp.Diff(before, any(back)); diff != "" {
			t.Errorf("something else changed: %s", diff)
		}
	})
}

// TestNoRequestToWrongPods takes a VirtualService and a DestinationRule through
// random wishes and checks after every single write, as a crash might leave it:
// a subset that gets requests selects the pods that it should, or it is as it
// was and gets no more than before. And it always ends where it should, in two
// passes, once subsets may move.
func TestNoRequestToWrongPods(t *testing.T) {
	ro, o := load(t, "cases/mock-server-canary-istio-destinationrule.yaml")
	settle(t, ro, &o, subset(0, "v0", "v0"))
	rapid.Check(t, func(t *rapid.T) {
		o := Objects{VirtualServices: slices.Clone(o.VirtualServices), DestinationRule: o.DestinationRule}
		for range rapid.IntRange(1, 8).Draw(t, "wishes") {
			hash := func(label string) string {
				return rapid.SampledFrom([]string{"v0", "v1", "v2"}).Draw(t, label)
			}
			want := subset(rapid.SampledFrom([]int32{0, 0, 30, 100}).Draw(t, "weight"), hash("stable"), hash("canary"))
			want.MoveSubsets = rapid.Bool().Draw(t, "subsets may move")
			for range rapid.IntRange(1, 2).Draw(t, "passes") {
				pass(t, ro, &o, want)
			}
		}
		want := subset(30, "v0", "v1")
		pass(t, ro, &o, want)
		pass(t, ro, &o, want)
		if seen := Observe(ro, o); seen.Weights.Canary != 30 || seen.StableHash != "v0" || seen.CanaryHash != "v1" || !seen.Synced {
			t.Errorf("it ends in %+v", seen)
		}
	})
}

// pass carries out one plan and checks the state after each write.
func pass(t *rapid.T, ro *v1alpha1.Rollout, o *Objects, want traffic.Routing) {
	before := Observe(ro, *o)
	writes, err := plan(ro, *o, want)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range writes {
		o.replace(w.object)
		now := Observe(ro, *o)
		split := want.Split(0)
		for _, s := range []struct {
			name                     string
			weight, weightBefore, to int32
			selects, before, goal    string
		}{
			{"stable", now.Weights.Stable, before.Weights.Stable, split.Stable, now.StableHash, before.StableHash, want.StableHash},
			{"canary", now.Weights.Canary, before.Weights.Canary, split.Canary, now.CanaryHash, before.CanaryHash, want.CanaryHash},
		} {
			asBefore := s.selects == s.before && s.weight <= s.weightBefore
			asWanted := s.selects == s.goal && s.weight <= s.to
			if s.weight > 0 && !asWanted && !asBefore {
				t.Errorf("after writing the %s, %d of the requests go to %s pods %s instead of %s; before: %+v, wanted: %+v",
					w.object.GetKind(), s.weight, s.name, s.selects, s.goal, before, want)
			}
		}
	}
}

// FuzzTrees hands anything that is JSON to everything that reads objects.
func FuzzTrees(f *testing.F) {
	for _, seed := range []string{
		`{"spec":{"http":[{"name":"primary","route":[{"destination":{"host":"mock-server","subset":"stable"},"weight":100},{"destination":{"host":"mock-server","subset":"canary"}}]}]}}`,
		`{"spec":{"subsets":[{"name":"stable"},{"name":"canary","labels":{"app":"x"}}]}}`,
		`{"spec":{"http":[{"name":"primary","route":null}],"tls":[{}],"tcp":{}}}`,
		`{"metadata":3,"spec":{"http":[{"name":"primary","match":"x","route":[{"destination":{"subset":"stable"}},{"destination":{"subset":"canary"}}]}]}}`,
		`[]`, `{"spec":[]}`, `{}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var tree node
		if json.Unmarshal(data, &tree) != nil || tree == nil {
			return
		}
		ro, _ := load(t, "cases/mock-server-canary-istio-destinationrule.yaml")
		want := subset(20, "s", "c", expCanary)
		want.Managed, want.Headers = []string{"m"}, []v1alpha1.SetHeaderRoute{header("m", when("x", exact("1")))}
		obj := &unstructured.Unstructured{Object: tree}
		o := Objects{VirtualServices: []*unstructured.Unstructured{obj}, DestinationRule: obj}
		if errs := Validate(ro, o); len(errs) > 0 {
			_ = Observe(ro, o)
		}
		target := targets(ro)[0]
		out, _, err := TransformVirtualService(tree, target, want)
		if err != nil {
			return
		}
		if _, changed, err := TransformVirtualService(out, target, want); changed || err != nil {
			t.Errorf("a second time: changed %v, error %v", changed, err)
		}
	})
}

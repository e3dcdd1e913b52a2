package istio

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// TestDocumentsAreValid validates the objects of every document that works, and
// the one that does not.
func TestDocumentsAreValid(t *testing.T) {
	for _, d := range documents {
		if errs := Validate(load(t, d.files...)); len(errs) > 0 {
			t.Errorf("%s: %v", d.name, errs)
		}
	}
	// Printed with subsets in the Rollout and none in the VirtualService.
	ro, o := load(t, "guide/rollout-canary-istio-destinationRule.yaml", "guide/argo-vs-reviews-host.yaml", "guide/dr-reviews.yaml")
	errs := Validate(ro, o)
	const want = `spec.strategy.canary.trafficRouting.istio.virtualService.name: Invalid value: "reviews-vs": Istio VirtualService has invalid HTTP routes. Error: Canary DestinationRule subset 'v2' not found in route`
	if len(errs) != 1 || errs[0].Error() != want {
		t.Errorf("got %v\nwant %s", errs, want)
	}
}

func TestValidate(t *testing.T) {
	const at = "spec.strategy.canary.trafficRouting.istio."
	const rule = "virtualService: {name: web}, destinationRule: {name: rule, stableSubsetName: a, canarySubsetName: b}"
	subsetRoute := virtualService("{destination: {host: web, subset: a}}, {destination: {host: web, subset: b}}")
	for _, c := range []struct{ name, content, want string }{
		{"no VirtualService", rolloutWith("virtualService: {name: web}"),
			at + `virtualService.name: Invalid value: "web": virtualservices.networking.istio.io "web" not found`},
		{"none in another namespace", rolloutWith("virtualService: {name: web.mesh}"),
			at + `virtualService.name: Invalid value: "web.mesh": virtualservices.networking.istio.io "web" not found`},
		{"no canary Service", rolloutWith("virtualService: {name: web}") + virtualService("{destination: {host: stable}}, {destination: {host: other}}"),
			at + `virtualService.name: Invalid value: "web": Istio VirtualService has invalid HTTP routes. Error: Canary Service 'canary' not found in route`},
		{"no DestinationRule", rolloutWith("virtualService: {name: web}, destinationRule: {name: rule, stableSubsetName: a, canarySubsetName: b}") + virtualService("{destination: {subset: a}}, {destination: {subset: b}}"),
			at + `destinationRule.name: Invalid value: "rule": destinationrules.networking.istio.io "rule" not found`},
		{"no subsets", rolloutWith("virtualService: {name: web}, destinationRule: {name: rule, stableSubsetName: a, canarySubsetName: b}") + virtualService("{destination: {subset: a}}, {destination: {subset: b}}") + "---\nkind: DestinationRule\nmetadata: {name: rule}\nspec: {host: web}\n",
			at + `destinationRule.name: Invalid value: "rule": DestinationRule subset 'b' not found` + "\n" + at + `destinationRule.name: Invalid value: "rule": DestinationRule subset 'a' not found`},
		{"a split route that is managed", strings.Replace(rolloutWith("virtualService: {name: web, routes: [r]}"), "trafficRouting:", "trafficRouting:\n        managedRoutes: [{name: r}]", 1) + virtualService("{destination: {host: stable}}, {destination: {host: canary}}"),
			at + `virtualService.name: Invalid value: "web": Istio VirtualService has invalid HTTP routes. Error: Route 'r' is one of managedRoutes: steps would replace it. Give one of the two another name`},
		{"one VirtualService by two names", rolloutWith("virtualServices: [{name: web}, {name: web.default}]") + strings.Replace(virtualService("{destination: {host: stable}}, {destination: {host: canary}}"), "{name: web}", "{name: web, namespace: default}", 1),
			at + `virtualServices[1].name: Invalid value: "web.default": is the VirtualService default/web, which another entry ("web") names already: name each once, with all its routes`},
		{"subsets of the stable Service", rolloutWith(rule) + subsetRoute + "---\nkind: DestinationRule\nmetadata: {name: rule, namespace: default}\nspec: {host: stable, subsets: [{name: a}, {name: b}]}\n",
			at + `destinationRule.name: Invalid value: "rule": the DestinationRule has the host 'stable', which is the stableService of the Rollout and selects one revision only: the subset of the other has no pods. Give it the host of a Service that selects all revisions and that the Rollout does not name`},
		{"subsets of the pong Service", strings.Replace(rolloutWith(rule), "stableService: stable\n      canaryService: canary", "pingPong: {pingService: ping, pongService: pong}", 1) + subsetRoute + "---\nkind: DestinationRule\nmetadata: {name: rule, namespace: mesh}\nspec: {host: pong.default.svc.cluster.local, subsets: [{name: a}, {name: b}]}\n",
			at + `destinationRule.name: Invalid value: "rule": the DestinationRule has the host 'pong.default.svc.cluster.local', which is the pingPong.pongService of the Rollout and selects one revision only: the subset of the other has no pods. Give it the host of a Service that selects all revisions and that the Rollout does not name`},
		{"subsets of a Service of another namespace", rolloutWith(rule) + subsetRoute + "---\nkind: DestinationRule\nmetadata: {name: rule, namespace: mesh}\nspec: {host: stable, subsets: [{name: a}, {name: b}]}\n", ""},
		{"subsets of a Service of its own", rolloutWith(rule) + subsetRoute + "---\nkind: DestinationRule\nmetadata: {name: rule, namespace: default}\nspec: {host: web, subsets: [{name: a}, {name: b}]}\n", ""},
		{"names alone in another namespace", rolloutWith("virtualService: {name: web.mesh}") + inMesh(virtualService("{destination: {host: stable.default.svc.cluster.local}}, {destination: {host: canary}}")),
			at + `virtualService.name: Invalid value: "web.mesh": Istio VirtualService has invalid HTTP routes. Error: host 'canary' means the Service of that name in the namespace mesh, where the VirtualService is. Write canary.default.svc.cluster.local`},
		{"full names in another namespace", rolloutWith("virtualService: {name: web.mesh}") + inMesh(virtualService("{destination: {host: stable.default.svc.cluster.local}}, {destination: {host: canary.default.svc.cluster.local}}")), ""},
		{"all well", rolloutWith("virtualService: {name: web, routes: [r]}") + virtualService("{destination: {host: stable}}, {destination: {host: canary}}"), ""},
		{"no Istio", "kind: Rollout\nmetadata: {name: web}\nspec: {strategy: {canary: {}}}\n", ""},
	} {
		var got []string
		for _, err := range Validate(parse(t, c.content)) {
			got = append(got, err.Error())
		}
		if diff := cmp.Diff(c.want, strings.Join(got, "\n")); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

// inMesh puts what has no namespace into the namespace mesh.
func inMesh(object string) string {
	return strings.Replace(object, "{name: web}", "{name: web, namespace: mesh}", 1)
}

func TestValidateWithoutIstio(t *testing.T) {
	ro, o := parse(t, rolloutWith("virtualService: {name: web}"))
	o.Unserved = []string{KindVirtualService}
	errs := Validate(ro, o)
	const want = `spec.strategy.canary.trafficRouting.istio.virtualService.name: Invalid value: "web": no matches for kind "VirtualService" in group "networking.istio.io": install Istio's custom resource definitions`
	if len(errs) != 1 || errs[0].Error() != want {
		t.Errorf("got %v", errs)
	}
}

func rolloutWith(config string) string {
	return "kind: Rollout\nmetadata: {name: web}\nspec:\n  strategy:\n    canary:\n      stableService: stable\n      canaryService: canary\n      trafficRouting:\n        istio: {" + config + "}\n"
}

func virtualService(destinations string) string {
	return "---\nkind: VirtualService\nmetadata: {name: web}\nspec: {http: [{name: r, route: [" + destinations + "]}]}\n"
}

func TestReferences(t *testing.T) {
	key := func(namespace, name string) types.NamespacedName {
		return types.NamespacedName{Namespace: namespace, Name: name}
	}
	ro, _ := parse(t, rolloutWith("virtualServices: [{name: web}, {name: web.two.mesh}, {name: web.}], destinationRule: {name: web.mesh, stableSubsetName: a, canarySubsetName: b}"))
	var fields, written []string
	var keys [][]types.NamespacedName
	refs := References(ro)
	for _, r := range refs {
		fields, written, keys = append(fields, r.Field.String()), append(written, r.Kind+" "+r.Written), append(keys, r.Keys)
	}
	const at = "spec.strategy.canary.trafficRouting.istio."
	if diff := cmp.Diff([]string{at + "virtualServices[0].name", at + "virtualServices[1].name", at + "virtualServices[2].name", at + "destinationRule.name"}, fields); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"VirtualService web", "VirtualService web.two.mesh", "VirtualService web.", "DestinationRule web.mesh"}, written); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([][]types.NamespacedName{
		{key("default", "web")},
		{key("mesh", "web.two"), key("default", "web.two.mesh")},
		{key("default", "web.")},
		{key("default", "web.mesh"), key("mesh", "web")},
	}, keys); diff != "" {
		t.Error(diff)
	}
	if !refs[1].Names(key("mesh", "web.two")) || refs[1].Names(key("mesh", "web")) {
		t.Error("Names is wrong")
	}
	if got := References(&v1alpha1.Rollout{}); got != nil {
		t.Errorf("without Istio: %v", got)
	}
}

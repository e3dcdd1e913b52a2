package istio

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/traffic"
)

var twoSubsets = v1alpha1.IstioDestinationRule{Name: "web", StableSubsetName: "stable", CanarySubsetName: "canary", AdditionalSubsetNames: []string{"alpha"}}

var shopWeb = types.NamespacedName{Namespace: "shop", Name: "web"}

// subsetsAfter transforms a DestinationRule with these subsets and prints them,
// "name label=value ...", or the error. "made by namespace/name" behind them says which
// Rollout has the last one on record.
func subsetsAfter(t *testing.T, subsets string, now traffic.Observed, want traffic.Routing) string {
	t.Helper()
	subsets, of, _ := strings.Cut(subsets, "made by ")
	dr := decode(t, []byte("kind: DestinationRule\nspec:\n  subsets:\n"+subsets)).Object
	if of != "" { // the last one
		list, _ := objects(dr["spec"].(node), "spec", "subsets")
		annotate(dr, v1alpha1.ManagedSubsetsKey, made{of: {mark(list[len(list)-1])}}.String())
	}
	out, _, err := TransformDestinationRule(dr, shopWeb, twoSubsets, now, want)
	if err != nil {
		return err.Error()
	}
	list, err := objects(out["spec"].(node), "spec", "subsets")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range list {
		names = append(names, text(s, "name")+"="+hashOf(list, text(s, "name")))
	}
	return strings.Join(names, " ")
}

func TestSubsets(t *testing.T) {
	const labelled = "  - {name: stable, labels: {app: web, rollouts-pod-template-hash: v1}}\n  - {name: canary, labels: {rollouts-pod-template-hash: v1}}\n"
	at := func(canary int32, managed ...string) traffic.Observed {
		return traffic.Observed{Weights: traffic.Weights{Canary: canary, Stable: 100 - canary}, Managed: managed}
	}
	wants := func(weight int32, stable, canary string, move bool, additional ...traffic.Destination) traffic.Routing {
		return traffic.Routing{CanaryWeight: weight, StableHash: stable, CanaryHash: canary, MoveSubsets: move, Additional: additional}
	}
	withHeader := wants(0, "v1", "v2", true)
	withHeader.Headers = []v1alpha1.SetHeaderRoute{header("m", when("x", exact("1")))}
	for _, c := range []struct {
		name, subsets string
		now           traffic.Observed
		want          traffic.Routing
		after         string
	}{
		{"first use", "  - {name: stable}\n  - {name: canary, labels: {app: web}}\n", at(0), wants(0, "v1", "v1", true), "stable=v1 canary=v1"},
		{"first use, pods not ready", "  - {name: stable}\n  - {name: canary}\n", at(0), wants(0, "v1", "v1", false), "stable= canary="},
		{"a canary starts", labelled, at(0), wants(20, "v1", "v2", true), "stable=v1 canary=v2"},
		{"a canary starts, pods not ready", labelled, at(0), wants(20, "v1", "v2", false), "stable=v1 canary=v1"},
		{"no hash", labelled, at(0), wants(20, "", "", true), "stable=v1 canary=v1"},
		{"the canary is replaced", labelled, at(30), wants(0, "v1", "v3", true), "stable=v1 canary=v1"},
		{"the canary was emptied", labelled, at(0), wants(0, "v1", "v3", true), "stable=v1 canary=v3"},
		{"the canary is promoted", labelled, at(100), wants(0, "v2", "v1", true), "stable=v2 canary=v1"},
		{"a header route is to go", labelled, at(0, "m"), wants(0, "v1", "v2", true), "stable=v1 canary=v1"},
		{"a header route stays", labelled, at(0, "m"), withHeader, "stable=v1 canary=v2"},
		{"an experiment", labelled, at(0), wants(0, "v1", "v2", true, expStable, expCanary), "stable=v1 canary=v2 mock-server-experiment-canary=" + hashExpCanary + " mock-server-experiment-stable=" + hashExpStable},
		{"an experiment, pods of the canary not ready", labelled, at(0), wants(0, "v1", "v2", false, expCanary), "stable=v1 canary=v1 mock-server-experiment-canary=" + hashExpCanary},
		{"an experiment without a hash", labelled, at(0), wants(0, "v1", "v1", true, traffic.Destination{Host: "exp", Weight: 5}), "stable=v1 canary=v1"},
		{"an experiment without a weight", labelled, at(0), wants(0, "v1", "v1", true, traffic.Destination{Host: "exp", Hash: "h"}), "stable=v1 canary=v1"},
		{"the next experiment of the same Service", labelled + "  - {name: exp, labels: {rollouts-pod-template-hash: old}}\nmade by shop/web", at(0), wants(0, "v1", "v1", true, traffic.Destination{Host: "exp", Hash: "new", Weight: 5}), "stable=v1 canary=v1 exp=new"},
		{"a subset of a person, named like the Service", labelled + "  - {name: exp, labels: {app: web}}\n", at(0), wants(0, "v1", "v1", true, traffic.Destination{Host: "exp", Hash: "new", Weight: 5}), "stable=v1 canary=v1 exp="},
		{"an experiment that is over", labelled + "  - {name: exp, labels: {rollouts-pod-template-hash: old}}\nmade by shop/web", at(0), wants(0, "v1", "v1", true), "stable=v1 canary=v1"},
		{"an experiment of another Rollout that is over", labelled + "  - {name: exp, labels: {rollouts-pod-template-hash: old}}\nmade by shop/cart", at(0), wants(0, "v1", "v1", true), "stable=v1 canary=v1 exp=old"},
		{"a subset of another Rollout, which selects its pods by the hash alone", labelled + "  - {name: cart, labels: {rollouts-pod-template-hash: x}}\n", at(0), wants(0, "v1", "v1", true), "stable=v1 canary=v1 cart=x"},
		{"one that a controller without a record made for a Service of this name", labelled + "  - {name: exp, labels: {rollouts-pod-template-hash: x}}\n", at(0), wants(0, "v1", "v1", true, traffic.Destination{Host: "exp", Hash: "new", Weight: 5}), "stable=v1 canary=v1 exp=new"},
		{"subsets of a person", labelled + "  - {name: a, labels: {version: v3}}\n  - {name: b, labels: {rollouts-pod-template-hash: x, app: web}}\n  - {name: c, labels: {rollouts-pod-template-hash: x}, trafficPolicy: {}}\n  - {name: d}\n  - {name: alpha, labels: {rollouts-pod-template-hash: x}}\n",
			at(0), wants(0, "v1", "v1", true), "stable=v1 canary=v1 a= b=x c=x d= alpha=x"},
		{"no canary subset", "  - {name: stable}\n", at(0), wants(0, "v1", "v1", true), "DestinationRule subset 'canary' not found"},
		{"no stable subset", "  - {name: canary}\n", at(0), wants(0, "v1", "v1", true), "DestinationRule subset 'stable' not found"},
		{"labels of a wrong type", "  - {name: stable, labels: x}\n  - {name: canary}\n", at(0), wants(0, "v1", "v1", true), "subset 'stable'.labels is a string, it must be an object"},
		{"subsets of a wrong type", "    x: y\n", at(0), wants(0, "v1", "v1", true), "reading subsets: spec.subsets is an object, it must be a list"},
	} {
		if got := subsetsAfter(t, c.subsets, c.now, c.want); got != c.after {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.after)
		}
	}
}

// TestHold checks what is left of a wish while subsets select other pods.
func TestHold(t *testing.T) {
	dr := decode(t, []byte("kind: DestinationRule\nspec:\n  subsets:\n  - {name: stable, labels: {rollouts-pod-template-hash: v1}}\n  - {name: canary, labels: {rollouts-pod-template-hash: v2}}\n")).Object
	route := header("m", when("x", exact("1")))
	for _, c := range []struct {
		name         string
		weight, now  int32
		stable, next string
		exists       bool
		left         int32
		headers      int
	}{
		{"both right", 40, 20, "v1", "v2", false, 40, 1},
		{"the canary's is wrong, more wanted", 40, 20, "v1", "v3", false, 20, 0},
		{"the canary's is wrong, less wanted", 0, 20, "v1", "v3", true, 0, 1},
		{"the stable one is wrong, the canary to go", 0, 100, "v2", "v2", false, 100, 1},
		{"the stable one is wrong, more canary wanted", 100, 40, "v2", "v2", false, 100, 1},
		{"both wrong", 0, 40, "v2", "v3", false, 40, 0},
		{"no hashes", 40, 20, "", "", false, 40, 1},
	} {
		now := traffic.Observed{Weights: traffic.Weights{Canary: c.now, Stable: 100 - c.now}}
		if c.exists {
			now.Managed = []string{"m"}
		}
		want := traffic.Routing{CanaryWeight: c.weight, StableHash: c.stable, CanaryHash: c.next, Headers: []v1alpha1.SetHeaderRoute{route}}
		got := hold(want, now, dr, twoSubsets)
		if got.CanaryWeight != c.left || len(got.Headers) != c.headers {
			t.Errorf("%s: weight %d, %d header routes", c.name, got.CanaryWeight, len(got.Headers))
		}
		if diff := cmp.Diff([]v1alpha1.SetHeaderRoute{route}, want.Headers); diff != "" {
			t.Errorf("%s: the argument was modified: %s", c.name, diff)
		}
	}
}

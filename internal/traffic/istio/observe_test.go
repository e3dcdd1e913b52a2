package istio

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/traffic"
)

const twoServices = `kind: Rollout
metadata: {name: web}
spec:
  strategy:
    canary:
      stableService: stable
      canaryService: canary
      trafficRouting:
        managedRoutes: [{name: b}, {name: a}, {name: c}]
        istio:
          virtualServices: [{name: one, routes: [r]}, {name: two}]
`

func TestObserve(t *testing.T) {
	vs := func(name, routes string) string {
		return "---\nkind: VirtualService\nmetadata: {name: " + name + "}\nspec:\n  http:\n" + routes
	}
	both := func(stable, canary string) string {
		return "  - name: r\n    route: [{destination: {host: stable}, weight: " + stable + "}, {destination: {host: canary}, weight: " + canary + "}]\n"
	}
	for _, c := range []struct {
		name, objects string
		want          traffic.Observed
	}{
		{"agreed", vs("one", both("80", "20")) + vs("two", both("80", "20")),
			traffic.Observed{Weights: weights(80, 20), Synced: true}},
		{"one is behind", vs("one", both("100", "0")) + vs("two", both("80", "20")),
			traffic.Observed{Weights: weights(100, 20)}},
		{"the other is behind", vs("one", both("80", "20")) + vs("two", both("100", "0")),
			traffic.Observed{Weights: weights(100, 20)}},
		{"weights that do not add up", vs("one", both("80", "0")) + vs("two", both("80", "0")),
			traffic.Observed{Weights: weights(80, 0)}},
		{"managed routes, in the order of the Rollout", vs("one", "  - {name: a}\n"+both("80", "20")+"  - {name: other}\n") + vs("two", "  - {name: b}\n"+both("80", "20")),
			traffic.Observed{Weights: weights(80, 20), Managed: []string{"b", "a"}, Synced: true}},
		{"experiments", vs("one", "  - name: r\n    route: [{destination: {host: x.default.svc}, weight: 5}, {destination: {host: e.example.com}, weight: 10}, {destination: {host: stable}, weight: 80}, {destination: {host: canary}, weight: 5}]\n") + vs("two", both("95", "5")),
			traffic.Observed{Weights: weights(95, 5, traffic.Destination{Host: "e.example.com", Weight: 10}, traffic.Destination{Host: "x", Weight: 5})}},
		{"an experiment with a port", vs("one", strings.Replace(both("80", "10"), "[", "[{destination: {host: x, port: {number: 8080}}, weight: 10}, ", 1)) + vs("two", strings.Replace(both("80", "10"), "[", "[{destination: {host: x}, weight: 10}, ", 1)),
			traffic.Observed{Weights: weights(80, 10, traffic.Destination{Host: "x", Weight: 10, Port: 8080}), Synced: true}},
		{"one is missing", vs("two", both("80", "20")),
			traffic.Observed{Weights: weights(80, 20), Problem: `spec.strategy.canary.trafficRouting.istio.virtualServices[0].name: Invalid value: "one": virtualservices.networking.istio.io "one" not found`,
				Missing: &traffic.Failure{Reason: traffic.ReasonNoVirtualService, Err: errors.New("VirtualService `one` not found")}}},
		{"one is wrong", vs("one", "  - {name: other}\n") + vs("two", both("80", "20")),
			traffic.Observed{Weights: weights(80, 20), Problem: `spec.strategy.canary.trafficRouting.istio.virtualServices[0].name: Invalid value: "one": Istio VirtualService has invalid HTTP routes. Error: Route 'r' not found`}},
	} {
		ro, o := parse(t, twoServices+c.objects)
		if diff := cmp.Diff(c.want, Observe(ro, o), cmp.Transformer("told", told)); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
	if diff := cmp.Diff(traffic.Observed{}, Observe(&v1alpha1.Rollout{}, Objects{})); diff != "" {
		t.Errorf("without Istio: %s", diff)
	}
}

// told is what an event says about a failure.
func told(f *traffic.Failure) string {
	if f == nil {
		return ""
	}
	return f.Reason + ": " + f.Error()
}

// TestObserveReserved checks that subsets whose weight is the user's own count
// towards the whole, and that routes which reserve different shares can agree.
func TestObserveReserved(t *testing.T) {
	rollout := strings.NewReplacer("      stableService: stable\n      canaryService: canary\n", "",
		"virtualServices:", "destinationRule: {name: web, stableSubsetName: stable, canarySubsetName: canary, additionalSubsetNames: [mine, yours]}\n          virtualServices:").Replace(twoServices)
	route := func(name, list string) string {
		return "---\nkind: VirtualService\nmetadata: {name: " + name + "}\nspec: {http: [{name: r, route: [" + list + "]}]}\n"
	}
	to := func(subset, weight string) string {
		return "{destination: {host: web, subset: " + subset + "}, weight: " + weight + "}"
	}
	for _, c := range []struct {
		name, one, two string
		want           traffic.Observed
	}{
		{"the same share", to("stable", "70") + "," + to("canary", "20") + "," + to("mine", "10"), to("canary", "20") + "," + to("yours", "10") + "," + to("stable", "70"),
			traffic.Observed{Weights: weights(70, 20), Reserved: 10, Synced: true}},
		{"different shares", to("stable", "70") + "," + to("canary", "20") + "," + to("mine", "10"), to("canary", "20") + "," + to("yours", "30") + "," + to("stable", "50"),
			traffic.Observed{Weights: weights(70, 20), Reserved: 10, Synced: true}},
		{"different shares, all that is left", to("stable", "0") + "," + to("canary", "90") + "," + to("mine", "10"), to("canary", "70") + "," + to("yours", "30") + "," + to("stable", "0"),
			traffic.Observed{Weights: weights(0, 90), Reserved: 10, Synced: true}},
		{"different shares, one is behind", to("stable", "0") + "," + to("canary", "90") + "," + to("mine", "10"), to("canary", "20") + "," + to("yours", "30") + "," + to("stable", "50"),
			traffic.Observed{Weights: weights(50, 90), Reserved: 10}},
		{"less than the whole", to("stable", "70") + "," + to("canary", "20"), to("canary", "20") + "," + to("yours", "10") + "," + to("stable", "70"),
			traffic.Observed{Weights: weights(70, 20)}},
	} {
		rule := "---\nkind: DestinationRule\nmetadata: {name: web}\nspec: {subsets: [{name: stable}, {name: canary}]}\n"
		ro, o := parse(t, rollout+route("one", c.one)+route("two", c.two)+rule)
		if diff := cmp.Diff(c.want, Observe(ro, o), cmp.Transformer("told", told)); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

// TestObservePingPong checks that the roles of two Services come from the status.
func TestObservePingPong(t *testing.T) {
	content := strings.NewReplacer("stableService: stable", "pingPong: {pingService: stable, pongService: canary}", "      canaryService: canary\n", "").Replace(twoServices)
	ro, o := parse(t, content+"---\nkind: VirtualService\nmetadata: {name: one}\nspec: {http: [{name: r, route: [{destination: {host: stable}, weight: 80}, {destination: {host: canary}, weight: 20}]}]}\n")
	if got := Observe(ro, o).Weights; got.Canary != 20 {
		t.Errorf("ping is stable: %+v", got)
	}
	ro.Status.Canary.StablePingPong = v1alpha1.PPPong
	if got := Observe(ro, o).Weights; got.Canary != 80 {
		t.Errorf("pong is stable: %+v", got)
	}
}

func TestStableBackend(t *testing.T) {
	backend := func(namespace, name string, port int32) Backend {
		return Backend{types.NamespacedName{Namespace: namespace, Name: name}, port}
	}
	subsets := strings.NewReplacer("      stableService: stable\n      canaryService: canary\n", "",
		"virtualServices:", "destinationRule: {name: web, stableSubsetName: stable, canarySubsetName: canary}\n          virtualServices:").Replace(twoServices)
	for _, c := range []struct {
		name, rollout, stable, canary string
		want                          Backend
	}{
		{"a Service", twoServices, "{host: stable}", "{host: canary}", backend("default", "stable", 0)},
		{"with a port", twoServices, "{host: stable, port: {number: 80}}", "{host: canary}", backend("default", "stable", 80)},
		{"in full", twoServices, "{host: stable.default.svc.cluster.local}", "{host: canary}", backend("default", "stable", 0)},
		{"a subset", subsets, "{host: web, subset: stable}", "{host: web, subset: canary}", backend("default", "web", 0)},
		{"a subset of another namespace", subsets, "{host: web.mall, subset: stable}", "{host: web.mall, subset: canary}", backend("mall", "web", 0)},
		{"none", twoServices, "{host: other}", "{host: canary}", Backend{}},
	} {
		ro, o := parse(t, c.rollout+"---\nkind: VirtualService\nmetadata: {name: one, namespace: default}\nspec: {http: [{name: r, route: [{destination: "+c.canary+"}, {destination: "+c.stable+"}]}]}\n")
		got, ok := StableBackend(ro, o)
		if diff := cmp.Diff(c.want, got); diff != "" || ok != (c.want != Backend{}) {
			t.Errorf("%s: %t %s", c.name, ok, diff)
		}
	}
}

package istio

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/aviary-rollouts/aviary/internal/traffic"
)

// TestRelease: what a Rollout wrote goes, the rest stays as its owner made it, and what is
// given is not modified. The Services of Experiments begin with exp here.
func TestRelease(t *testing.T) {
	const managed = "metadata: {name: web, annotations: {argo-rollouts.argoproj.io/managed-by-rollouts: web, mine: '1'}}\n"
	const free = "metadata: {name: web, annotations: {mine: '1'}}\n"
	for _, c := range []struct{ name, kind, before, after string }{
		{"subsets", KindDestinationRule,
			managed + "spec: {host: web, subsets: [{name: stable, labels: {app: web, rollouts-pod-template-hash: v1}}, {name: canary, labels: {rollouts-pod-template-hash: v2}, trafficPolicy: {}}, {name: other}]}",
			free + "spec: {host: web, subsets: [{name: stable, labels: {app: web}}, {name: canary, trafficPolicy: {}}, {name: other}]}"},
		{"the subset of an Experiment", KindDestinationRule,
			managed + "spec: {subsets: [{name: stable, labels: {rollouts-pod-template-hash: v1}}, {name: exp-baseline, labels: {rollouts-pod-template-hash: v3}}, {name: exp-mine, labels: {app: web}}]}",
			free + "spec: {subsets: [{name: stable}, {name: exp-mine, labels: {app: web}}]}"},
		{"nobody's DestinationRule", KindDestinationRule, "metadata: {name: web}\nspec: {subsets: [{name: stable, labels: {app: web}}]}", ""},
		{"one without subsets", KindDestinationRule, managed + "spec: {host: web}", free + "spec: {host: web}"},
		{"no other annotation", KindDestinationRule, "metadata: {annotations: {argo-rollouts.argoproj.io/managed-by-rollouts: web}}\nspec: {host: web}", "metadata: {}\nspec: {host: web}"},
		{"weights", KindVirtualService,
			managed + "spec: {http: [{route: [{destination: {host: stable}, weight: 80}, {destination: {host: canary}, weight: 20}]}]}",
			free + "spec: {http: [{route: [{destination: {host: stable}, weight: 80}, {destination: {host: canary}, weight: 20}]}]}"},
		{"the share of an Experiment", KindVirtualService,
			managed + "spec: {http: [{name: a, route: [{destination: {host: exp-a}, weight: 10}, {destination: {host: canary}, weight: 0}, {destination: {host: stable}, weight: 70}, {destination: {host: exp-b}, weight: 20}]}, {name: b, route: [{destination: {host: other}}]}]," +
				" tcp: [{route: [{destination: {host: canary}, weight: 60}, {destination: {host: stable}, weight: 30}, {destination: {host: exp-a}, weight: 10}]}]}",
			free + "spec: {http: [{name: a, route: [{destination: {host: canary}, weight: 0}, {destination: {host: stable}, weight: 100}]}, {name: b, route: [{destination: {host: other}}]}]," +
				" tcp: [{route: [{destination: {host: canary}, weight: 70}, {destination: {host: stable}, weight: 30}]}]}"},
		{"nothing but an Experiment", KindVirtualService,
			managed + "spec: {http: [{route: [{destination: {host: exp-a}}]}]}", free + "spec: {http: [{route: [{destination: {host: exp-a}}]}]}"},
		{"nobody's VirtualService", KindVirtualService, "metadata: {name: web}\nspec: {http: [{route: [{destination: {host: web}}]}]}", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := func(text string) node { return decode(t, []byte("kind: "+c.kind+"\n"+text)).Object }
			seen, want := in(c.before), in(c.before)
			if c.after != "" {
				want = in(c.after)
			}
			out, changed, err := releaseOf(c.kind)(seen, func(host string) bool { return strings.HasPrefix(host, "exp") })
			if err != nil || changed != (c.after != "") {
				t.Errorf("changed: %t, error %v", changed, err)
			}
			if !equal(out, want) {
				t.Errorf("released (-want +got):\n%s", cmp.Diff(want, out))
			}
			if d := cmp.Diff(in(c.before), seen); d != "" {
				t.Errorf("what was given is modified (-before +after):\n%s", d)
			}
		})
	}
	for kind, spec := range map[string]node{KindDestinationRule: {"subsets": node{}}, KindVirtualService: {"http": node{}}} {
		if _, _, err := releaseOf(kind)(node{"spec": spec}, nil); err == nil || !strings.Contains(err.Error(), "is an object, it must be a list") {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// The subset of an Experiment goes by the record, too: when the DestinationRule is let go
// of, the Service that it is named after may be gone.
func TestReleaseOfRecordedSubsets(t *testing.T) {
	dr := decode(t, []byte("kind: DestinationRule\nmetadata: {name: web}\nspec: {subsets: [{name: stable}, {name: canary}, {name: cart, labels: {rollouts-pod-template-hash: x}}]}")).Object
	want := traffic.Routing{Additional: []traffic.Destination{expStable}}
	there, _, err := TransformDestinationRule(dr, shopWeb, twoSubsets, traffic.Observed{}, want)
	if err != nil {
		t.Fatal(err)
	}
	out, changed, err := ReleaseDestinationRule(there, func(string) bool { return false })
	after := decode(t, []byte("kind: DestinationRule\nmetadata: {name: web}\nspec: {subsets: [{name: stable}, {name: canary}, {name: cart}]}")).Object
	if err != nil || !changed || !equal(out, after) {
		t.Errorf("changed: %t, error %v (-want +got):\n%s", changed, err, cmp.Diff(after, out))
	}
}

func TestHosts(t *testing.T) {
	vs := decode(t, []byte("kind: VirtualService\nspec: {http: [{route: [{destination: {host: stable}, weight: 100}, {destination: {host: canary}, weight: 0}]}, {route: [{destination: {host: other}}]}, {redirect: {}}], tls: [{route: [{destination: {host: tls.shop.svc}, weight: 1}]}]}"))
	if got := Hosts(vs); !slices.Equal(got, []string{"stable", "other", "tls.shop.svc"}) {
		t.Errorf("got %q", got)
	}
}

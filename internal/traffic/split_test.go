package traffic

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

func TestSplit(t *testing.T) {
	for name, c := range map[string]struct {
		want     Routing
		reserved int64
		split    Weights
	}{
		"at rest":                        {Routing{}, 0, Weights{Stable: 100}},
		"a step":                         {Routing{CanaryWeight: 20}, 0, Weights{Canary: 20, Stable: 80}},
		"the end":                        {Routing{CanaryWeight: 100}, 0, Weights{Canary: 100}},
		"too much":                       {Routing{CanaryWeight: 140}, 0, Weights{Canary: 100}},
		"less than nothing":              {Routing{CanaryWeight: -5}, 0, Weights{Stable: 100}},
		"another whole":                  {Routing{CanaryWeight: 5, MaxWeight: 1000}, 0, Weights{Canary: 5, Stable: 995}},
		"an experiment":                  {Routing{Additional: []Destination{{Host: "b", Hash: "h2", Weight: 20}, {Host: "a", Hash: "h1", Weight: 20}}}, 0, Weights{Stable: 60, Additional: []Destination{{Host: "a", Hash: "h1", Weight: 20}, {Host: "b", Hash: "h2", Weight: 20}}}},
		"an experiment that is too big":  {Routing{CanaryWeight: 10, Additional: []Destination{{Host: "a", Weight: 50}, {Host: "b", Weight: 50}}}, 0, Weights{Canary: 10, Additional: []Destination{{Host: "a", Weight: 45}, {Host: "b", Weight: 45}}}},
		"equal weights stay equal":       {Routing{CanaryWeight: 3, Additional: []Destination{{Host: "a", Weight: 50}, {Host: "b", Weight: 50}, {Host: "c", Weight: 50}}}, 0, Weights{Canary: 3, Stable: 1, Additional: []Destination{{Host: "a", Weight: 32}, {Host: "b", Weight: 32}, {Host: "c", Weight: 32}}}},
		"nothing left for an experiment": {Routing{CanaryWeight: 100, Additional: []Destination{{Host: "a", Weight: 20}}}, 0, Weights{Canary: 100}},
		"a service without a name":       {Routing{CanaryWeight: 10, Additional: []Destination{{Host: "", Hash: "h", Weight: 50}}}, 0, Weights{Canary: 10, Stable: 90}},
		"one host twice":                 {Routing{Additional: []Destination{{Host: "a", Hash: "h1", Weight: 20}, {Host: "a", Hash: "h2", Weight: 30}}}, 0, Weights{Stable: 80, Additional: []Destination{{Host: "a", Hash: "h1", Weight: 20}}}},
		"reserved":                       {Routing{CanaryWeight: 50}, 10, Weights{Canary: 50, Stable: 40}},
		"reserved at the end":            {Routing{CanaryWeight: 100}, 10, Weights{Canary: 90}},
		"all reserved":                   {Routing{CanaryWeight: 20}, 120, Weights{}},
	} {
		t.Run(name, func(t *testing.T) {
			got := c.want.Split(c.reserved)
			if len(got.Additional) == 0 {
				got.Additional = nil
			}
			if diff := cmp.Diff(c.split, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestSplitAddsUp draws weights that no step would have.
func TestSplitAddsUp(t *testing.T) {
	destination := rapid.Custom(func(t *rapid.T) Destination {
		return Destination{Host: rapid.StringMatching("[a-e]?").Draw(t, "host"), Weight: rapid.Int32().Draw(t, "weight")}
	})
	rapid.Check(t, func(t *rapid.T) {
		want := Routing{
			CanaryWeight: rapid.Int32().Draw(t, "canary"),
			MaxWeight:    rapid.Int32().Draw(t, "max"),
			Additional:   rapid.SliceOfN(destination, 0, 6).Draw(t, "additional"),
		}
		total := int64(want.Total())
		reserved := rapid.Int64Range(0, min(total, math.MaxInt32)).Draw(t, "reserved")
		got := want.Split(reserved)
		if got.Total()+reserved != total || got.Canary < 0 || got.Stable < 0 {
			t.Errorf("%+v and %d reserved do not add up to %d", got, reserved, total)
		}
		if int64(want.CanaryWeight) <= total-reserved && want.CanaryWeight >= 0 && got.Canary != want.CanaryWeight {
			t.Errorf("the canary gets %d of the %d that there is room for", got.Canary, want.CanaryWeight)
		}
		for i, d := range got.Additional {
			if d.Weight <= 0 || d.Host == "" || i > 0 && got.Additional[i-1].Host >= d.Host {
				t.Errorf("destination %d of %+v", i, got.Additional)
			}
		}
		again := Routing{CanaryWeight: got.Canary, MaxWeight: want.MaxWeight, Additional: got.Additional}.Split(reserved)
		if diff := cmp.Diff(got, again); diff != "" {
			t.Errorf("a split that fits is changed: %s", diff)
		}
	})
}

func TestServices(t *testing.T) {
	ro := &v1alpha1.Rollout{}
	if stable, canary := Services(ro); stable != "" || canary != "" {
		t.Errorf("blue/green: %s, %s", stable, canary)
	}
	c := &v1alpha1.CanaryStrategy{StableService: "s", CanaryService: "c"}
	ro.Spec.Strategy.Canary = c
	check := func(what, wantStable, wantCanary string) {
		t.Helper()
		if stable, canary := Services(ro); stable != wantStable || canary != wantCanary {
			t.Errorf("%s: stable %s, canary %s", what, stable, canary)
		}
	}
	check("services", "s", "c")
	c.PingPong = &v1alpha1.PingPongSpec{PingService: "ping", PongService: "pong"}
	check("before the first switch", "ping", "pong")
	ro.Status.Canary.StablePingPong = v1alpha1.PPPong
	check("pong is stable", "pong", "ping")
	ro.Status.Canary.StablePingPong = v1alpha1.PPPing
	check("ping is stable", "ping", "pong")
}

func TestManagedRoutes(t *testing.T) {
	ro := &v1alpha1.Rollout{}
	if got := ManagedRoutes(ro); got != nil {
		t.Errorf("no canary: %v", got)
	}
	ro.Spec.Strategy.Canary = &v1alpha1.CanaryStrategy{TrafficRouting: &v1alpha1.RolloutTrafficRouting{ManagedRoutes: []v1alpha1.ManagedRoute{{Name: "b"}, {Name: "a"}}}}
	if diff := cmp.Diff([]string{"b", "a"}, ManagedRoutes(ro)); diff != "" {
		t.Error(diff)
	}
}

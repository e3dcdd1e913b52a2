package rollout

import (
	"testing"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/traffic"
)

// bySubsets tells the revisions apart by labels instead of Services.
func bySubsets(c *v1alpha1.CanaryStrategy) {
	c.StableService, c.CanaryService = "", ""
	c.TrafficRouting.Istio.DestinationRule = &v1alpha1.IstioDestinationRule{Name: "web", StableSubsetName: "stable", CanarySubsetName: "canary"}
}

func byHosts(*v1alpha1.CanaryStrategy) {}

// canaryOn is the version behind the canary Service or subset.
func (d *desk) canaryOn(tag string) *desk {
	d.t.Helper()
	hash := d.o.Routing.CanaryHash
	if d.o.Rollout.Spec.Strategy.Canary.CanaryService != "" {
		d.selects("canary", tag)
		return d
	}
	for _, rs := range d.o.ReplicaSets {
		if hashOf(rs) == hash && rs.Spec.Template.Spec.Containers[0].Image == "web:"+tag {
			return d
		}
	}
	d.t.Errorf("the canary subset does not select %s but %q", tag, hash)
	return d
}

// With dynamicStableScale most stable pods are gone when another image, or an
// undo, comes at 80 %. The requests go back as the stable pods come, and the pods
// that served them stay until then.
func TestSupersededWhereStablePodsMadeWay(t *testing.T) {
	for name, route := range map[string]func(*v1alpha1.CanaryStrategy){"hosts": byHosts, "subsets": bySubsets} {
		start := func(t *testing.T, next string) *desk {
			d := routedDesk(t, func(c *v1alpha1.CanaryStrategy) { c.DynamicStableScale = true; route(c) }, weight(80), pauseFor(nil)).image("v2").heard()
			d.want("Paused(CanaryPauseStep) step 1 v1:1 v2:4").canaryOn("v2")
			d.split = nil
			d.slow("v1", 1)
			d.broken["web:v3"] = true
			return d.image(next).settle()
		}
		back := func(d *desk) *desk {
			d.canaryOn("v2").wantSplits()
			d.slow("v1", 3)
			d.settle().canaryOn("v2").wantSplits(40)
			d.slow("v1", 5)
			return d.heard().wantSplits(0)
		}
		t.Run(name+": another image", func(t *testing.T) {
			d := start(t, "v3").want("Progressing(more replicas need to be updated) step 0 v1:5 v2:4 v3:4")
			back(d).want("Progressing(more replicas need to be updated) step 0 v1:5 v2:0 v3:4").canaryOn("v1")
		})
		t.Run(name+": an undo", func(t *testing.T) {
			d := start(t, "v1").want("Progressing(waiting for all steps to complete) step 2 v1:5 v2:4")
			back(d).want("Healthy step 2 v1:5 v2:0").canaryOn("v1")
		})
		t.Run(name+": the new version is ready first", func(t *testing.T) {
			d := start(t, "v3")
			delete(d.broken, "web:v3")
			d.o.ReplicaSets[2].Status.AvailableReplicas = 4
			d.heard().want("Paused(CanaryPauseStep) step 1 v1:1 v2:0 v3:4").canaryOn("v3")
			for _, weight := range d.split {
				if weight != 80 {
					t.Errorf("on the way the canary is given %d", weight)
				}
			}
		})
		t.Run(name+": given up", func(t *testing.T) {
			d := start(t, "v3")
			d.status().Abort = true
			back(d.settle()).canaryOn("v1").want("Degraded(RolloutAborted: Rollout aborted update to revision 3) step 0 v1:5 v2:0 v3:0")
		})
	}
}

// A canary that a step wants without pods gives its share back before they go,
// and gets none from the steps that follow, which do not wait for it either.
func TestScaledToNothingBehindAWeight(t *testing.T) {
	none := int32(0)
	d := routedDesk(t, func(c *v1alpha1.CanaryStrategy) { c.DynamicStableScale = true },
		weight(60), pauseFor(nil), v1alpha1.CanaryStep{SetCanaryScale: &v1alpha1.SetCanaryScale{Replicas: &none}}, weight(100), pauseFor(nil))
	d.image("v2").heard().want("Paused(CanaryPauseStep) step 1 v1:2 v2:3").wantSplits(60)
	d.slow("v1", 2)
	d.promote().settle().want("Progressing(more replicas need to be updated) step 3 v1:5 v2:3").wantSplits()
	d.slow("v1", 5)
	d.heard().want("Paused(CanaryPauseStep) step 4 v1:5 v2:0").wantSplits(0)
}

// A stable version that does not serve gets nothing back either, until the third
// image can take the share or the stable pods are there again.
func TestSupersededWhereStablePodsDoNotServe(t *testing.T) {
	for name, route := range map[string]func(*v1alpha1.CanaryStrategy){"hosts": byHosts, "subsets": bySubsets} {
		t.Run(name, func(t *testing.T) {
			d := routedDesk(t, route, weight(100), weight(60), pauseFor(nil)).image("v2").settle()
			d.o.Routing.Weights = traffic.Weights{Canary: 100}
			d.slow("v1", 0)
			d.broken["web:v3"] = true
			d.split = nil
			d.image("v3").settle().canaryOn("v2").wantSplits()
			d.slow("v1", 5)
			d.settle().canaryOn("v1").wantSplits(0)
		})
	}
}

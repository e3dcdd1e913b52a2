package rollout

import (
	"testing"
	"time"

	"k8s.io/utils/ptr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// A stable version that gets no requests any more stays until every proxy has heard,
// counted from the last time that it lost some; whoever decides finds that on record.
func TestPodsOutlastTheirRequests(t *testing.T) {
	for name, route := range map[string]func(*v1alpha1.CanaryStrategy){"hosts": byHosts, "subsets": bySubsets} {
		t.Run(name, func(t *testing.T) {
			d := routedDesk(t, func(c *v1alpha1.CanaryStrategy) { c.DynamicStableScale = true; route(c) },
				weight(60), pauseFor(nil), weight(100), pauseFor(nil), weight(20), pauseFor(nil))
			d.image("v2").settle().want("Paused(CanaryPauseStep) step 1 v1:5 v2:3")
			d.split = nil
			d.pass(3 * time.Second).promote().settle().want("Paused(CanaryPauseStep) step 3 v1:5 v2:5").wantSplits(100)
			d.pass(4 * time.Second).want("Paused(CanaryPauseStep) step 3 v1:5 v2:5")
			d.pass(time.Second).want("Paused(CanaryPauseStep) step 3 v1:0 v2:5")
			d.promote().settle().want("Paused(CanaryPauseStep) step 5 v1:4 v2:5").wantSplits(20)
			d.status().Abort = true
			d.settle().pass(4 * time.Second).want("Degraded(RolloutAborted: Rollout aborted update to revision 2) step 0 v1:5 v2:5").wantSplits(0)
			d.pass(time.Second).want("Degraded(RolloutAborted: Rollout aborted update to revision 2) step 0 v1:5 v2:0")
			for _, rs := range d.o.ReplicaSets {
				if until := rs.Annotations[v1alpha1.ServesUntilAnnotation]; until != "" {
					t.Errorf("ReplicaSet %s goes on saying that it serves until %s", rs.Name, until)
				}
			}
		})
	}
}

// However long the routers take to be told, the pods stay for as long after that; a
// controller that is started anew in between counts from when it sees it.
func TestSlowRouters(t *testing.T) {
	const degraded = "Degraded(RolloutAborted: Rollout aborted update to revision 2) step 0 "
	d := routedDesk(t, func(c *v1alpha1.CanaryStrategy) { c.DynamicStableScale = true; byHosts(c) }, weight(60), pauseFor(nil))
	d.image("v2").settle().want("Paused(CanaryPauseStep) step 1 v1:5 v2:3")
	d.heard().want("Paused(CanaryPauseStep) step 1 v1:2 v2:3")
	d.routing = 8 * time.Second
	d.status().Abort = true
	for d.o.Routing == nil || d.o.Routing.Weights.Canary > 0 {
		d.now = d.now.Add(time.Second)
		d.carryOut(Decide(d.o, d.now))
	}
	d.settle().want(degraded + "v1:5 v2:3")
	d.pass(4 * time.Second).want(degraded + "v1:5 v2:3")
	d.pass(time.Second).want(degraded + "v1:5 v2:0")
}

// Where no delay is asked for, the pods of a version that was replaced stay until every
// proxy has heard all the same; no limit takes them away before.
func TestNoDelayIsAsLongAsProxiesNeed(t *testing.T) {
	for name, change := range map[string]func(*v1alpha1.CanaryStrategy){
		"scaleDownDelaySeconds 0":       func(c *v1alpha1.CanaryStrategy) { c.ScaleDownDelaySeconds = ptr.To[int32](0) },
		"scaleDownDelayRevisionLimit 0": func(c *v1alpha1.CanaryStrategy) { c.ScaleDownDelayRevisionLimit = ptr.To[int32](0) },
	} {
		for _, route := range []func(*v1alpha1.CanaryStrategy){byHosts, bySubsets} {
			t.Run(name, func(t *testing.T) {
				d := routedDesk(t, func(c *v1alpha1.CanaryStrategy) { change(c); route(c) }, weight(20)).image("v2").settle()
				d.pass(4 * time.Second).want("Healthy step 1 v1:5 v2:5")
				d.pass(time.Second).want("Healthy step 1 v1:0 v2:5")
			})
		}
	}
}

// An aborted canary that only a header route leads to keeps its pods until that is gone.
func TestAbortedCanaryOutlastsItsHeaderRoute(t *testing.T) {
	one := int32(1)
	header := v1alpha1.CanaryStep{SetHeaderRoute: &v1alpha1.SetHeaderRoute{
		Name: "testers", Match: []v1alpha1.HeaderRoutingMatch{{HeaderName: "x-test", HeaderValue: &v1alpha1.StringMatch{Exact: "1"}}},
	}}
	d := routedDesk(t, func(c *v1alpha1.CanaryStrategy) {
		c.DynamicStableScale = true
		c.TrafficRouting.ManagedRoutes = []v1alpha1.ManagedRoute{{Name: "testers"}}
	}, v1alpha1.CanaryStep{SetCanaryScale: &v1alpha1.SetCanaryScale{Replicas: &one}}, header, pauseFor(nil))
	d.image("v2").settle().want("Paused(CanaryPauseStep) step 2 v1:5 v2:1")
	d.status().Abort = true
	d.settle().want("Degraded(RolloutAborted: Rollout aborted update to revision 2) step 0 v1:5 v2:1")
	if len(d.o.Routing.Managed) != 0 {
		t.Errorf("managed routes %v are left behind", d.o.Routing.Managed)
	}
	d.heard().want("Degraded(RolloutAborted: Rollout aborted update to revision 2) step 0 v1:5 v2:0")
}

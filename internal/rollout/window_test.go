package rollout

import (
	"slices"
	"testing"
	"time"

	"k8s.io/utils/ptr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// promoted is a desk on which v1 and v2 had their turns and v2 is stable, with no pods of
// v1 left, and with a rollback window.
func promoted(d *desk, window int32) *desk {
	d.o.Rollout.Spec.RollbackWindow = &v1alpha1.RollbackWindowSpec{Revisions: window}
	return d.settle().pass(time.Second).through("v2")
}

// through brings a version in by a full promotion, until nothing is left of the one before.
func (d *desk) through(tag string) *desk {
	d.image(tag).settle()
	if d.status().StableRS != d.status().CurrentPodHash {
		d.status().PromoteFull = true
		d.settle()
	}
	return d.pass(time.Minute)
}

// Going back within the window passes no pause, also where no pods are left.
func TestRollbackWindow(t *testing.T) {
	steps := canaryOf(weight(20), pauseFor(nil), weight(60), pauseFor(nil))
	pausing := blueGreenOf(func(bg *v1alpha1.BlueGreenStrategy) { bg.AutoPromotionEnabled = ptr.To(false) })
	atStep := "Paused(CanaryPauseStep) step 1 v1:1 v2:4"
	for name, c := range map[string]struct {
		strategy v1alpha1.RolloutStrategy
		walk     func(d *desk) *desk // from v2, which has replaced v1
		want     string
	}{
		"canary":              {steps, func(d *desk) *desk { return d.image("v1").settle() }, "Healthy step 4 v1:5 v2:0"},
		"blue/green":          {pausing, func(d *desk) *desk { return d.image("v1").settle().pass(time.Minute) }, "Healthy v1:5 v2:0"},
		"forward again":       {steps, func(d *desk) *desk { return d.image("v1").settle().image("v2").settle() }, "Paused(CanaryPauseStep) step 1 v1:4 v2:1"},
		"beyond it":           {steps, func(d *desk) *desk { return d.through("v3").through("v4").image("v1").settle() }, "Paused(CanaryPauseStep) step 1 v1:1 v2:0 v3:0 v4:4"},
		"at its edge":         {steps, func(d *desk) *desk { return d.through("v3").image("v1").settle() }, "Healthy step 4 v1:5 v2:0 v3:0"},
		"in the middle of v3": {steps, func(d *desk) *desk { return d.image("v3").settle().image("v1").settle() }, "Healthy step 4 v1:5 v2:0 v3:0"},
		"other steps come after": {steps, func(d *desk) *desk {
			d.carryOut(Decide(d.image("v1").o, d.now))
			d.o.Rollout.Spec.Strategy = canaryOf(weight(20), pauseFor(nil))
			return d.settle()
		}, atStep},
		"given up and retried": {steps, func(d *desk) *desk {
			d.slow("v1", 0)
			d.image("v1").settle().status().Abort = true
			d.settle().want("Degraded(RolloutAborted: Rollout aborted update to revision 3) step 0 v1:0 v2:5")
			d.slow("v1", 5)
			d.status().Abort = false
			return d.settle()
		}, atStep},
		"blue/green, given up and retried": {pausing, func(d *desk) *desk {
			d.slow("v1", 0)
			d.image("v1").settle().status().Abort = true
			d.settle().slow("v1", 5)
			d.status().Abort = false
			return d.settle()
		}, "Paused(BlueGreenPause) v1:5 v2:5"},
		"held by hand": {steps, func(d *desk) *desk {
			d.o.Rollout.Spec.Paused = true
			return d.image("v1").settle()
		}, "Paused(manually paused) step 4 v1:0 v2:5"},
		"nothing on record": {steps, func(d *desk) *desk { d.o.Rollout.Status = v1alpha1.RolloutStatus{}; return d.image("v1").settle() }, atStep},
	} {
		t.Run(name, func(t *testing.T) {
			c.walk(promoted(newDesk(t, 5, c.strategy), 2)).want(c.want)
		})
	}
}

// Who dies between the writes of a fast rollback and its status leaves one that goes on as
// a fast rollback.
func TestRollbackWindowAfterACrash(t *testing.T) {
	d := promoted(newDesk(t, 5, canaryOf(weight(20), pauseFor(nil))), 1)
	before := d.status().DeepCopy()
	d.carryOut(Decide(d.image("v1").o, d.now))
	d.o.Rollout.Status = *before
	d.settle().want("Healthy step 2 v1:5 v2:0")
}

// The weight of a fast rollback waits for all pods, its header routes are not made, and no
// analysis measures it.
func TestRollbackWindowWithRoutes(t *testing.T) {
	header := v1alpha1.CanaryStep{SetHeaderRoute: &v1alpha1.SetHeaderRoute{Name: "testers", Match: []v1alpha1.HeaderRoutingMatch{{HeaderName: "x", HeaderValue: &v1alpha1.StringMatch{Exact: "1"}}}}}
	d := promoted(routedDesk(t, func(c *v1alpha1.CanaryStrategy) {
		c.Analysis = &v1alpha1.RolloutAnalysisBackground{RolloutAnalysis: successRate}
	}, weight(20), header, analysisStep(), pauseFor(nil)).templates(), 1)
	d.want("Healthy step 4 v1:0 v2:5")
	d.split, d.o.Runs = nil, nil
	d.slow("v1", 1)
	d.image("v1").settle().want("Progressing(waiting for all steps to complete) step 4 v1:5 v2:5").wantSplits()
	if managed := d.o.Routing.Managed; len(managed) > 0 {
		t.Errorf("one pod of five gets the requests of %q", managed)
	}
	d.slow("v1", 4)
	d.settle().wantSplits()
	d.slow("v1", 5)
	for _, rs := range d.o.ReplicaSets { // a desk has no pods that become ready later
		rs.Status.AvailableReplicas = specReplicas(rs)
	}
	d.settle().pass(time.Minute).want("Healthy step 4 v1:5 v2:0").wantSplits(100, 0).selects("stable", "v1")
	if len(d.o.Runs) > 0 {
		t.Errorf("%d AnalysisRuns measure a fast rollback", len(d.o.Runs))
	}
	if !slices.Contains(d.events, "SkipSteps") {
		t.Errorf("nobody is told: %q", d.events)
	}
}

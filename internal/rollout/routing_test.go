package rollout

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/traffic"
)

func routedDesk(t *testing.T, change func(*v1alpha1.CanaryStrategy), steps ...v1alpha1.CanaryStep) *desk {
	strategy := canaryOf(steps...)
	strategy.Canary.TrafficRouting = &v1alpha1.RolloutTrafficRouting{Istio: &v1alpha1.IstioTrafficRouting{}}
	if change != nil {
		change(strategy.Canary)
	}
	d := newDesk(t, 5, strategy)
	d.o.Routing = &traffic.Observed{Synced: true, Weights: traffic.Weights{Stable: 100}}
	return d.settle()
}

// wantManaged checks the names of the header and mirror routes in force.
func (d *desk) wantManaged(names ...string) {
	d.t.Helper()
	if !slices.Equal(d.o.Routing.Managed, names) {
		d.t.Errorf("managed routes %q, want %q", d.o.Routing.Managed, names)
	}
}

func (d *desk) wantSplits(want ...int32) *desk {
	d.t.Helper()
	if got := slices.Compact(slices.Clone(d.split)); !slices.Equal(got, want) {
		d.t.Errorf("the canary was given %v, want %v", got, want)
	}
	d.split = nil
	return d
}

func TestRoutedCanary(t *testing.T) {
	d := routedDesk(t, nil, weight(20), pauseFor(nil), weight(40), pauseFor(nil), weight(100))
	d.want("Healthy step 5 v1:5").image("v2").settle()
	d.want("Paused(CanaryPauseStep) step 1 v1:5 v2:1").wantSplits(20)
	d.promote().settle().want("Paused(CanaryPauseStep) step 3 v1:5 v2:2").wantSplits(40)
	d.promote().settle().want("Healthy step 5 v1:5 v2:5").wantSplits(100, 0).selects("stable", "v2")
	d.pass(29 * time.Second).want("Healthy step 5 v1:5 v2:5")
	d.pass(time.Second).want("Healthy step 5 v1:0 v2:5")
}

// The subsets are labelled with the first version, not only with the first
// update: case 2.2.7 shows both with its hash.
func TestSubsetsOfTheFirstVersion(t *testing.T) {
	d := routedDesk(t, func(c *v1alpha1.CanaryStrategy) {
		c.TrafficRouting.Istio.DestinationRule = &v1alpha1.IstioDestinationRule{Name: "web", StableSubsetName: "stable", CanarySubsetName: "canary"}
	}, weight(20), pauseFor(nil))
	check := func(stable, canary string) {
		t.Helper()
		if got := d.o.Routing; got.StableHash != stable || got.CanaryHash != canary {
			t.Errorf("the subsets select %q and %q, want %q and %q", got.StableHash, got.CanaryHash, stable, canary)
		}
	}
	first := d.status().StableRS
	check(first, first)
	d.image("v2").settle().want("Paused(CanaryPauseStep) step 1 v1:5 v2:1")
	check(first, d.status().CurrentPodHash)
}

// While an Experiment stands in for the canary its subset names the new version,
// which has no pods and gets no requests: case 2.2.9 shows it so. An abort takes
// it back.
func TestSubsetsDuringAnExperiment(t *testing.T) {
	d := routedDesk(t, func(c *v1alpha1.CanaryStrategy) {
		c.StableService, c.CanaryService = "", ""
		c.TrafficRouting.Istio.DestinationRule = &v1alpha1.IstioDestinationRule{Name: "web", StableSubsetName: "stable", CanarySubsetName: "canary"}
	}, v1alpha1.CanaryStep{Experiment: &v1alpha1.RolloutExperimentStep{}}, weight(20), pauseFor(nil))
	first := d.status().StableRS
	d.image("v2").settle().want("Progressing(more replicas need to be updated) step 0 v1:5 v2:0")
	if got := d.o.Routing.CanaryHash; got != d.status().CurrentPodHash {
		t.Errorf("the canary subset selects %q, want the new version, %q", got, d.status().CurrentPodHash)
	}
	d.status().Abort = true
	d.settle()
	if got := d.o.Routing.CanaryHash; got != first {
		t.Errorf("after the abort the canary subset selects %q, want the stable version, %q", got, first)
	}
}

func TestRoutedAbort(t *testing.T) {
	d := routedDesk(t, nil, weight(40), pauseFor(nil)).image("v2").settle()
	d.status().Abort = true
	d.settle().want("Degraded(RolloutAborted: Rollout aborted update to revision 2) step 0 v1:5 v2:2").wantSplits(40, 0).selects("canary", "v1")
	d.pass(30 * time.Second).want("Degraded(RolloutAborted: Rollout aborted update to revision 2) step 0 v1:5 v2:0")
	if _, kept := scaleDownDeadline(d.o.ReplicaSets[1]); !kept {
		t.Error("the deadline of the aborted canary is forgotten: people see it as delay:passed")
	}
	d.status().Abort = false
	d.settle().want("Paused(CanaryPauseStep) step 1 v1:5 v2:2").wantSplits(40)
}

// As many stable pods may be missing after an abort as during an update.
func TestRoutedAbortWithAThreshold(t *testing.T) {
	for _, c := range []struct {
		name      string
		threshold *v1alpha1.ReplicaProgressThreshold
		split     []int32 // after the abort
	}{
		{"none: all five are needed", nil, nil},
		{"80 %: four are", &v1alpha1.ReplicaProgressThreshold{Type: v1alpha1.ProgressTypePercentage, Value: 80}, nil},
		{"60 %: three do", &v1alpha1.ReplicaProgressThreshold{Type: v1alpha1.ProgressTypePercentage, Value: 60}, []int32{0}},
		{"two pods", &v1alpha1.ReplicaProgressThreshold{Type: v1alpha1.ProgressTypePods, Value: 2}, []int32{0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := routedDesk(t, func(s *v1alpha1.CanaryStrategy) { s.ReplicaProgressThreshold = c.threshold }, weight(40), pauseFor(nil))
			d.image("v2").settle().wantSplits(40)
			d.slow("v1", 3)
			d.status().Abort = true
			d.settle().wantSplits(c.split...)
		})
	}
}

func TestAnotherImageTakesTheTrafficBackFirst(t *testing.T) {
	d := routedDesk(t, nil, weight(40), pauseFor(nil)).image("v2").settle().wantSplits(40)
	d.broken["web:v3"] = true
	d.image("v3").settle().want("Progressing(more replicas need to be updated) step 0 v1:5 v2:2 v3:2").wantSplits(0).selects("canary", "v1")
	d.pass(30 * time.Second).want("Progressing(more replicas need to be updated) step 0 v1:5 v2:0 v3:2")
}

func TestBrokenCanaryGetsNoTraffic(t *testing.T) {
	d := routedDesk(t, nil, weight(20), pauseFor(nil))
	d.broken["web:v2"] = true
	d.image("v2").pass(time.Minute).wantSplits()
}

func TestDynamicStableScale(t *testing.T) {
	d := routedDesk(t, func(c *v1alpha1.CanaryStrategy) { c.DynamicStableScale = true },
		weight(20), pauseFor(nil), weight(40), pauseFor(nil), weight(75), pauseFor(nil))
	d.image("v2").heard().want("Paused(CanaryPauseStep) step 1 v1:4 v2:1")
	d.promote().heard().want("Paused(CanaryPauseStep) step 3 v1:3 v2:2")
	d.promote().heard().want("Paused(CanaryPauseStep) step 5 v1:2 v2:4").wantSplits(20, 40, 75)
	d.status().Abort = true
	d.heard().want("Degraded(RolloutAborted: Rollout aborted update to revision 2) step 0 v1:5 v2:0")
}

// A step back from 100 waits for a stable pod, however small the share is.
func TestBackFromEverythingWhereStablePodsMadeWay(t *testing.T) {
	d := routedDesk(t, func(c *v1alpha1.CanaryStrategy) { c.DynamicStableScale = true }, weight(100), pauseFor(nil), weight(95), pauseFor(nil))
	d.image("v2").heard().want("Paused(CanaryPauseStep) step 1 v1:0 v2:5").wantSplits(100)
	d.slow("v1", 0)
	d.promote().settle().want("Progressing(waiting for all steps to complete) step 2 v1:1 v2:5").wantSplits()
	d.slow("v1", 1)
	d.settle().want("Paused(CanaryPauseStep) step 3 v1:1 v2:5").wantSplits(95)
}

// A step to 0 behind a header route: the route goes before the pods that it leads to.
func TestHeaderRouteGoesBeforeItsPods(t *testing.T) {
	header := v1alpha1.CanaryStep{SetHeaderRoute: &v1alpha1.SetHeaderRoute{
		Name: "testers", Match: []v1alpha1.HeaderRoutingMatch{{HeaderName: "x-test", HeaderValue: &v1alpha1.StringMatch{Exact: "1"}}},
	}}
	d := routedDesk(t, func(c *v1alpha1.CanaryStrategy) {
		c.TrafficRouting.ManagedRoutes = []v1alpha1.ManagedRoute{{Name: "testers"}}
	}, weight(20), header, pauseFor(nil), weight(0), pauseFor(nil))
	d.image("v2").settle().want("Paused(CanaryPauseStep) step 2 v1:5 v2:1")
	d.promote()
	for range 10 {
		d.carryOut(Decide(d.o, d.now))
		if len(d.o.Routing.Managed) > 0 && available(d.o.ReplicaSets[1]) == 0 {
			t.Fatal("the header route leads to nobody")
		}
	}
	d.heard().want("Paused(CanaryPauseStep) step 4 v1:5 v2:0")
	d.wantManaged()
}

// The ReplicaSet of the canary was resized and has not acted on it: its weight
// stays, and the stable pods that this weight does not need may go; it does not
// fall back to the step before, whose stable pods are going in the same plan.
func TestWeightStaysWhileAResizeIsUnseen(t *testing.T) {
	d := routedDesk(t, func(c *v1alpha1.CanaryStrategy) { c.DynamicStableScale = true }, weight(20), weight(100), pauseFor(nil))
	d.image("v2").heard().want("Paused(CanaryPauseStep) step 2 v1:0 v2:5").wantSplits(20, 100)
	d.o.ReplicaSets[1].Generation++
	d.settle().want("Paused(CanaryPauseStep) step 2 v1:0 v2:5").wantSplits()
}

// The promotion of v2 has moved everything, but its record was lost to an undo:
// v1 is the stable version still, and it has no pods any more. What requests
// reach keeps its pods until v1 is back and selected.
func TestUndoneWhileThePromotionIsWritten(t *testing.T) {
	for name, route := range map[string]func(*v1alpha1.CanaryStrategy){"hosts": byHosts, "subsets": bySubsets} {
		t.Run(name, func(t *testing.T) {
			d := routedDesk(t, func(c *v1alpha1.CanaryStrategy) { c.DynamicStableScale = true; route(c) }, weight(20), pauseFor(nil)).image("v2").settle()
			unrecorded := d.status().DeepCopy()
			d.promote().heard().want("Healthy step 2 v1:0 v2:5")
			d.o.Rollout.Status = *unrecorded
			d.broken["web:v1"] = true                               // for now
			d.image("v1").settle().want("Healthy step 2 v1:5 v2:5") // by the count of all available pods
			d.broken["web:v1"] = false
			d.o.ReplicaSets[0].Status.AvailableReplicas = 5
			d.heard().want("Healthy step 2 v1:5 v2:0")
		})
	}
}

// After an abort the traffic goes back no faster than stable pods come back.
func TestWeightBackDown(t *testing.T) {
	d := routedDesk(t, func(c *v1alpha1.CanaryStrategy) { c.DynamicStableScale = true },
		weight(25), weight(50), weight(75), pauseFor(nil)).image("v2").heard()
	d.want("Paused(CanaryPauseStep) step 3 v1:2 v2:4").wantSplits(25, 50, 75)
	d.status().Abort = true
	stable := d.o.ReplicaSets[0]
	*stable.Spec.Replicas = 5
	for ready, want := range []int32{75, 75, 50, 25, 25, 0} {
		stable.Status.AvailableReplicas = int32(ready)
		got := d.o.Routing.Weights.Canary
		for _, a := range Decide(d.o, d.now).Actions {
			if r, is := a.(Route); is {
				got = r.CanaryWeight
			}
		}
		if got != want {
			t.Errorf("with %d of 5 stable pods the canary keeps %d, want %d", ready, got, want)
		}
	}
}

// Subsets whose weight is the user's own leave less than the whole: setWeight 100
// is then done at 90.
func TestReservedShare(t *testing.T) {
	d := routedDesk(t, nil, weight(20), pauseFor(nil), weight(100), pauseFor(nil))
	d.o.Routing.Reserved, d.o.Routing.Weights.Stable = 10, 90
	d.image("v2").settle().want("Paused(CanaryPauseStep) step 1 v1:5 v2:1").wantSplits(20)
	d.promote().settle().want("Paused(CanaryPauseStep) step 3 v1:5 v2:5").wantSplits(90)
	d.promote().settle().want("Healthy step 4 v1:5 v2:5").wantSplits(0)
}

func TestPingPongRoles(t *testing.T) {
	d := routedDesk(t, func(c *v1alpha1.CanaryStrategy) {
		c.StableService, c.CanaryService = "", ""
		c.PingPong = &v1alpha1.PingPongSpec{PingService: "ping", PongService: "pong"}
	}, weight(20), pauseFor(nil))
	check := func(what string, want v1alpha1.PingPongType) {
		t.Helper()
		if got := d.status().Canary.StablePingPong; got != want {
			t.Errorf("%s: %q is stable, want %q", what, got, want)
		}
	}
	check("the first version", v1alpha1.PPPing)
	d.image("v2").settle()
	check("in mid-update", v1alpha1.PPPing)
	d.promote().settle()
	check("the second version", v1alpha1.PPPong)
	d.image("v3").settle().status().Abort = true
	d.settle()
	check("after an abort", v1alpha1.PPPong)
	d.image("v4").settle().promote().settle()
	check("the third version", v1alpha1.PPPing)
}

// abortScaleDownDelaySeconds 0 keeps an aborted canary, at the size that the first
// step sets if it does.
func TestAbortedCanaryKept(t *testing.T) {
	scale := func(n int32) v1alpha1.CanaryStep {
		return v1alpha1.CanaryStep{SetCanaryScale: &v1alpha1.SetCanaryScale{Replicas: &n}}
	}
	never := func(c *v1alpha1.CanaryStrategy) { c.AbortScaleDownDelaySeconds = ptr.To[int32](0) }
	for name, c := range map[string]struct {
		steps []v1alpha1.CanaryStep
		want  string
	}{
		"as it is":                  {[]v1alpha1.CanaryStep{weight(60), pauseFor(nil)}, "v1:5 v2:3"},
		"sized by the first step":   {[]v1alpha1.CanaryStep{scale(2), weight(60), scale(4), pauseFor(nil)}, "v1:5 v2:2"},
		"not sized by a later step": {[]v1alpha1.CanaryStep{weight(60), scale(4), pauseFor(nil)}, "v1:5 v2:4"},
	} {
		t.Run(name, func(t *testing.T) {
			d := routedDesk(t, never, c.steps...).image("v2").settle()
			d.status().Abort = true
			d.settle().pass(2 * time.Minute).want("Degraded(RolloutAborted: Rollout aborted update to revision 2) step 0 " + c.want)
		})
	}
}

func TestSetCanaryScale(t *testing.T) {
	scale := func(s v1alpha1.SetCanaryScale) v1alpha1.CanaryStep { return v1alpha1.CanaryStep{SetCanaryScale: &s} }
	d := routedDesk(t, nil, scale(v1alpha1.SetCanaryScale{Replicas: ptr.To[int32](3)}), pauseFor(nil), weight(20), pauseFor(nil),
		scale(v1alpha1.SetCanaryScale{MatchTrafficWeight: true}), pauseFor(nil))
	d.image("v2").settle().want("Paused(CanaryPauseStep) step 1 v1:5 v2:3").wantSplits()
	d.promote().settle().want("Paused(CanaryPauseStep) step 3 v1:5 v2:3").wantSplits(20)
	d.promote().settle().want("Paused(CanaryPauseStep) step 5 v1:5 v2:1").wantSplits()
}

func TestHeaderAndMirrorRoutes(t *testing.T) {
	match := []v1alpha1.HeaderRoutingMatch{{HeaderName: "x-test", HeaderValue: &v1alpha1.StringMatch{Exact: "1"}}}
	header := func(m []v1alpha1.HeaderRoutingMatch) v1alpha1.CanaryStep {
		return v1alpha1.CanaryStep{SetHeaderRoute: &v1alpha1.SetHeaderRoute{Name: "testers", Match: m}}
	}
	d := routedDesk(t, func(c *v1alpha1.CanaryStrategy) {
		c.TrafficRouting.ManagedRoutes = []v1alpha1.ManagedRoute{{Name: "testers"}}
	}, weight(20), header(match), pauseFor(nil), header(nil), pauseFor(nil))
	d.image("v2").settle().want("Paused(CanaryPauseStep) step 2 v1:5 v2:1")
	d.wantManaged("testers")
	d.promote().settle().want("Paused(CanaryPauseStep) step 4 v1:5 v2:1")
	d.wantManaged()
}

// A router need not be told the port of an Experiment's Service where requests
// come to the same one.
func TestPortOfAnExperiment(t *testing.T) {
	step := v1alpha1.CanaryStep{Experiment: &v1alpha1.RolloutExperimentStep{
		Templates: []v1alpha1.RolloutExperimentTemplate{{Name: "try", SpecRef: v1alpha1.CanarySpecRef, Weight: ptr.To[int32](20)}},
	}}
	for port, want := range map[int32]int32{8080: 0, 80: 8080} {
		d := routedDesk(t, nil, step).image("v2")
		d.o.Template.Spec.Containers[0].Ports = []corev1.ContainerPort{{ContainerPort: 8080}}
		d.settle()
		d.o.Routing.StablePorts = []corev1.ServicePort{{Port: port, TargetPort: intstr.FromInt32(8080)}}
		var e *v1alpha1.Experiment
		for _, a := range Decide(d.o, d.now).Actions {
			if c, ok := a.(CreateExperiment); ok {
				e = c.Experiment
			}
		}
		if e == nil {
			t.Fatal("the step makes no Experiment")
		}
		e.Status.Phase = v1alpha1.AnalysisPhaseRunning
		e.Status.TemplateStatuses = []v1alpha1.TemplateStatus{{Name: "try", ServiceName: "web-try", PodTemplateHash: "h", AvailableReplicas: 1}}
		d.o.Experiments = []*v1alpha1.Experiment{e}
		var got []traffic.Destination
		for _, a := range Decide(d.o, d.now).Actions {
			if r, ok := a.(Route); ok {
				got = r.Additional
			}
		}
		if diff := cmp.Diff([]traffic.Destination{{Host: "web-try", Hash: "h", Weight: 20, Port: want}}, got); diff != "" {
			t.Errorf("requests to port %d: %s", port, diff)
		}
	}
}

// An Experiment that has ended, or whose pods do not serve, gets no requests: neither
// in an update that goes on nor, where nothing else moves, in one that a person holds.
// They stay only if no pod of the stable version could take them that is meant to.
func TestSharesOfAnExperiment(t *testing.T) {
	step := v1alpha1.CanaryStep{Experiment: &v1alpha1.RolloutExperimentStep{
		Templates: []v1alpha1.RolloutExperimentTemplate{{Name: "a", SpecRef: v1alpha1.StableSpecRef, Weight: ptr.To[int32](20)}},
	}}
	share := []traffic.Destination{{Host: "web-a", Weight: 20}}
	for _, test := range []struct {
		phase            v1alpha1.AnalysisPhase
		own              int32 // pods of the Experiment that are available
		replicas, stable int32 // pods of the stable version that are wanted and available
		keeps            bool
	}{
		{v1alpha1.AnalysisPhaseRunning, 1, 5, 5, true},
		{v1alpha1.AnalysisPhaseRunning, 1, 5, 0, true},
		{v1alpha1.AnalysisPhaseRunning, 1, 0, 0, true},
		{v1alpha1.AnalysisPhaseRunning, 0, 5, 5, false},
		{v1alpha1.AnalysisPhaseRunning, 0, 5, 0, true},
		{v1alpha1.AnalysisPhaseRunning, 0, 0, 0, false},
		{v1alpha1.AnalysisPhaseSuccessful, 1, 5, 5, false},
		{v1alpha1.AnalysisPhaseSuccessful, 1, 5, 1, false},
		{v1alpha1.AnalysisPhaseSuccessful, 1, 5, 0, true},
		{v1alpha1.AnalysisPhaseSuccessful, 1, 0, 0, false},
	} {
		for _, held := range []bool{false, true} {
			d := routedDesk(t, nil, step).image("v2").settle()
			d.slow("v1", test.stable)
			d.o.Experiments = []*v1alpha1.Experiment{{
				ObjectMeta: metav1.ObjectMeta{Name: d.status().Canary.CurrentExperiment},
				Status: v1alpha1.ExperimentStatus{Phase: test.phase,
					TemplateStatuses: []v1alpha1.TemplateStatus{{Name: "a", ServiceName: "web-a", AvailableReplicas: test.own}}},
			}}
			d.o.Routing.Weights = traffic.Weights{Stable: 80, Additional: share}
			d.o.Rollout.Spec.Replicas, d.o.Rollout.Spec.Paused = &test.replicas, held
			got := share
			for _, a := range Decide(d.o, d.now).Actions {
				if r, ok := a.(Route); ok {
					got = r.Additional
				}
			}
			if keeps := len(got) > 0; keeps != test.keeps {
				t.Errorf("%+v, held %t: it has the share %v", test, held, got)
			}
		}
	}
}

// No share is given to an Experiment whose pods do not serve, whoever else does.
func TestNoShareWithoutPods(t *testing.T) {
	step := v1alpha1.CanaryStep{Experiment: &v1alpha1.RolloutExperimentStep{
		Templates: []v1alpha1.RolloutExperimentTemplate{{Name: "a", SpecRef: v1alpha1.StableSpecRef, Weight: ptr.To[int32](20)}, {Name: "b", SpecRef: v1alpha1.CanarySpecRef, Weight: ptr.To[int32](10)}},
	}}
	for _, stable := range []int32{0, 5} {
		d := routedDesk(t, nil, step).image("v2").settle()
		d.slow("v1", stable)
		d.o.Experiments = []*v1alpha1.Experiment{{
			ObjectMeta: metav1.ObjectMeta{Name: d.status().Canary.CurrentExperiment},
			Status: v1alpha1.ExperimentStatus{Phase: v1alpha1.AnalysisPhaseRunning, TemplateStatuses: []v1alpha1.TemplateStatus{
				{Name: "a", ServiceName: "web-a", AvailableReplicas: 2}, {Name: "b", ServiceName: "web-b"},
			}},
		}}
		var got []traffic.Destination
		for _, a := range Decide(d.o, d.now).Actions {
			if r, ok := a.(Route); ok {
				got = r.Additional
			}
		}
		if diff := cmp.Diff([]traffic.Destination{{Host: "web-a", Weight: 20}}, got); diff != "" {
			t.Errorf("%d stable pods: %s", stable, diff)
		}
	}
}

// The ReplicaSets of an Experiment tell of lost pods before the Experiment does. Nobody
// tells of pods that are back before it has, so that it is looked at again soon; of those
// that it knows to be lost its status will tell.
func TestNoShareForLostPods(t *testing.T) {
	step := v1alpha1.CanaryStep{Experiment: &v1alpha1.RolloutExperimentStep{
		Templates: []v1alpha1.RolloutExperimentTemplate{{Name: "a", SpecRef: v1alpha1.StableSpecRef, Weight: ptr.To[int32](20)}},
	}}
	for _, test := range []struct {
		known     int32 // to the Experiment
		answering map[string]int32
		want      int
	}{{1, nil, 1}, {1, map[string]int32{"h": 1}, 1}, {1, map[string]int32{"h": 0}, 0}, {1, map[string]int32{"other": 1}, 0}, {0, map[string]int32{"h": 0}, 0}} {
		d := routedDesk(t, nil, step).image("v2").settle()
		d.o.Experiments = []*v1alpha1.Experiment{{
			ObjectMeta: metav1.ObjectMeta{Name: d.status().Canary.CurrentExperiment},
			Status: v1alpha1.ExperimentStatus{Phase: v1alpha1.AnalysisPhaseRunning,
				TemplateStatuses: []v1alpha1.TemplateStatus{{Name: "a", ServiceName: "web-a", PodTemplateHash: "h", AvailableReplicas: test.known}}},
		}}
		d.o.Answering = test.answering
		plan, got := Decide(d.o, d.now), 0
		for _, a := range plan.Actions {
			if r, ok := a.(Route); ok {
				got = len(r.Additional)
			}
		}
		if got != test.want {
			t.Errorf("%+v: %d shares", test, got)
		}
		if soon := plan.Wake.Equal(d.now.Add(lookAgainAtExperiment)); soon != (test.want == 0 && test.known > 0) {
			t.Errorf("%+v: looked at again at %s", test, plan.Wake)
		}
	}
}

// A stable version that does not serve must not keep the fix from its subset.
func TestSubsetOfAFix(t *testing.T) {
	d := routedDesk(t, func(c *v1alpha1.CanaryStrategy) {
		c.StableService, c.CanaryService = "", ""
		c.TrafficRouting.Istio.DestinationRule = &v1alpha1.IstioDestinationRule{Name: "web", StableSubsetName: "stable", CanarySubsetName: "canary"}
	}, weight(100), pauseFor(nil))
	d.o.ReplicaSets[0].Status.AvailableReplicas = 0
	d.image("v2").settle()
	if got := d.o.Routing; got.CanaryHash != d.status().CurrentPodHash || got.Weights.Canary != 100 {
		t.Errorf("the canary subset selects %q with %d %%, want %q with 100 %%", got.CanaryHash, got.Weights.Canary, d.status().CurrentPodHash)
	}
}

// What is recorded while two places do not agree adds up to a whole all the same.
func TestOneSplit(t *testing.T) {
	exp := []traffic.Destination{{Host: "x", Weight: 30}}
	for name, c := range map[string]struct {
		seen           traffic.Observed
		canary, stable int32
	}{
		"agreed":                       {traffic.Observed{Weights: traffic.Weights{Canary: 20, Stable: 80}}, 20, 80},
		"all here, nothing there":      {traffic.Observed{Weights: traffic.Weights{Canary: 100, Stable: 100}}, 100, 0},
		"40 here, 20 there":            {traffic.Observed{Weights: traffic.Weights{Canary: 40, Stable: 80}}, 40, 60},
		"a share that is the user's":   {traffic.Observed{Weights: traffic.Weights{Canary: 40, Stable: 80}, Reserved: 10}, 40, 50},
		"an Experiment that is ending": {traffic.Observed{Weights: traffic.Weights{Canary: 80, Stable: 70, Additional: exp}}, 70, 0},
		"less than a whole":            {traffic.Observed{Weights: traffic.Weights{Canary: 0, Stable: 80}}, 0, 80},
	} {
		d := routedDesk(t, nil, weight(20))
		d.o.Routing = &c.seen
		dec := newDecision(d.o, d.now)
		if got := dec.oneSplit(); got.Canary != c.canary || got.Stable != c.stable {
			t.Errorf("%s: canary %d, stable %d, want %d and %d", name, got.Canary, got.Stable, c.canary, c.stable)
		}
	}
}

// TestSameRoutes: it is names that count, not how many there are.
func TestSameRoutes(t *testing.T) {
	for _, c := range []struct {
		now, headers, mirrors []string
		want                  bool
	}{
		{nil, nil, nil, true},
		{[]string{"b", "a"}, []string{"a"}, []string{"b"}, true},
		{[]string{"a"}, nil, nil, false},
		{nil, []string{"a"}, nil, false},
		{[]string{"gone"}, []string{"a"}, nil, false},
		{[]string{"a", "gone"}, []string{"a"}, nil, false},
		{[]string{"a"}, []string{"a"}, []string{"a"}, false}, // one of the two is not there
	} {
		var want traffic.Routing
		for _, name := range c.headers {
			want.Headers = append(want.Headers, v1alpha1.SetHeaderRoute{Name: name})
		}
		for _, name := range c.mirrors {
			want.Mirrors = append(want.Mirrors, v1alpha1.SetMirrorRoute{Name: name})
		}
		if got := sameRoutes(c.now, want); got != c.want {
			t.Errorf("%q, wanted are headers %q and mirrors %q: %t", c.now, c.headers, c.mirrors, got)
		}
	}
}

// A step that gives a name to a mirror route takes it from the header route that had it, and
// what takes the name back leaves nothing.
func TestOneNameForHeaderAndMirror(t *testing.T) {
	get := v1alpha1.StringMatch{Exact: "GET"}
	header := func(match ...v1alpha1.HeaderRoutingMatch) v1alpha1.CanaryStep {
		return v1alpha1.CanaryStep{SetHeaderRoute: &v1alpha1.SetHeaderRoute{Name: "testers", Match: match}}
	}
	mirror := v1alpha1.CanaryStep{SetMirrorRoute: &v1alpha1.SetMirrorRoute{Name: "testers", Match: []v1alpha1.RouteMatch{{Method: &get}}}}
	d := routedDesk(t, func(c *v1alpha1.CanaryStrategy) {
		c.TrafficRouting.ManagedRoutes = []v1alpha1.ManagedRoute{{Name: "testers"}}
	}, weight(20), header(v1alpha1.HeaderRoutingMatch{HeaderName: "x-test", HeaderValue: &get}), mirror, pauseFor(nil), header(), pauseFor(nil))
	d.image("v2").settle().want("Paused(CanaryPauseStep) step 3 v1:5 v2:1")
	d.wantManaged("testers")
	d.promote().settle().want("Paused(CanaryPauseStep) step 5 v1:5 v2:1")
	d.wantManaged()
}

// A header or mirror route before there are canary pods keeps nobody waiting, and is made
// with the first of them.
func TestRouteBeforeThereArePods(t *testing.T) {
	get := v1alpha1.StringMatch{Exact: "GET"}
	for name, step := range map[string]v1alpha1.CanaryStep{
		"header": {SetHeaderRoute: &v1alpha1.SetHeaderRoute{Name: "testers", Match: []v1alpha1.HeaderRoutingMatch{{HeaderName: "x-test", HeaderValue: &get}}}},
		"mirror": {SetMirrorRoute: &v1alpha1.SetMirrorRoute{Name: "testers", Match: []v1alpha1.RouteMatch{{Method: &get}}}},
	} {
		t.Run(name, func(t *testing.T) {
			d := routedDesk(t, func(c *v1alpha1.CanaryStrategy) {
				c.TrafficRouting.ManagedRoutes = []v1alpha1.ManagedRoute{{Name: "testers"}}
			}, step, pauseFor(nil), weight(20), pauseFor(nil))
			d.image("v2").settle().want("Paused(CanaryPauseStep) step 1 v1:5 v2:0")
			if len(d.o.Routing.Managed) != 0 {
				t.Errorf("the routes %v lead to nobody", d.o.Routing.Managed)
			}
			d.promote().settle().want("Paused(CanaryPauseStep) step 3 v1:5 v2:1")
			if len(d.o.Routing.Managed) != 1 {
				t.Errorf("managed routes are %v, want testers", d.o.Routing.Managed)
			}
		})
	}
}

package rollout

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/analysis"
)

var successRate = v1alpha1.RolloutAnalysis{Templates: []v1alpha1.AnalysisTemplateRef{{TemplateName: "success-rate"}}}

// templates gives the desk the template that successRate refers to.
func (d *desk) templates() *desk {
	d.o.Templates = analysis.Library{successRate.Templates[0]: {
		Metrics: []v1alpha1.Metric{{Name: "success-rate", Provider: v1alpha1.MetricProvider{Prometheus: &v1alpha1.PrometheusMetric{Query: "1"}}}},
	}}
	return d
}

// verdict lets the run of a name end.
func (d *desk) verdict(name string, phase v1alpha1.AnalysisPhase, message string) *desk {
	d.t.Helper()
	hash := hashOf(d.o.ReplicaSets[len(d.o.ReplicaSets)-1])
	for _, r := range d.o.Runs {
		if r.Name == "web-"+hash+"-"+name {
			r.Status.Phase, r.Status.Message = phase, message
			return d.settle()
		}
	}
	d.t.Fatalf("there is no AnalysisRun web-%s-%s among %d", hash, name, len(d.o.Runs))
	return d
}

func analysisStep() v1alpha1.CanaryStep { return v1alpha1.CanaryStep{Analysis: &successRate} }

func TestAnalysisStep(t *testing.T) {
	start := func() *desk {
		return newDesk(t, 5, canaryOf(weight(20), analysisStep(), pauseFor(nil))).templates().settle().image("v2").settle()
	}
	t.Run("successful", func(t *testing.T) {
		d := start().want("Progressing(more replicas need to be updated) step 1 v1:4 v2:1")
		d.pass(time.Minute).verdict("2-1", v1alpha1.AnalysisPhaseSuccessful, "").want("Paused(CanaryPauseStep) step 2 v1:4 v2:1")
	})
	t.Run("successful and deleted while a person holds the update", func(t *testing.T) {
		d := start()
		d.o.Rollout.Spec.Paused = true
		d.settle().verdict("2-1", v1alpha1.AnalysisPhaseSuccessful, "").want("Paused(manually paused) step 1 v1:4 v2:1")
		d.o.Runs, d.o.Rollout.Spec.Paused = nil, false
		d.settle().want("Paused(CanaryPauseStep) step 2 v1:4 v2:1")
	})
	t.Run("failed, then retried", func(t *testing.T) {
		d := start().verdict("2-1", v1alpha1.AnalysisPhaseFailed, "bad")
		d.want("Degraded(RolloutAborted: Rollout aborted update to revision 2: bad) step 0 v1:5 v2:0")
		d.status().Abort = false
		d.settle().verdict("2-1.1", v1alpha1.AnalysisPhaseSuccessful, "").want("Paused(CanaryPauseStep) step 2 v1:4 v2:1")
	})
	t.Run("inconclusive, looked at, measured again", func(t *testing.T) {
		d := start().verdict("2-1", v1alpha1.AnalysisPhaseInconclusive, "").want("Paused(InconclusiveAnalysisRun) step 1 v1:4 v2:1")
		d.promote().settle().want("Progressing(more replicas need to be updated) step 1 v1:4 v2:1")
		d.verdict("2-1.1", v1alpha1.AnalysisPhaseSuccessful, "").want("Paused(CanaryPauseStep) step 2 v1:4 v2:1")
	})
	// What the plugin's promote does to an inconclusive analysis step: it is skipped.
	skip := func(d *desk) *desk {
		d.status().PauseConditions, d.status().ControllerPause = nil, false
		*d.status().CurrentStepIndex++
		return d.settle()
	}
	t.Run("inconclusive, skipped: the pause behind it wants one promotion", func(t *testing.T) {
		d := skip(start().verdict("2-1", v1alpha1.AnalysisPhaseInconclusive, "")).want("Paused(CanaryPauseStep) step 2 v1:4 v2:1")
		d.promote().settle().want("Healthy step 3 v1:0 v2:5")
	})
	t.Run("inconclusive, skipped: the analysis behind it is made", func(t *testing.T) {
		d := newDesk(t, 5, canaryOf(weight(20), analysisStep(), analysisStep(), pauseFor(nil))).templates().settle().image("v2").settle()
		d = skip(d.verdict("2-1", v1alpha1.AnalysisPhaseInconclusive, "")).want("Progressing(more replicas need to be updated) step 2 v1:4 v2:1")
		d.verdict("2-2", v1alpha1.AnalysisPhaseSuccessful, "").want("Paused(CanaryPauseStep) step 3 v1:4 v2:1")
	})
	t.Run("left behind by a full promotion", func(t *testing.T) {
		d := start()
		d.status().PromoteFull = true
		if d.settle().want("Healthy step 3 v1:0 v2:5"); !d.o.Runs[0].Spec.Terminate {
			t.Error("the run goes on although nothing waits for it")
		}
	})
}

func TestBackgroundAnalysis(t *testing.T) {
	strategy := canaryOf(weight(20), pauseFor(nil), weight(40), pauseFor(nil))
	strategy.Canary.Analysis = &v1alpha1.RolloutAnalysisBackground{RolloutAnalysis: successRate, StartingStep: ptr.To[int32](2)}
	start := func() *desk { return newDesk(t, 5, strategy).templates().settle().image("v2").settle() }
	if d := start(); len(d.o.Runs) != 0 {
		t.Fatalf("%d runs before the starting step", len(d.o.Runs))
	}
	t.Run("ends with the update", func(t *testing.T) {
		d := start().promote().settle().want("Paused(CanaryPauseStep) step 3 v1:3 v2:2")
		if d.promote().settle().want("Healthy step 4 v1:0 v2:5"); !d.o.Runs[0].Spec.Terminate {
			t.Error("the background run goes on after the update")
		}
	})
	t.Run("fails at a pause", func(t *testing.T) {
		d := start().promote().settle().verdict("2", v1alpha1.AnalysisPhaseError, "no answer")
		d.want("Degraded(RolloutAborted: Rollout aborted update to revision 2: no answer) step 0 v1:5 v2:0")
	})
	t.Run("inconclusive: the pause step still wants its promotion", func(t *testing.T) {
		d := start().promote().settle().verdict("2", v1alpha1.AnalysisPhaseInconclusive, "")
		d.promote().settle().want("Paused(CanaryPauseStep) step 3 v1:3 v2:2")
	})
}

// What is wrong with a template while an update is on its way neither hides a verdict nor
// keeps the update from being taken back; it begins no other.
func TestVerdictsWithoutTemplates(t *testing.T) {
	const (
		invalid = `InvalidSpec: The Rollout "web" is invalid: template not found`
		bad     = "RolloutAborted: Rollout aborted update to revision 2: bad"
	)
	start := func() *desk {
		d := newDesk(t, 5, canaryOf(weight(20), analysisStep(), pauseFor(nil))).templates().settle().image("v2").settle()
		d.o.Invalid, d.o.InvalidTemplates, d.o.Templates = "template not found", true, nil
		return d.settle().want("Degraded(" + invalid + ") step 1 v1:4 v2:1")
	}
	heal := func(d *desk) *desk {
		d.o.Invalid, d.o.InvalidTemplates = "", false
		return d.templates().settle()
	}
	t.Run("bad", func(t *testing.T) {
		d := start().verdict("2-1", v1alpha1.AnalysisPhaseFailed, "bad").want("Degraded(" + bad + ") step 0 v1:5 v2:0")
		d.status().Abort = false // a retry
		d.settle().want("Degraded(" + invalid + ") step 0 v1:5 v2:0")
		heal(d).verdict("2-1.1", v1alpha1.AnalysisPhaseSuccessful, "").want("Paused(CanaryPauseStep) step 2 v1:4 v2:1")
	})
	t.Run("bad, and another image", func(t *testing.T) {
		d := start().image("v3")
		d.o.Runs[0].Status.Phase = v1alpha1.AnalysisPhaseFailed
		d.settle().want("Degraded(" + invalid + ") step 1 v1:4 v2:1")
		heal(d).want("Progressing(more replicas need to be updated) step 1 v1:4 v2:0 v3:1")
	})
	t.Run("good", func(t *testing.T) {
		d := start().verdict("2-1", v1alpha1.AnalysisPhaseSuccessful, "").want("Degraded(" + invalid + ") step 1 v1:4 v2:1")
		heal(d).want("Paused(CanaryPauseStep) step 2 v1:4 v2:1")
	})
	t.Run("inconclusive, looked at, measured again when there is a template", func(t *testing.T) {
		d := start().verdict("2-1", v1alpha1.AnalysisPhaseInconclusive, "").promote().settle()
		d.want("Degraded(" + invalid + ") step 1 v1:4 v2:1")
		heal(d).verdict("2-1.1", v1alpha1.AnalysisPhaseSuccessful, "").want("Paused(CanaryPauseStep) step 2 v1:4 v2:1")
	})
	t.Run("given up by a person", func(t *testing.T) {
		d := start()
		d.status().Abort = true
		d.settle().want("Degraded(RolloutAborted: Rollout aborted update to revision 2) step 0 v1:5 v2:0")
	})
	t.Run("something else is wrong, too", func(t *testing.T) {
		d := start()
		d.o.InvalidTemplates = false
		d.verdict("2-1", v1alpha1.AnalysisPhaseFailed, "bad").want("Degraded(" + invalid + ") step 1 v1:4 v2:1")
	})
}

// Whatever an analysis comes to is told once, on the Rollout.
func TestEventsOfAnalyses(t *testing.T) {
	background := canaryOf(weight(20), pauseFor(nil))
	background.Canary.Analysis = &v1alpha1.RolloutAnalysisBackground{RolloutAnalysis: successRate}
	step := canaryOf(weight(20), analysisStep(), pauseFor(nil))
	running, successful := v1alpha1.AnalysisPhaseRunning, v1alpha1.AnalysisPhaseSuccessful
	for _, test := range []struct {
		name, run, role string
		strategy        v1alpha1.RolloutStrategy
		phases          []v1alpha1.AnalysisPhase
		want            []string // type, reason, and what was on record
	}{
		{"good", "2-1", "Step", step, []v1alpha1.AnalysisPhase{running, successful}, []string{"Normal Running Pending", "Normal Successful Running"}},
		{"good at once", "2-1", "Step", step, []v1alpha1.AnalysisPhase{successful}, []string{"Normal Successful Pending"}},
		{"bad", "2-1", "Step", step, []v1alpha1.AnalysisPhase{running, v1alpha1.AnalysisPhaseFailed}, []string{"Normal Running Pending", "Warning Failed Running"}},
		{"in the background", "2", "Background", background, []v1alpha1.AnalysisPhase{v1alpha1.AnalysisPhaseError}, []string{"Warning Error Pending"}},
		{"undecided", "2", "Background", background, []v1alpha1.AnalysisPhase{v1alpha1.AnalysisPhaseInconclusive}, []string{"Normal Inconclusive Pending"}},
		{"before the switch", "2-pre", "PrePromotion", blueGreenOf(func(bg *v1alpha1.BlueGreenStrategy) { bg.PrePromotionAnalysis = &successRate }),
			[]v1alpha1.AnalysisPhase{running}, []string{"Normal Running Pending"}},
		{"after the switch", "2-post", "PostPromotion", blueGreenOf(func(bg *v1alpha1.BlueGreenStrategy) { bg.PostPromotionAnalysis = &successRate }),
			[]v1alpha1.AnalysisPhase{running}, []string{"Normal Running Pending"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDesk(t, 5, test.strategy).templates().settle().image("v2").settle()
			run := d.o.Runs[0].Name
			d.notes = nil
			for _, phase := range test.phases {
				d.verdict(test.run, phase, "").pass(2 * time.Second)
			}
			var got, want []string
			for _, n := range d.notes {
				if strings.HasPrefix(n.Reason, "AnalysisRun") {
					got = append(got, n.EventType()+" "+n.Reason+": "+n.Message)
				}
			}
			for _, line := range test.want {
				w := strings.Fields(line)
				want = append(want, fmt.Sprintf("%s AnalysisRun%s: %s Analysis Run '%s' Status New: '%s' Previous: '%s'", w[0], w[1], test.role, run, w[1], w[2]))
			}
			if !slices.Equal(got, want) {
				t.Errorf("got  %q\nwant %q", got, want)
			}
		})
	}
}

// A person who holds an update does not end what measures it: a run that is ended is
// successful, and would let a version pass that nobody has judged.
func TestHeldAnalyses(t *testing.T) {
	hold := func(d *desk, on bool) *desk { d.o.Rollout.Spec.Paused = on; return d.settle() }
	background := canaryOf(weight(20), pauseFor(nil))
	background.Canary.Analysis = &v1alpha1.RolloutAnalysisBackground{RolloutAnalysis: successRate}
	for _, test := range []struct {
		name     string
		strategy v1alpha1.RolloutStrategy
		run      string
		passed   string // when the run ends well and the person lets go
	}{
		{"a step", canaryOf(weight(20), analysisStep(), pauseFor(nil)), "2-1", "Paused(CanaryPauseStep) step 2 v1:4 v2:1"},
		{"in the background", background, "2", "Paused(CanaryPauseStep) step 1 v1:4 v2:1"},
		{"before the switch", blueGreenOf(func(bg *v1alpha1.BlueGreenStrategy) { bg.PrePromotionAnalysis = &successRate }), "2-pre", "Healthy v1:5 v2:5"},
	} {
		start := func() *desk { return newDesk(t, 5, test.strategy).templates().settle().image("v2").settle() }
		d := hold(start(), true).pass(time.Minute)
		if len(d.o.Runs) != 1 || d.o.Runs[0].Spec.Terminate {
			t.Fatalf("%s: %d runs, or one that was told to end while the update is held", test.name, len(d.o.Runs))
		}
		hold(d.verdict(test.run, v1alpha1.AnalysisPhaseSuccessful, ""), false).want(test.passed)
		d = hold(start(), true).verdict(test.run, v1alpha1.AnalysisPhaseFailed, "bad")
		if !d.status().Abort {
			t.Errorf("%s: it failed while the update was held, and nobody gave up: %s", test.name, d.picture())
		}
		d = hold(hold(start(), true).image("v1").settle(), false) // back to what was there
		if run := d.o.Runs[0]; !run.Spec.Terminate {
			t.Errorf("%s: it goes on although nothing waits for it", test.name)
		}
		d = newDesk(t, 5, test.strategy).templates().settle()
		if hold(d, true).image("v2").settle(); len(d.o.Runs) != 0 {
			t.Errorf("%s: a run is started while the update is held", test.name)
		}
	}
}

func TestBlueGreenAnalyses(t *testing.T) {
	start := func() *desk {
		return newDesk(t, 3, blueGreenOf(func(bg *v1alpha1.BlueGreenStrategy) {
			bg.PrePromotionAnalysis, bg.PostPromotionAnalysis = &successRate, &successRate
		})).templates().settle().image("v2").settle()
	}
	t.Run("both good", func(t *testing.T) {
		d := start().selects("active", "v1").verdict("2-pre", v1alpha1.AnalysisPhaseSuccessful, "").selects("active", "v2")
		d.want("Progressing(waiting for analysis to complete) v1:3 v2:3")
		d.verdict("2-post", v1alpha1.AnalysisPhaseSuccessful, "").want("Healthy v1:3 v2:3")
	})
	t.Run("bad before the switch", func(t *testing.T) {
		d := start().verdict("2-pre", v1alpha1.AnalysisPhaseFailed, "bad").selects("active", "v1")
		d.want("Degraded(RolloutAborted: Rollout aborted update to revision 2: bad) v1:3 v2:3")
	})
	t.Run("bad after the switch: back", func(t *testing.T) {
		d := start().verdict("2-pre", v1alpha1.AnalysisPhaseSuccessful, "").verdict("2-post", v1alpha1.AnalysisPhaseFailed, "bad")
		d.selects("active", "v1").pass(31 * time.Second).want("Degraded(RolloutAborted: Rollout aborted update to revision 2: bad) v1:3 v2:0")
	})
	t.Run("inconclusive after the switch, looked at, measured again", func(t *testing.T) {
		d := start().verdict("2-pre", v1alpha1.AnalysisPhaseSuccessful, "").verdict("2-post", v1alpha1.AnalysisPhaseInconclusive, "")
		d.events = nil
		d.settle().pass(3*time.Second).want("Paused(InconclusiveAnalysisRun) v1:3 v2:3").selects("active", "v2")
		if len(d.events) > 0 {
			t.Errorf("while nothing changes people are told %v", d.events)
		}
		d.promote().settle().want("Progressing(waiting for analysis to complete) v1:3 v2:3")
		d.verdict("2-post.1", v1alpha1.AnalysisPhaseSuccessful, "").want("Healthy v1:3 v2:3")
	})
	t.Run("the pause comes behind the first", func(t *testing.T) {
		d := newDesk(t, 3, blueGreenOf(func(bg *v1alpha1.BlueGreenStrategy) {
			bg.PrePromotionAnalysis, bg.AutoPromotionSeconds = &successRate, 60
		})).templates().settle().image("v2").settle()
		d.pass(time.Minute).want("Progressing(active service cutover pending) v1:3 v2:3")
		d.verdict("2-pre", v1alpha1.AnalysisPhaseSuccessful, "").want("Paused(BlueGreenPause) v1:3 v2:3").selects("active", "v1")
		d.pass(59 * time.Second).want("Paused(BlueGreenPause) v1:3 v2:3")
		d.pass(2*time.Second).want("Healthy v1:3 v2:3").selects("active", "v2")
	})
	t.Run("the first is deleted once it has ended", func(t *testing.T) {
		d := newDesk(t, 3, blueGreenOf(func(bg *v1alpha1.BlueGreenStrategy) {
			bg.PrePromotionAnalysis, bg.AutoPromotionEnabled = &successRate, ptr.To(false)
		})).templates().settle().image("v2").settle()
		d.verdict("2-pre", v1alpha1.AnalysisPhaseSuccessful, "").want("Paused(BlueGreenPause) v1:3 v2:3")
		d.o.Runs = nil
		d.settle().promote().settle().want("Healthy v1:3 v2:3").selects("active", "v2")
	})
	t.Run("neither is too slow for the progress deadline, and what follows has all of its time", func(t *testing.T) {
		d := newDesk(t, 3, blueGreenOf(func(bg *v1alpha1.BlueGreenStrategy) {
			bg.PrePromotionAnalysis, bg.PreviewReplicaCount = &successRate, ptr.To[int32](1)
		})).templates().settle().image("v2").settle()
		d.slow("v2", 1)
		d.pass(time.Hour).want("Progressing(more replicas need to be updated) v1:3 v2:1")
		d.verdict("2-pre", v1alpha1.AnalysisPhaseSuccessful, "").want("Progressing(active service cutover pending) v1:3 v2:3")
		d.pass(9 * time.Minute).want("Progressing(active service cutover pending) v1:3 v2:3")
		d.pass(2 * time.Minute).want(`Degraded(ProgressDeadlineExceeded: ReplicaSet "web-8478f44846" has timed out progressing.) v1:3 v2:3`)
	})
	t.Run("the second ends with the old pods where their time is given", func(t *testing.T) {
		begin := func(delay *int32) *desk {
			d := newDesk(t, 3, blueGreenOf(func(bg *v1alpha1.BlueGreenStrategy) {
				bg.PostPromotionAnalysis, bg.ScaleDownDelaySeconds = &successRate, delay
			})).templates().settle().image("v2").settle().selects("active", "v2")
			d.o.Runs[0].Status.StartedAt = &metav1.Time{Time: d.now}
			return d
		}
		begin(nil).pass(time.Hour).want("Progressing(waiting for analysis to complete) v1:3 v2:3")
		d := begin(ptr.To[int32](40)).pass(39 * time.Second).want("Progressing(waiting for analysis to complete) v1:3 v2:3")
		if d.o.Runs[0].Spec.Terminate {
			t.Error("it is ended a second too soon")
		}
		if d.pass(time.Second).settle().want("Healthy v1:0 v2:3"); !d.o.Runs[0].Spec.Terminate {
			t.Error("it measures on")
		}
		d = begin(ptr.To[int32](40)).pass(10*time.Second).verdict("2-post", v1alpha1.AnalysisPhaseSuccessful, "").want("Healthy v1:3 v2:3")
		d.pass(29 * time.Second).want("Healthy v1:3 v2:3").pass(2 * time.Second).want("Healthy v1:0 v2:3")
	})
	t.Run("a fast rollback needs neither", func(t *testing.T) {
		d := start().verdict("2-pre", v1alpha1.AnalysisPhaseSuccessful, "").verdict("2-post", v1alpha1.AnalysisPhaseSuccessful, "")
		runs := len(d.o.Runs)
		if d.image("v1").settle().want("Healthy v1:3 v2:3").selects("active", "v1"); len(d.o.Runs) != runs {
			t.Errorf("%d runs were made for it", len(d.o.Runs)-runs)
		}
	})
}

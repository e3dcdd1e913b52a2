package rollout

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/utils/ptr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// refused looks at a Rollout whose ReplicaSet is refused, and writes its status.
func (d *desk) refused() *desk {
	d.t.Helper()
	plan := Decide(d.o, d.now)
	create, ok := plan.Actions[0].(CreateReplicaSet)
	if !ok {
		d.t.Fatalf("nothing is created: %v", plan.Actions)
	}
	plan = NotCreated(d.o, fmt.Sprintf("no %q", create.ReplicaSet.Name), d.now)
	if plan.Wake.IsZero() || plan.Wake.After(d.now.Add(RefusedRetry)) {
		d.t.Errorf("looked at again at %s, which is %s later", plan.Wake, plan.Wake.Sub(d.now))
	}
	d.o.Rollout.Status = plan.Status
	return d
}

// later lets time go by in which nobody looks.
func (d *desk) later(span time.Duration) *desk {
	d.now = d.now.Add(span)
	return d
}

// wantNamed is want with NEW for the name of the ReplicaSet that is not there.
func (d *desk) wantNamed(picture string) *desk {
	d.t.Helper()
	return d.want(strings.ReplaceAll(picture, "NEW", "web-"+identify(d.o).hash))
}

// TestNotCreated walks through updates whose ReplicaSets are refused, with a deadline of
// a minute.
func TestNotCreated(t *testing.T) {
	green := v1alpha1.RolloutStrategy{BlueGreen: &v1alpha1.BlueGreenStrategy{ActiveService: "active"}}
	for _, c := range []struct {
		name     string
		strategy v1alpha1.RolloutStrategy
		abort    bool
		walk     func(d *desk)
	}{
		{"is Degraded and goes on asking", canaryOf(weight(20)), false, func(d *desk) {
			d.settle().image("v2").refused().wantNamed(`Progressing(ReplicaSetCreateError: no "NEW") step 1 v1:5`)
			d.later(59 * time.Second).refused().wantNamed(`Progressing(ReplicaSetCreateError: no "NEW") step 1 v1:5`)
			d.later(time.Second).refused().wantNamed(`Degraded(ProgressDeadlineExceeded: no "NEW") step 1 v1:5`)
			d.later(time.Second).refused().wantNamed(`Degraded(ProgressDeadlineExceeded: no "NEW") step 1 v1:5`)
		}},
		{"is given up", canaryOf(weight(20)), true, func(d *desk) {
			d.settle().image("v2").refused().later(time.Minute).refused()
			d.wantNamed(`Degraded(RolloutAborted: Rollout aborted update to revision 2: no "NEW") step 0 v1:5`)
			d.settle().wantNamed(`Degraded(RolloutAborted: Rollout aborted update to revision 2: no "NEW") step 0 v1:5`)
			if s := d.status().Duration; s.CompletionStatus != v1alpha1.CompletionStatusAborted || s.FinishedAt.Sub(s.RolloutStartedAt.Time) != time.Minute {
				d.t.Errorf("duration %+v", s)
			}
			d.status().Abort = false // a retry
			d.settle().want("Healthy step 1 v1:0 v2:5")
		}},
		{"is given up in blue-green", green, true, func(d *desk) {
			d.settle().image("v2").refused().later(time.Minute).refused().settle()
			d.wantNamed(`Degraded(RolloutAborted: Rollout aborted update to revision 2: no "NEW") v1:5`)
		}},
		{"takes its time from another", canaryOf(weight(20)), true, func(d *desk) {
			d.settle().image("v2").refused().later(40 * time.Second)
			d.image("v3").refused().later(59 * time.Second).refused().wantNamed(`Progressing(ReplicaSetCreateError: no "NEW") step 1 v1:5`)
		}},
		{"is no first deployment", canaryOf(weight(20)), true, func(d *desk) {
			d.refused().later(time.Hour).refused().wantNamed(`Degraded(ProgressDeadlineExceeded: no "NEW")`)
			d.status().Abort = true
			d.refused().wantNamed(`Degraded(ProgressDeadlineExceeded: no "NEW")`)
		}},
		{"is given up by a person, and not by an abort of the one before", canaryOf(weight(20), pauseFor(nil)), false, func(d *desk) {
			d.settle().image("v2").settle().status().Abort = true
			d.settle().want("Degraded(RolloutAborted: Rollout aborted update to revision 2) step 0 v1:5 v2:0")
			d.image("v3").refused().wantNamed(`Progressing(ReplicaSetCreateError: no "NEW") step 0 v1:5 v2:0`)
			d.status().Abort = true
			d.refused().settle().want("Degraded(RolloutAborted: Rollout aborted update to revision 3) step 0 v1:5 v2:0")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDesk(t, 5, c.strategy)
			d.o.Rollout.Spec.ProgressDeadlineSeconds, d.o.Rollout.Spec.ProgressDeadlineAbort = ptr.To[int32](60), c.abort
			c.walk(d)
		})
	}
}

// notMeasured looks at a Rollout whose AnalysisRun is refused, and writes its status. It is
// as want says, with RUN for the name of the run.
func (d *desk) notMeasured(want string) *desk {
	d.t.Helper()
	plan := Decide(d.o, d.now)
	i := slices.IndexFunc(plan.Actions, func(a Action) bool { _, is := a.(CreateRun); return is })
	if i < 0 {
		d.t.Fatalf("no AnalysisRun is created: %v", plan.Actions)
	}
	name := plan.Actions[i].(CreateRun).Run.Name
	plan = NotStarted(d.o, Refusal{Name: name, Reason: v1alpha1.FailedRunCreateReason, Message: fmt.Sprintf("no %q", name)}, d.now)
	if len(plan.Actions) > 0 || plan.Wake.IsZero() || plan.Wake.After(d.now.Add(RefusedRetry)) {
		d.t.Errorf("actions %v, looked at again at %s, which is %s later", plan.Actions, plan.Wake, plan.Wake.Sub(d.now))
	}
	d.o.Rollout.Status = plan.Status
	return d.want(strings.ReplaceAll(want, "RUN", name))
}

// TestNotStarted walks through updates whose AnalysisRuns are refused, with a deadline of
// a minute.
func TestNotStarted(t *testing.T) {
	inStep, background := canaryOf(weight(20), analysisStep(), pauseFor(nil)), canaryOf(weight(20), pauseFor(nil))
	background.Canary.Analysis = &v1alpha1.RolloutAnalysisBackground{RolloutAnalysis: successRate}
	preview := blueGreenOf(func(b *v1alpha1.BlueGreenStrategy) { b.PrePromotionAnalysis = &successRate })
	for _, c := range []struct {
		name     string
		strategy v1alpha1.RolloutStrategy
		abort    bool
		walk     func(d *desk)
	}{
		{"is Degraded and goes on asking", inStep, false, func(d *desk) {
			d.notMeasured(`Progressing(AnalysisRunCreateError: no "RUN") step 1 v1:4 v2:1`)
			d.later(59 * time.Second).notMeasured(`Progressing(AnalysisRunCreateError: no "RUN") step 1 v1:4 v2:1`)
			d.later(time.Second).notMeasured(`Degraded(ProgressDeadlineExceeded: no "RUN") step 1 v1:4 v2:1`)
			d.later(time.Hour).notMeasured(`Degraded(ProgressDeadlineExceeded: no "RUN") step 1 v1:4 v2:1`)
			d.settle().want("Progressing(more replicas need to be updated) step 1 v1:4 v2:1")
			d.verdict("2-1", v1alpha1.AnalysisPhaseSuccessful, "").want("Paused(CanaryPauseStep) step 2 v1:4 v2:1")
		}},
		{"goes on before that", inStep, true, func(d *desk) {
			d.notMeasured(`Progressing(AnalysisRunCreateError: no "RUN") step 1 v1:4 v2:1`)
			d.settle().want("Progressing(more replicas need to be updated) step 1 v1:4 v2:1")
			d.pass(2 * time.Minute).want("Progressing(more replicas need to be updated) step 1 v1:4 v2:1")
		}},
		{"is given up", inStep, true, func(d *desk) {
			d.notMeasured(`Progressing(AnalysisRunCreateError: no "RUN") step 1 v1:4 v2:1`).later(time.Minute)
			d.notMeasured(`Degraded(RolloutAborted: Rollout aborted update to revision 2: no "RUN") step 0 v1:4 v2:1`)
			if d.settle(); !strings.HasSuffix(d.picture(), "step 0 v1:5 v2:0") {
				t.Error(d.picture())
			}
		}},
		{"is given up by a person", inStep, false, func(d *desk) {
			d.notMeasured(`Progressing(AnalysisRunCreateError: no "RUN") step 1 v1:4 v2:1`).status().Abort = true
			d.settle().want("Degraded(RolloutAborted: Rollout aborted update to revision 2) step 0 v1:5 v2:0")
		}},
		{"a pause has no deadline", background, true, func(d *desk) {
			d.notMeasured(`Paused(AnalysisRunCreateError: no "RUN") step 1 v1:4 v2:1`)
			d.later(time.Hour).notMeasured(`Paused(AnalysisRunCreateError: no "RUN") step 1 v1:4 v2:1`)
			d.settle().want("Paused(CanaryPauseStep) step 1 v1:4 v2:1")
		}},
		{"before the switch", preview, true, func(d *desk) {
			d.notMeasured(`Progressing(AnalysisRunCreateError: no "RUN") v1:5 v2:5`).later(time.Minute)
			d.notMeasured(`Degraded(RolloutAborted: Rollout aborted update to revision 2: no "RUN") v1:5 v2:5`)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDesk(t, 5, c.strategy).templates()
			d.o.Rollout.Spec.ProgressDeadlineSeconds, d.o.Rollout.Spec.ProgressDeadlineAbort = ptr.To[int32](60), c.abort
			d.settle().image("v2").settle()
			d.o.Runs = nil // it was refused
			c.walk(d)
		})
	}
}

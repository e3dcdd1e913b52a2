package rollout

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// Experiments that have ended are kept within the limits of AnalysisRuns; none goes that
// the status names, or whose pods may still be asked.
func TestHistoryOfExperiments(t *testing.T) {
	limits := func(good, bad int32) *v1alpha1.AnalysisRunStrategy {
		return &v1alpha1.AnalysisRunStrategy{SuccessfulRunHistoryLimit: &good, UnsuccessfulRunHistoryLimit: &bad}
	}
	for _, test := range []struct {
		name    string
		limits  *v1alpha1.AnalysisRunStrategy
		all     string // oldest first: good and bad ones, running ones, + with pods, / with a Service, ! of a ReplicaSet that is gone
		current string
		held    bool
		want    string
	}{
		{name: "five of each", all: "g1 b2 g3 b4 g5 b6 g7 b8 g9 b10 g11 b12 r13", want: "b2 g1"},
		{name: "one of each", limits: limits(1, 1), all: "g1 b2 g3 b4 b5", want: "b4 b2 g1"},
		{name: "none", limits: limits(0, 0), all: "g1 b2 r3", want: "b2 g1"},
		{name: "the current one stays, and is not counted", limits: limits(0, 1), all: "b1 b2 b3", current: "b3", want: "b1"},
		{name: "pods have their delay", limits: limits(0, 0), all: "g1+ b2/ b3", want: "b3"},
		{name: "the ReplicaSet is gone", all: "g1! b2!/ b3!+ r4! g5", want: "r4! g1!"},
		{name: "held by a person", limits: limits(0, 0), all: "g1 b2!", held: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDesk(t, 5, canaryOf(weight(20), pauseFor(nil))).settle().image("v2").settle()
			d.o.Rollout.Spec.Analysis, d.o.Rollout.Spec.Paused = test.limits, test.held
			d.status().Canary.CurrentExperiment = test.current
			hash := hashOf(d.o.ReplicaSets[len(d.o.ReplicaSets)-1])
			for i, name := range strings.Fields(test.all) {
				d.o.Experiments = append(d.o.Experiments, finished(name, hash, d.now.Add(time.Duration(i)*time.Second)))
			}
			var got []string
			for _, a := range Decide(d.o, d.now).Actions {
				if gone, ok := a.(DeleteExperiment); ok {
					got = append(got, gone.Experiment.Name)
				}
			}
			if text := strings.Join(got, " "); text != test.want {
				t.Errorf("got %q, want %q", text, test.want)
			}
		})
	}
}

// finished is an Experiment that is as its name says.
func finished(name, hash string, at time.Time) *v1alpha1.Experiment {
	e := &v1alpha1.Experiment{ObjectMeta: metav1.ObjectMeta{Name: name, CreationTimestamp: metav1.NewTime(at)}}
	e.Status.Phase = map[byte]v1alpha1.AnalysisPhase{
		'g': v1alpha1.AnalysisPhaseSuccessful, 'b': v1alpha1.AnalysisPhaseFailed, 'r': v1alpha1.AnalysisPhaseRunning,
	}[name[0]]
	if strings.Contains(name, "!") {
		hash = "gone"
	}
	e.Labels = map[string]string{v1alpha1.DefaultRolloutUniqueLabelKey: hash}
	template := v1alpha1.TemplateStatus{Name: "a"}
	if strings.Contains(name, "+") {
		template.Replicas = 1
	}
	if strings.Contains(name, "/") {
		template.ServiceName = "a"
	}
	e.Status.TemplateStatuses = []v1alpha1.TemplateStatus{template}
	return e
}

// An Experiment that fails while the template of an analysis is missing is heeded, too.
func TestBadExperimentWithoutTemplates(t *testing.T) {
	step := v1alpha1.CanaryStep{Experiment: &v1alpha1.RolloutExperimentStep{}}
	d := newDesk(t, 5, canaryOf(weight(20), pauseFor(nil), step)).settle().image("v2").settle().promote().settle()
	hash := hashOf(d.o.ReplicaSets[len(d.o.ReplicaSets)-1])
	d.o.Experiments = []*v1alpha1.Experiment{finished("bad", hash, d.now)}
	d.status().Canary.CurrentExperiment = "bad"
	d.o.Invalid, d.o.InvalidTemplates = "template not found", true
	d.settle().want("Degraded(RolloutAborted: Rollout aborted update to revision 2) step 0 v1:5 v2:0")
}

package ops

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

var compare = types.NamespacedName{Namespace: "shop", Name: "compare"}

func failedExperiment() *v1alpha1.Experiment {
	e := &v1alpha1.Experiment{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "compare"}}
	e.Spec.Duration = "5m"
	e.Status.Phase, e.Status.Message = v1alpha1.AnalysisPhaseFailed, "too slow"
	e.Status.AnalysisRuns = []v1alpha1.ExperimentAnalysisRunStatus{{Name: "speed"}}
	return e
}

func TestRetryExperiment(t *testing.T) {
	terminated := failedExperiment()
	terminated.Spec.Terminate = true
	k := cluster(interceptor.Funcs{}, terminated)
	if err := RetryExperiment(ctx, k, compare); err != nil {
		t.Fatal(err)
	}
	e, err := GetExperiment(ctx, k, compare)
	if err != nil {
		t.Fatal(err)
	}
	if e.Status.Phase != "" || e.Status.Message != "" || e.Status.AnalysisRuns != nil || e.Spec.Terminate || e.Spec.Duration != "5m" {
		t.Errorf("after the retry: spec %+v, status %+v", e.Spec, e.Status)
	}
}

// The Experiment of a step is started again only where its Rollout waits for it.
func TestRetryExperimentOfAStep(t *testing.T) {
	for _, c := range []struct {
		name  string
		state v1alpha1.RolloutStatus
		gone  bool
		want  string
	}{
		{"it waits for a person", v1alpha1.RolloutStatus{Canary: v1alpha1.CanaryStatus{CurrentExperiment: "compare"}}, false, ""},
		{"it was aborted", v1alpha1.RolloutStatus{Abort: true, Canary: v1alpha1.CanaryStatus{CurrentExperiment: "compare"}}, false,
			`retry experiment "compare": rollout "web" was aborted and would end it at once: use retry rollout web, which makes a new one`},
		{"it has another", v1alpha1.RolloutStatus{Canary: v1alpha1.CanaryStatus{CurrentExperiment: "compare-1"}}, false,
			`retry experiment "compare": rollout "web" waits for it no more and would end it at once`},
		{"it is gone", v1alpha1.RolloutStatus{}, true, ""},
	} {
		ro := &v1alpha1.Rollout{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "1"}, Status: c.state}
		e := failedExperiment()
		e.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(ro, v1alpha1.GroupVersion.WithKind(v1alpha1.KindRollout))}
		if c.gone {
			ro.Name = "other"
		}
		k, got := cluster(interceptor.Funcs{}, e, ro), ""
		if err := RetryExperiment(ctx, k, compare); err != nil {
			got = err.Error()
		}
		after, err := GetExperiment(ctx, k, compare)
		if got != c.want || err != nil || (after.Status.Phase == "") != (c.want == "") {
			t.Errorf("%s: error %q, want %q; the phase is %q, %v", c.name, got, c.want, after.Status.Phase, err)
		}
	}
}

func TestTerminate(t *testing.T) {
	run := &v1alpha1.AnalysisRun{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "compare"}}
	run.Status.Phase = v1alpha1.AnalysisPhaseRunning
	k := cluster(interceptor.Funcs{}, failedExperiment(), run)
	if err := TerminateAnalysisRun(ctx, k, compare); err != nil {
		t.Fatal(err)
	}
	e, err := GetExperiment(ctx, k, compare)
	if err != nil || e.Spec.Terminate {
		t.Errorf("the Experiment of the same name: terminate %v, error %v", e.Spec.Terminate, err)
	}
	if err := k.Get(ctx, compare, run); err != nil || !run.Spec.Terminate || run.Status.Phase != v1alpha1.AnalysisPhaseRunning {
		t.Errorf("terminate %v, phase %q, error %v", run.Spec.Terminate, run.Status.Phase, err)
	}
	if err := TerminateExperiment(ctx, k, compare); err != nil {
		t.Fatal(err)
	}
	if e, err = GetExperiment(ctx, k, compare); err != nil || !e.Spec.Terminate || e.Spec.Duration != "5m" {
		t.Errorf("terminate %v, duration %q, error %v", e.Spec.Terminate, e.Spec.Duration, err)
	}
}

func TestErrorsNameTheKind(t *testing.T) {
	k := cluster(interceptor.Funcs{}, failedExperiment())
	other := types.NamespacedName{Namespace: "shop", Name: "cmp"}
	for _, c := range []struct {
		err  error
		want string
	}{
		{TerminateExperiment(ctx, k, other), `experiments.argoproj.io "cmp" not found: namespace "shop" has compare`},
		{RetryExperiment(ctx, k, other), `experiments.argoproj.io "cmp" not found: namespace "shop" has compare`},
		{TerminateAnalysisRun(ctx, k, other), `analysisruns.argoproj.io "cmp" not found: namespace "shop" has no analysisruns; choose another one with -n`},
	} {
		if c.err == nil || c.err.Error() != c.want {
			t.Errorf("error %v\nwant  %s", c.err, c.want)
		}
	}
	if _, err := GetExperiment(ctx, k, other); err == nil {
		t.Error("found what is not there")
	}
}

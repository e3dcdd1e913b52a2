package rollout

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/ptr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/analysis"
)

// What asks for a status only is decided together with what follows from it: the end
// of a pause and the name of the analysis after it. What is to be done waits until that
// is written.
func TestDecideAhead(t *testing.T) {
	d := newDesk(t, 5, canaryOf(weight(20), pauseFor("10s"), analysisStep(), weight(60))).templates().settle().image("v2").settle()
	if plan := DecideAhead(d.o, d.now); !plan.Settled || !SameStatus(&plan.Status, d.status()) {
		t.Errorf("while nothing happens: settled %t, %+v", plan.Settled, plan)
	}
	d.now = d.now.Add(10 * time.Second)
	alone := Decide(d.o, d.now)
	if *alone.Status.CurrentStepIndex != 2 || alone.Status.Canary.CurrentStepAnalysisRunStatus != nil {
		t.Fatalf("one decision: step %d, %v", *alone.Status.CurrentStepIndex, alone.Status.Canary.CurrentStepAnalysisRunStatus)
	}
	plan := DecideAhead(d.o, d.now)
	if plan.Settled || len(plan.Actions) != 0 || *plan.Status.CurrentStepIndex != 2 || plan.Status.Canary.CurrentStepAnalysisRunStatus == nil {
		t.Fatalf("settled %t, %d actions, step %d, %v", plan.Settled, len(plan.Actions), *plan.Status.CurrentStepIndex, plan.Status.Canary.CurrentStepAnalysisRunStatus)
	}
	d.carryOut(plan.Plan)
	then := DecideAhead(d.o, d.now)
	if then.Settled || len(then.Actions) != 1 {
		t.Errorf("the run: settled %t, %d actions", then.Settled, len(then.Actions))
	}
	if diff := cmp.Diff(&then.Plan, plan.Next); diff != "" {
		t.Errorf("what was said to come next (+) is not what comes (-):\n%s", diff)
	}
}

// A glance never finds a difference that a thorough look would not.
func TestSameStatus(t *testing.T) {
	status := v1alpha1.RolloutStatus{Replicas: 5, CurrentPodHash: "a", StableRS: "b", ObservedGeneration: "3", CurrentStepIndex: ptr.To[int32](1),
		Canary: v1alpha1.CanaryStatus{Weights: &v1alpha1.TrafficWeights{Canary: v1alpha1.WeightDestination{Weight: 20}},
			CurrentStepAnalysisRunStatus: &v1alpha1.RolloutAnalysisRunStatus{Name: "run", Status: "Running"}}}
	if !SameStatus(&status, status.DeepCopy()) {
		t.Error("a copy differs")
	}
	for name, change := range map[string]func(*v1alpha1.RolloutStatus){
		"replicas":        func(s *v1alpha1.RolloutStatus) { s.Replicas = 4 },
		"hash":            func(s *v1alpha1.RolloutStatus) { s.CurrentPodHash = "" },
		"stable":          func(s *v1alpha1.RolloutStatus) { s.StableRS = "a" },
		"generation":      func(s *v1alpha1.RolloutStatus) { s.ObservedGeneration = "4" },
		"step":            func(s *v1alpha1.RolloutStatus) { s.CurrentStepIndex = ptr.To[int32](0) },
		"no step":         func(s *v1alpha1.RolloutStatus) { s.CurrentStepIndex = nil },
		"weight":          func(s *v1alpha1.RolloutStatus) { s.Canary.Weights.Canary.Weight = 40 },
		"no weight":       func(s *v1alpha1.RolloutStatus) { s.Canary.Weights = nil },
		"stable weight":   func(s *v1alpha1.RolloutStatus) { s.Canary.Weights.Stable.Weight = 60 },
		"verdict":         func(s *v1alpha1.RolloutStatus) { s.Canary.CurrentStepAnalysisRunStatus.Status = "Failed" },
		"no run":          func(s *v1alpha1.RolloutStatus) { s.Canary.CurrentStepAnalysisRunStatus = nil },
		"not at a glance": func(s *v1alpha1.RolloutStatus) { s.PromoteFull = true },
	} {
		other := status.DeepCopy()
		change(other)
		if SameStatus(&status, other) || SameStatus(other, &status) || analysis.SameStatus(&status, other) {
			t.Errorf("%s: the same", name)
		}
	}
}

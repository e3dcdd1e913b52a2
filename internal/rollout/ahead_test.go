package rollout

import (
	"testing"
	"time"
)

// What asks for a status only is decided together with what follows from it: the end
// of a pause and the name of the analysis after it. What is to be done waits until that
// is written.
func TestDecideAhead(t *testing.T) {
	d := newDesk(t, 5, canaryOf(weight(20), pauseFor("10s"), analysisStep(), weight(60))).templates().settle().image("v2").settle()
	if plan, settled := DecideAhead(d.o, d.now); !settled || !SameStatus(&plan.Status, d.status()) {
		t.Errorf("while nothing happens: settled %t, %+v", settled, plan)
	}
	d.now = d.now.Add(10 * time.Second)
	alone := Decide(d.o, d.now)
	if *alone.Status.CurrentStepIndex != 2 || alone.Status.Canary.CurrentStepAnalysisRunStatus != nil {
		t.Fatalf("one decision: step %d, %v", *alone.Status.CurrentStepIndex, alone.Status.Canary.CurrentStepAnalysisRunStatus)
	}
	plan, settled := DecideAhead(d.o, d.now)
	if settled || len(plan.Actions) != 0 || *plan.Status.CurrentStepIndex != 2 || plan.Status.Canary.CurrentStepAnalysisRunStatus == nil {
		t.Fatalf("settled %t, %d actions, step %d, %v", settled, len(plan.Actions), *plan.Status.CurrentStepIndex, plan.Status.Canary.CurrentStepAnalysisRunStatus)
	}
	d.carryOut(plan)
	if plan, settled = DecideAhead(d.o, d.now); settled || len(plan.Actions) != 1 {
		t.Errorf("the run: settled %t, %d actions", settled, len(plan.Actions))
	}
}

package apply

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// An Experiment that is patched as a Go object is what the JSON makes of it, or the patch
// says that it cannot.
func TestExperimentPatchGo(t *testing.T) {
	began := v1alpha1.ExperimentStatus{Phase: "Running", Message: "waits", AvailableAt: at(3, 0),
		TemplateStatuses: []v1alpha1.TemplateStatus{{Name: "baseline", Replicas: 1, LastTransitionTime: at(1, 0)}},
		Conditions:       []v1alpha1.ExperimentCondition{{Type: "Progressing", Status: "True", LastUpdateTime: *at(1, 0), LastTransitionTime: *at(1, 0)}}}
	done := *began.DeepCopy()
	done.Phase, done.Message, done.TemplateStatuses[0].Replicas = "Successful", "", 0
	done.AnalysisRuns = []v1alpha1.ExperimentAnalysisRunStatus{{Name: "a", AnalysisRun: "e-a", Phase: "Successful"}}
	early, changed, updated := *began.DeepCopy(), *began.DeepCopy(), *began.DeepCopy()
	early.AvailableAt = at(3, time.Millisecond)
	changed.TemplateStatuses[0].LastTransitionTime = at(1, time.Millisecond)
	updated.Conditions[0].LastUpdateTime = *at(1, time.Millisecond)
	for name, tt := range map[string]struct {
		from, to v1alpha1.ExperimentStatus
		can      bool
	}{
		"the beginning":           {v1alpha1.ExperimentStatus{}, began, true},
		"the end":                 {began, done, true},
		"nothing new":             {done, done, true},
		"all is taken back":       {done, v1alpha1.ExperimentStatus{}, true},
		"available in a second":   {v1alpha1.ExperimentStatus{}, early, false},
		"changed in a second":     {v1alpha1.ExperimentStatus{}, changed, false},
		"a condition in a second": {began, updated, false},
	} {
		ex := &v1alpha1.Experiment{ObjectMeta: metav1.ObjectMeta{Name: "e", ResourceVersion: "7", Labels: map[string]string{"l": "v"}}, Status: tt.from}
		ex.Spec.Terminate = true
		patch := experimentStatus{ex, tt.to}
		checkPatchGo(t, name, ex, patch, tt.can)
	}
	if (experimentStatus{&v1alpha1.Experiment{}, began}).PatchGo(&v1alpha1.AnalysisRun{}) {
		t.Error("a run is no Experiment")
	}
}

package apply

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

func at(second int, part time.Duration) *metav1.Time {
	t := metav1.NewTime(time.Date(2026, time.January, 5, 9, 0, second, int(part), time.UTC))
	return &t
}

// A run that is patched as a Go object is what the JSON makes of it, or the patch
// says that it cannot.
func TestPatchGo(t *testing.T) {
	measured := v1alpha1.MetricResult{Name: "m", Phase: "Running", Count: 1, Metadata: map[string]string{"a": "b"},
		Measurements: []v1alpha1.Measurement{{Phase: "Successful", Value: "1", StartedAt: at(1, 0), FinishedAt: at(2, 0)}}}
	began := v1alpha1.AnalysisRunStatus{Phase: "Running", StartedAt: at(0, 0), Message: "waits", MetricResults: []v1alpha1.MetricResult{measured},
		RunSummary: v1alpha1.RunSummary{Count: 1}, DryRunSummary: &v1alpha1.RunSummary{Count: 2}}
	done := *began.DeepCopy()
	done.Phase, done.Message, done.CompletedAt, done.RunSummary.Successful = "Successful", "", at(9, 0), 1
	fraction := *began.DeepCopy()
	fraction.MetricResults[0].Measurements[0].FinishedAt = at(2, time.Millisecond)
	fewer := *began.DeepCopy()
	fewer.RunSummary.Count = 0
	for name, tt := range map[string]struct {
		from, to v1alpha1.AnalysisRunStatus
		can      bool
	}{
		"the beginning":            {v1alpha1.AnalysisRunStatus{}, began, true},
		"the end, and no message":  {began, done, true},
		"nothing new":              {done, done, true},
		"a part of a second":       {v1alpha1.AnalysisRunStatus{}, fraction, false},
		"a count goes":             {began, fewer, false},
		"the results go":           {began, v1alpha1.AnalysisRunStatus{Phase: "Running", StartedAt: at(0, 0)}, false},
		"the end is taken back":    {done, began, false},
		"the dry-run summary goes": {began, v1alpha1.AnalysisRunStatus{Phase: "Running", StartedAt: at(0, 0), MetricResults: began.MetricResults, RunSummary: began.RunSummary}, false},
	} {
		run := &v1alpha1.AnalysisRun{ObjectMeta: metav1.ObjectMeta{Name: "r", ResourceVersion: "7", Labels: map[string]string{"l": "v"}}, Status: tt.from}
		run.Spec.Terminate = true
		patch := runStatus{"7", tt.to}
		checkPatchGo(t, name, run, patch, tt.can)
	}
	if (runStatus{}).PatchGo(&v1alpha1.Experiment{}) {
		t.Error("an Experiment is no run")
	}
}

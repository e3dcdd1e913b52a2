package control

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// A Rollout is woken by what it looks at in a run, and by nothing else.
func TestSameVerdict(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*v1alpha1.AnalysisRun)
		same   bool
	}{
		"nothing":          {func(*v1alpha1.AnalysisRun) {}, true},
		"a measurement":    {func(r *v1alpha1.AnalysisRun) { r.Status.MetricResults = []v1alpha1.MetricResult{{Name: "m"}} }, true},
		"the phase":        {func(r *v1alpha1.AnalysisRun) { r.Status.Phase = v1alpha1.AnalysisPhaseFailed }, false},
		"the message":      {func(r *v1alpha1.AnalysisRun) { r.Status.Message = "too slow" }, false},
		"the order to end": {func(r *v1alpha1.AnalysisRun) { r.Spec.Terminate = true }, false},
		"deletion":         {func(r *v1alpha1.AnalysisRun) { r.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)} }, false},
		"a label":          {func(r *v1alpha1.AnalysisRun) { r.Labels = map[string]string{"a": "b"} }, false},
		"an annotation":    {func(r *v1alpha1.AnalysisRun) { r.Annotations = map[string]string{"a": "b"} }, false},
		"the owner":        {func(r *v1alpha1.AnalysisRun) { r.OwnerReferences = nil }, false},
		"another life":     {func(r *v1alpha1.AnalysisRun) { r.UID = "2" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			was := &v1alpha1.AnalysisRun{ObjectMeta: metav1.ObjectMeta{UID: "1", OwnerReferences: []metav1.OwnerReference{{Name: "web"}}}}
			was.Status.Phase = v1alpha1.AnalysisPhaseRunning
			is := was.DeepCopy()
			c.change(is)
			if got := sameVerdict(was, is); got != c.same {
				t.Errorf("sameVerdict = %t", got)
			}
		})
	}
}

// An Experiment is woken when the requests to it change.
func TestSameExtraShares(t *testing.T) {
	weights := func(additional ...v1alpha1.WeightDestination) *v1alpha1.Rollout {
		ro := &v1alpha1.Rollout{}
		ro.Status.Canary.Weights = &v1alpha1.TrafficWeights{Canary: v1alpha1.WeightDestination{Weight: 7}, Additional: additional}
		return ro
	}
	one := v1alpha1.WeightDestination{ServiceName: "one", Weight: 5}
	for name, c := range map[string]struct {
		was, is *v1alpha1.Rollout
		same    bool
	}{
		"no weights":        {&v1alpha1.Rollout{}, &v1alpha1.Rollout{}, true},
		"the canary's only": {&v1alpha1.Rollout{}, weights(), true},
		"as before":         {weights(one), weights(one), true},
		"one more":          {weights(), weights(one), false},
		"none left":         {weights(one), &v1alpha1.Rollout{}, false},
	} {
		if got := sameExtraShares(c.was, c.is); got != c.same {
			t.Errorf("%s: sameExtraShares = %t", name, got)
		}
	}
}

package control

import (
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
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

// A run is woken by the end of its Job.
func TestSameOutcome(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*batchv1.Job)
		same   bool
	}{
		"a pod that starts": {func(j *batchv1.Job) { j.Status.Active = 1 }, true},
		"the end":           {func(j *batchv1.Job) { j.Status.Conditions = []batchv1.JobCondition{{Type: batchv1.JobComplete}} }, false},
		"deletion":          {func(j *batchv1.Job) { j.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)} }, false},
		"the run's label":   {func(j *batchv1.Job) { j.Labels = nil }, false},
		"another life":      {func(j *batchv1.Job) { j.UID = "2" }, false},
	} {
		was := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{UID: "1", Labels: map[string]string{v1alpha1.AnalysisRunUIDLabelKey: "r"}}}
		is := was.DeepCopy()
		c.change(is)
		if got := sameOutcome(was, is); got != c.same {
			t.Errorf("%s: sameOutcome = %t", name, got)
		}
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

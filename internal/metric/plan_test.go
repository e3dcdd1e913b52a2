package metric

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// A spec is read anew when it has another generation, or belongs to another run.
func TestReadings(t *testing.T) {
	good := []v1alpha1.Metric{{Name: "m", Provider: v1alpha1.MetricProvider{Web: &v1alpha1.WebMetric{URL: "http://web"}}}}
	var r Registry
	for _, step := range []struct {
		name       string
		uid        string
		generation int64
		metrics    []v1alpha1.Metric
		wantFine   bool
	}{
		{"first", "a", 1, good, true},
		{"the same generation", "a", 1, nil, true}, // the spec is not looked at
		{"the next generation", "a", 2, nil, false},
		{"another run", "b", 2, good, true},
		{"no uid", "", 2, nil, false},
		{"no uid again", "", 2, good, true},
	} {
		t.Run(step.name, func(t *testing.T) {
			a := r.read(&v1alpha1.AnalysisRun{
				ObjectMeta: metav1.ObjectMeta{UID: types.UID(step.uid), Generation: step.generation},
				Spec:       v1alpha1.AnalysisRunSpec{Metrics: step.metrics},
			})
			if fine := a.Problem() == ""; fine != step.wantFine {
				t.Errorf("problem %q, want none: %v", a.Problem(), step.wantFine)
			}
		})
	}
}

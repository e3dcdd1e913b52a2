package validate

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// What AnalysisRuns are to be labelled with is refused before an update is under way,
// wherever it stands, if no AnalysisRun can have it.
func TestRunMetadata(t *testing.T) {
	bad := v1alpha1.AnalysisRunMetadata{Labels: map[string]string{"owner": "Team A"}}
	const label = `.analysisRunMetadata.labels: Invalid value: "Team A": a valid label must be`
	noted := v1alpha1.AnalysisRunMetadata{Annotations: map[string]string{"owner": "Team A"}}
	for _, tt := range []struct {
		name string
		errs field.ErrorList
		want string
	}{
		{"an analysis", AnalysisRef{Field: field.NewPath("analysis"), Spec: &v1alpha1.RolloutAnalysis{AnalysisRunMetadata: bad}}.Problems(v1alpha1.AnalysisTemplateSpec{}, nil), "analysis" + label},
		{"an analysis with a note", AnalysisRef{Field: field.NewPath("analysis"), Spec: &v1alpha1.RolloutAnalysis{AnalysisRunMetadata: noted}}.Problems(v1alpha1.AnalysisTemplateSpec{}, nil), ""},
		{"an Experiment", experimentSpec(&v1alpha1.ExperimentSpec{AnalysisRunMetadata: bad, Templates: []v1alpha1.TemplateSpec{{Name: "a"}}}, field.NewPath("spec"), laterPods), "spec" + label},
		{"an Experiment of a step", experimentStep(&v1alpha1.CanaryStrategy{}, &v1alpha1.RolloutExperimentStep{AnalysisRunMetadata: bad,
			Templates: []v1alpha1.RolloutExperimentTemplate{{Name: "a", SpecRef: v1alpha1.CanarySpecRef}}}, field.NewPath("experiment")), "experiment" + label},
		{"a template of a step", experimentStep(&v1alpha1.CanaryStrategy{}, &v1alpha1.RolloutExperimentStep{Templates: []v1alpha1.RolloutExperimentTemplate{{Name: "a", SpecRef: v1alpha1.CanarySpecRef,
			Metadata: v1alpha1.PodTemplateMetadata{Annotations: map[string]string{"the team": "a"}}}}}, field.NewPath("experiment")),
			`experiment.templates[0].metadata.annotations: Invalid value: "the team": name part must consist of`},
	} {
		got := ""
		for _, err := range tt.errs {
			if strings.Contains(err.Field, "etadata") {
				got = err.Error()
			}
		}
		if !strings.HasPrefix(got, tt.want) || tt.want == "" && got != "" {
			t.Errorf("%s:\n got: %s\nwant: %s", tt.name, got, tt.want)
		}
	}
}

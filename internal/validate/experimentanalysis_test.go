package validate

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/analysis"
)

// TestTemplates looks at the templates of an analysis step and at those of the Experiment
// of the next step.
func TestTemplates(t *testing.T) {
	web := func(url string) []v1alpha1.Metric {
		return []v1alpha1.Metric{{Name: "m", Provider: v1alpha1.MetricProvider{Web: &v1alpha1.WebMetric{URL: url}}}}
	}
	asking := func(args ...v1alpha1.Argument) *v1alpha1.AnalysisTemplateSpec {
		return &v1alpha1.AnalysisTemplateSpec{Args: args, Metrics: web("http://x/{{args.x}}")}
	}
	from := func(f *v1alpha1.ValueFrom) v1alpha1.Argument { return v1alpha1.Argument{Name: "x", ValueFrom: f} }
	paced := func(args ...v1alpha1.Argument) *v1alpha1.AnalysisTemplateSpec {
		t := &v1alpha1.AnalysisTemplateSpec{Args: args, Metrics: web("http://x/{{args.x}}")}
		t.Metrics[0].Interval, t.Metrics[0].Count = "{{args.iv}}", ptr.To(intstr.FromString("{{args.cnt}}"))
		return t
	}
	pace := func(count, interval string) []v1alpha1.AnalysisRunArgument {
		return []v1alpha1.AnalysisRunArgument{{Name: "cnt", Value: count}, {Name: "iv", Value: interval}}
	}
	x, cnt, iv := v1alpha1.Argument{Name: "x", Value: ptr.To("v")}, v1alpha1.Argument{Name: "cnt"}, v1alpha1.Argument{Name: "iv"}
	const step = "spec.strategy.canary.steps[0].analysis."
	const at = "spec.strategy.canary.steps[1].experiment.analyses[0]."
	for _, c := range []struct {
		name     string
		template *v1alpha1.AnalysisTemplateSpec
		supplied []v1alpha1.AnalysisRunArgument
		analysis bool // of a step, too
		want     []string
	}{
		{"no arguments", &v1alpha1.AnalysisTemplateSpec{Metrics: web("http://x")}, nil, true, nil},
		{"missing", nil, nil, false, []string{at + `templateName: Invalid value: "t": AnalysisTemplate 't' not found`}},
		{"missing for both", nil, nil, true, []string{
			`spec.strategy.canary.steps[0].analysis.templates: Invalid value: "t": AnalysisTemplate 't' not found`,
			at + `templateName: Invalid value: "t": AnalysisTemplate 't' not found`,
		}},
		{"a metric that cannot be", &v1alpha1.AnalysisTemplateSpec{Metrics: []v1alpha1.Metric{{Name: "m"}}}, nil, false,
			[]string{at + `templateName: Invalid value: "t": metrics[0]: no provider specified`}},
		{"supplied", asking(v1alpha1.Argument{Name: "x"}), []v1alpha1.AnalysisRunArgument{{Name: "x", Value: "v"}}, true, nil},
		{"a default", asking(v1alpha1.Argument{Name: "x", Value: ptr.To("v")}), nil, true, nil},
		{"a default from the Rollout", asking(from(&v1alpha1.ValueFrom{FieldRef: &v1alpha1.FieldRef{FieldPath: "metadata.name"}})), nil, true, nil},
		{"a default from a Secret", asking(from(&v1alpha1.ValueFrom{SecretKeyRef: &v1alpha1.SecretKeyRef{Name: "s", Key: "k"}})), nil, true, nil},
		{"a default from nowhere", asking(from(&v1alpha1.ValueFrom{})), nil, false,
			[]string{at + `args: Invalid value: "x": missing analysis arguments in rollout spec`}},
		{"not supplied", asking(v1alpha1.Argument{Name: "x"}), []v1alpha1.AnalysisRunArgument{{Name: "y", Value: "v"}}, false,
			[]string{at + `args: Invalid value: "x": missing analysis arguments in rollout spec`}},
		{"with values", paced(x, cnt, iv), pace("3", "10s"), true, nil},
		{"without end", paced(x, cnt, iv), pace("0", "10s"), true, []string{
			step + `args: Invalid value: "iv=10s, cnt=0, x=v": with these values metric "m" runs indefinitely. Invalid value for count: 0`,
		}},
		{"without end by a default", paced(x, v1alpha1.Argument{Name: "cnt", Value: ptr.To("0")}, iv), pace("0", "10s")[1:], true, []string{
			step + `args: Invalid value: "iv=10s, cnt=0, x=v": with these values metric "m" runs indefinitely. Invalid value for count: 0`,
		}},
		{"a value that is no interval", paced(x, cnt, iv), pace("3", "10x"), true, []string{
			step + `args: Invalid value: "iv=10x, cnt=3, x=v": with these values metric "m" cannot be measured: invalid interval string: time: unknown unit "x" in duration "10x"`,
			at + `args: Invalid value: "iv=10x, cnt=3, x=v": with these values metric "m" cannot be measured: invalid interval string: time: unknown unit "x" in duration "10x"`,
		}},
		{"not declared", asking(v1alpha1.Argument{Name: "y", Value: ptr.To("v")}), []v1alpha1.AnalysisRunArgument{{Name: "x", Value: "v"}}, true, []string{
			`spec.strategy.canary.steps[0].analysis.templates: Invalid value: "{{args.x}}": the template declares only the arguments y`,
			at + `templateName: Invalid value: "{{args.x}}": the template declares only the arguments y`,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			library := analysis.Library{}
			if c.template != nil {
				library[v1alpha1.AnalysisTemplateRef{TemplateName: "t"}] = c.template
			}
			steps := []v1alpha1.CanaryStep{{SetWeight: ptr.To[int32](50)}, {Experiment: &v1alpha1.RolloutExperimentStep{
				Analyses: []v1alpha1.RolloutExperimentStepAnalysisTemplateRef{{Name: "a", TemplateName: "t", Args: c.supplied}},
			}}}
			if c.analysis {
				steps[0] = v1alpha1.CanaryStep{Analysis: &v1alpha1.RolloutAnalysis{Templates: []v1alpha1.AnalysisTemplateRef{{TemplateName: "t"}}, Args: c.supplied}}
			}
			ro := canaryRollout()
			ro.Spec.Strategy.Canary.Steps = steps
			var got []string
			for _, err := range Templates(ro, library) {
				got = append(got, err.Error())
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

// TestStepRules looks at the rules of the Experiment of a step, which are for all of its
// analyses: each run gets those that match its metrics.
func TestStepRules(t *testing.T) {
	metric := func(name string) *v1alpha1.AnalysisTemplateSpec {
		return &v1alpha1.AnalysisTemplateSpec{Metrics: []v1alpha1.Metric{{Name: name, Provider: v1alpha1.MetricProvider{Web: &v1alpha1.WebMetric{URL: "http://m"}}}}}
	}
	library := analysis.Library{{TemplateName: "t"}: metric("speed"), {TemplateName: "t", ClusterScope: true}: metric("errors")}
	type of = v1alpha1.RolloutExperimentStepAnalysisTemplateRef
	speed, again, errs, missing := of{Name: "a", TemplateName: "t"}, of{Name: "b", TemplateName: "t"}, of{Name: "c", TemplateName: "t", ClusterScope: true}, of{Name: "d", TemplateName: "u"}
	const wrong = `spec.strategy.canary.steps[1].experiment.dryRun[0].metricName: Invalid value: "err.*": Rule didn't match any metric name(s)`
	for _, c := range []struct {
		name     string
		analyses []of
		want     []string
	}{
		{"for one of two", []of{speed, errs}, nil},
		{"for none", []of{speed, again}, []string{wrong}},
		{"for nobody knows what", []of{speed, missing}, nil},
		{"without analyses", nil, nil},
	} {
		ro := canaryRollout()
		ro.Spec.Strategy.Canary.Steps = []v1alpha1.CanaryStep{{SetWeight: ptr.To[int32](50)}, {Experiment: &v1alpha1.RolloutExperimentStep{
			Analyses: c.analyses, DryRun: []v1alpha1.DryRun{{MetricName: "err.*"}},
		}}}
		var got []string
		for _, err := range StepRules(ro, library) {
			got = append(got, err.Error())
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
		if all := Templates(ro, library); len(c.want) > 0 && len(all) != len(c.want) {
			t.Errorf("%s: the problems of the Rollout are %v", c.name, all)
		}
	}
}

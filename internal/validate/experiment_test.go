package validate

import (
	"testing"

	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

const soundExperiment = `
metadata: {name: compare}
spec:
  duration: 5m
  progressDeadlineSeconds: 30
  templates:
  - name: old
    selector: {matchLabels: {app: web}}
    template:
      metadata: {labels: {app: web}}
      spec: {containers: [{name: web, image: "web:1", ports: [{containerPort: 8080}]}]}
    service: {name: web-old}
  - name: new
    replicas: 2
    minReadySeconds: 10
    selector: {matchLabels: {app: web}}
    template:
      metadata: {labels: {app: web}}
      spec: {containers: [{name: web, image: "web:2", ports: [{containerPort: 8080}]}]}
    service: {}
  analyses:
  - name: compare
    templateName: compare
    args:
    - {name: old, value: "{{templates.old.podTemplateHash}}"}
    - {name: new, value: "{{ templates.new.replicaset.name }}"}
    - {name: from, value: "{{experiment.availableAt}}"}
    - {name: to, value: "{{experiment.finishedAt}} or {{ .Values.none }}"}
`

func TestExperiment(t *testing.T) {
	t0 := func(e *v1alpha1.Experiment) *v1alpha1.TemplateSpec { return &e.Spec.Templates[0] }
	arg := func(value string) func(*v1alpha1.Experiment) {
		return func(e *v1alpha1.Experiment) { e.Spec.Analyses[0].Args[0].Value = &value }
	}
	for _, r := range []struct {
		name   string
		change func(e *v1alpha1.Experiment)
		want   string
	}{
		{"in order", func(*v1alpha1.Experiment) {}, ""},
		{"only analyses", func(e *v1alpha1.Experiment) { e.Spec.Templates = nil; e.Spec.Analyses[0].Args = nil }, ""},
		{"nothing at all", func(e *v1alpha1.Experiment) { e.Spec.Templates, e.Spec.Analyses = nil, nil },
			"spec.templates: Required value: an Experiment runs templates, analyses or both: give at least one"},
		{"no name", func(e *v1alpha1.Experiment) { t0(e).Name = "" }, "spec.templates[0].name: Required value"},
		{"one name twice", func(e *v1alpha1.Experiment) { e.Spec.Templates[1].Name = "old" }, `spec.templates[1].name: Duplicate value: "old"`},
		{"no selector", func(e *v1alpha1.Experiment) { t0(e).Selector = nil }, "spec.templates[0].selector: Required value"},
		{"another selector", func(e *v1alpha1.Experiment) { t0(e).Selector.MatchLabels["app"] = "shop" },
			"spec.templates[0].template.metadata.labels: Invalid value: {\"app\":\"web\"}: `selector` does not match template `labels`"},
		{"no image", func(e *v1alpha1.Experiment) { t0(e).Template.Spec.Containers[0].Image = "" },
			"spec.templates[0].template.spec.containers[0].image: Required value"},
		{"negative replicas", func(e *v1alpha1.Experiment) { t0(e).Replicas = ptr.To[int32](-1) },
			"spec.templates[0].replicas: Invalid value: -1: must be greater than or equal to 0"},
		{"ready after the deadline", func(e *v1alpha1.Experiment) { t0(e).MinReadySeconds = 30 },
			"spec.templates[0].minReadySeconds: Invalid value: 30: must be less than progressDeadlineSeconds (30): pods would never be available in time"},
		{"a Service without a port", func(e *v1alpha1.Experiment) { t0(e).Template.Spec.Containers[0].Ports = nil },
			`spec.templates[0].service: Invalid value: "web-old": a Service needs a port: declare the containerPort of at least one container of the template`},
		{"no port and no Service", func(e *v1alpha1.Experiment) { t0(e).Template.Spec.Containers[0].Ports, t0(e).Service = nil, nil }, ""},
		{"one Service for two", func(e *v1alpha1.Experiment) { e.Spec.Templates[1].Service.Name = "web-old" },
			`spec.templates[1].service.name: Invalid value: "web-old": another template has a Service of that name`},
		{"a duration that is none", func(e *v1alpha1.Experiment) { e.Spec.Duration = "five" },
			`spec.duration: Invalid value: "five": must be a duration greater than 0, such as 30s, 5m or 1h30m`},
		{"no time at all", func(e *v1alpha1.Experiment) { e.Spec.Duration = "0s" },
			`spec.duration: Invalid value: "0s": must be a duration greater than 0, such as 30s, 5m or 1h30m`},
		{"a negative delay", func(e *v1alpha1.Experiment) { e.Spec.ScaleDownDelaySeconds = ptr.To[int32](-1) },
			"spec.scaleDownDelaySeconds: Invalid value: -1: must be greater than or equal to 0"},
		{"an analysis of nothing", func(e *v1alpha1.Experiment) { e.Spec.Analyses[0].TemplateName = "" },
			"spec.analyses[0].templateName: Required value"},
		{"one analysis twice", func(e *v1alpha1.Experiment) { e.Spec.Analyses = append(e.Spec.Analyses, e.Spec.Analyses[0]) },
			`spec.analyses[1].name: Duplicate value: "compare"`},
		{"one argument twice", func(e *v1alpha1.Experiment) { e.Spec.Analyses[0].Args[1].Name = "old" },
			`spec.analyses[0].args[1].name: Duplicate value: "old"`},
		{"an argument from a field", func(e *v1alpha1.Experiment) {
			e.Spec.Analyses[0].Args[0] = v1alpha1.Argument{Name: "old", ValueFrom: &v1alpha1.ValueFrom{FieldRef: &v1alpha1.FieldRef{FieldPath: "metadata.name"}}}
		}, `spec.analyses[0].args[0].valueFrom.fieldRef: Invalid value: "metadata.name": only the step of a Rollout can supply one of its fields: give the argument a value`},
		{"a template that is not there", arg("{{templates.stable.podTemplateHash}}"),
			`spec.analyses[0].args[0].value: Invalid value: "{{templates.stable.podTemplateHash}}": "stable" names no template of this Experiment: it has old, new`},
		{"a fact that is not there", arg("x {{templates.old.hash}}"),
			`spec.analyses[0].args[0].value: Invalid value: "{{templates.old.hash}}": a template has podTemplateHash and replicaset.name`},
		{"an end without a duration", func(e *v1alpha1.Experiment) { e.Spec.Duration = "" },
			`spec.analyses[0].args[3].value: Invalid value: "{{experiment.finishedAt}}": an Experiment has availableAt and, with a duration, finishedAt`},
	} {
		t.Run(r.name, func(t *testing.T) {
			e := &v1alpha1.Experiment{}
			if err := yaml.UnmarshalStrict([]byte(soundExperiment), e); err != nil {
				t.Fatal(err)
			}
			r.change(e)
			got := ""
			if errs := Experiment(e); len(errs) > 0 {
				got = errs[0].Error()
			}
			if got != r.want {
				t.Errorf("first error\n got: %s\nwant: %s", got, r.want)
			}
		})
	}
}

func TestExperimentMessage(t *testing.T) {
	if got := ExperimentMessage("compare", nil); got != "" {
		t.Errorf("nothing wrong: %q", got)
	}
	want := `The Experiment "compare" is invalid: spec.templates: Required value: ` + nothingToRun
	if got := ExperimentMessage("compare", Experiment(&v1alpha1.Experiment{})); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

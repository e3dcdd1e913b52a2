package validate

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// rate is a metric that can be measured.
func rate(change func(*v1alpha1.Metric)) v1alpha1.Metric {
	m := v1alpha1.Metric{Name: "rate", Interval: "1m", SuccessCondition: "result[0] > 0.9"}
	m.Provider.Prometheus = &v1alpha1.PrometheusMetric{Query: "up{app='{{args.app}}'}"}
	if change != nil {
		change(&m)
	}
	return m
}

func measuring(change func(*v1alpha1.AnalysisTemplateSpec)) *v1alpha1.AnalysisTemplateSpec {
	t := &v1alpha1.AnalysisTemplateSpec{Args: []v1alpha1.Argument{{Name: "app"}}, Metrics: []v1alpha1.Metric{rate(nil)}}
	if change != nil {
		change(t)
	}
	return t
}

func TestAnalysisTemplate(t *testing.T) {
	metric := func(change func(*v1alpha1.Metric)) func(*v1alpha1.AnalysisTemplateSpec) {
		return func(t *v1alpha1.AnalysisTemplateSpec) { change(&t.Metrics[0]) }
	}
	for _, c := range []struct {
		name   string
		change func(*v1alpha1.AnalysisTemplateSpec)
		want   []string
	}{
		{"good", nil, nil},
		{"values that wait for arguments", metric(func(m *v1alpha1.Metric) {
			m.Interval, m.SuccessCondition = "{{args.app}}", "result > {{args.app}}"
		}), nil},
		{"nothing", func(t *v1alpha1.AnalysisTemplateSpec) { *t = v1alpha1.AnalysisTemplateSpec{} },
			[]string{"spec.metrics: Required value: a template has metrics, or templates that have some"}},
		{"two of a name", func(t *v1alpha1.AnalysisTemplateSpec) {
			t.Metrics = append(t.Metrics, rate(nil))
			t.Args = append(t.Args, v1alpha1.Argument{Name: "app"})
		}, []string{`spec.metrics[1].name: Duplicate value: "rate"`, `spec.args[1].name: Duplicate value: "app"`}},
		{"no provider", metric(func(m *v1alpha1.Metric) { m.Provider = v1alpha1.MetricProvider{} }),
			[]string{`spec.metrics[0]: Invalid value: "rate": no provider specified`}},
		{"an interval that is none", metric(func(m *v1alpha1.Metric) { m.Interval = "often" }),
			[]string{`spec.metrics[0]: Invalid value: "rate": invalid interval string: time: invalid duration "often"`}},
		{"an argument that nobody declares", func(t *v1alpha1.AnalysisTemplateSpec) { t.Args[0].Name = "service" },
			[]string{`spec.metrics[0]: Invalid value: "{{args.app}}": the template declares only the arguments service`}},
		{"no arguments at all", func(t *v1alpha1.AnalysisTemplateSpec) { t.Args = nil },
			[]string{`spec.metrics[0]: Invalid value: "{{args.app}}": the template declares no arguments`}},
		{"rules", func(t *v1alpha1.AnalysisTemplateSpec) {
			t.DryRun = []v1alpha1.DryRun{{MetricName: "ra.*"}, {MetricName: "errors"}, {MetricName: "("}}
			t.MeasurementRetention = []v1alpha1.MeasurementRetention{{MetricName: "rate"}, {MetricName: "none"}}
		}, []string{
			`spec.dryRun[1].metricName: Invalid value: "errors": Rule didn't match any metric name(s)`,
			"spec.dryRun[2].metricName: Invalid value: \"(\": error parsing regexp: missing closing ): `(`",
			`spec.measurementRetention[1].metricName: Invalid value: "none": Rule didn't match any metric name(s)`,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			spec := measuring(c.change)
			var got []string
			for _, err := range AnalysisTemplate(spec, spec) {
				got = append(got, err.Error())
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAnalysisTemplateOfOthers leaves out what other templates may hold.
func TestAnalysisTemplateOfOthers(t *testing.T) {
	spec := measuring(func(t *v1alpha1.AnalysisTemplateSpec) {
		t.Args, t.DryRun = nil, []v1alpha1.DryRun{{MetricName: "errors"}}
		t.Templates = []v1alpha1.AnalysisTemplateRef{{TemplateName: "errors"}}
	})
	if errs := AnalysisTemplate(spec, nil); len(errs) > 0 {
		t.Errorf("unknown templates: %v", errs)
	}
	flat := measuring(nil)
	flat.Metrics = append(flat.Metrics, rate(func(m *v1alpha1.Metric) { m.Name = "errors" }))
	if errs := AnalysisTemplate(spec, flat); len(errs) > 0 {
		t.Errorf("known templates: %v", errs)
	}
	only := &v1alpha1.AnalysisTemplateSpec{Templates: spec.Templates}
	if errs := AnalysisTemplate(only, nil); len(errs) > 0 {
		t.Errorf("a template of templates: %v", errs)
	}
}

func TestConflicts(t *testing.T) {
	keep := func(name string, limit int32) v1alpha1.MeasurementRetention {
		return v1alpha1.MeasurementRetention{MetricName: name, Limit: limit}
	}
	type rules = []v1alpha1.MeasurementRetention
	const says = "the rule for \"rate\" that a template has, or that stands before this one, keeps 5: give both the same limit, or leave this one out"
	for _, c := range []struct {
		name          string
		template, own rules
		want          []string
	}{
		{"none", nil, nil, nil},
		{"the same", rules{keep("rate", 5)}, rules{keep("rate", 5)}, nil},
		{"others for the same metric", rules{keep("rate", 5)}, rules{keep("ra.*", 6)}, nil},
		{"another limit than the template", rules{keep("rate", 5)}, rules{keep("errors", 6), keep("rate", 6)}, []string{
			"spec.measurementRetention[1].limit: Invalid value: 6: " + says,
		}},
		{"another limit than before", nil, rules{keep("rate", 5), keep("rate", 6), keep("rate", 5)}, []string{
			"spec.measurementRetention[1].limit: Invalid value: 6: " + says,
		}},
	} {
		var got []string
		for _, err := range Conflicts(c.template, c.own, field.NewPath("spec")) {
			got = append(got, err.Error())
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestIngress(t *testing.T) {
	nginx := &v1alpha1.RolloutTrafficRouting{Nginx: &v1alpha1.NginxTrafficRouting{StableIngresses: []string{"web", "api"}}}
	alb := &v1alpha1.RolloutTrafficRouting{ALB: &v1alpha1.ALBTrafficRouting{Ingress: "web", RootService: "root"}}
	to := func(service string) *networkingv1.Ingress {
		path := networkingv1.HTTPIngressPath{Backend: networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: service}}}
		return &networkingv1.Ingress{Spec: networkingv1.IngressSpec{Rules: []networkingv1.IngressRule{
			{Host: "empty"},
			{IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{Paths: []networkingv1.HTTPIngressPath{path}}}},
		}}}
	}
	fallback := &networkingv1.Ingress{}
	fallback.Spec.DefaultBackend = &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "stable"}}
	const path = "spec.strategy.canary.trafficRouting."
	for _, c := range []struct {
		name    string
		routing *v1alpha1.RolloutTrafficRouting
		ingress *networkingv1.Ingress
		want    []string
	}{
		{"no routing", nil, to("other"), nil},
		{"nginx", nginx, to("stable"), nil},
		{"nginx by default", nginx, fallback, nil},
		{"nginx to another", nginx, to("other"), []string{
			path + "nginx.stableIngresses[0]: Invalid value: \"web\": ingress `web` has no rules using service stable backend",
			path + "nginx.stableIngresses[1]: Invalid value: \"api\": ingress `api` has no rules using service stable backend",
		}},
		{"alb", alb, to("root"), nil},
		{"alb without the root", alb, to("stable"), []string{
			path + "alb.ingress: Invalid value: \"web\": ingress `web` has no rules using service root backend",
		}},
	} {
		ro := &v1alpha1.Rollout{}
		ro.Spec.Strategy.Canary = &v1alpha1.CanaryStrategy{StableService: "stable", TrafficRouting: c.routing}
		var got []string
		for _, ref := range Ingresses(ro) {
			for _, err := range Ingress(ref, c.ingress) {
				got = append(got, err.Error())
			}
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
	if list := Ingresses(&v1alpha1.Rollout{}); list != nil {
		t.Errorf("a Rollout without strategy names %v", list)
	}
}

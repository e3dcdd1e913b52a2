package analysis

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

func arg(name, value string) v1alpha1.Argument { return v1alpha1.Argument{Name: name, Value: &value} }

func secretArg(name, secret, key string) v1alpha1.Argument {
	return v1alpha1.Argument{Name: name, ValueFrom: &v1alpha1.ValueFrom{SecretKeyRef: &v1alpha1.SecretKeyRef{Name: secret, Key: key}}}
}

// TestArgsEverywhere: every part of a metric can be an argument.
func TestArgsEverywhere(t *testing.T) {
	m := v1alpha1.Metric{
		Name: "{{args.name}}", Interval: "{{args.interval}}", Count: ptr.To(intstr.FromString("{{ args.count }}")),
		SuccessCondition: "result[0] >= {{args.threshold}}",
		Provider: v1alpha1.MetricProvider{
			Prometheus: &v1alpha1.PrometheusMetric{
				Address: "{{args.addr}}:{{args.port}}", Query: `up{app="{{ args.name }}"} and {{label}}`,
				Headers: []v1alpha1.WebMetricHeader{{Key: "X-{{args.name}}", Value: "Bearer {{args.token}}"}},
			},
			Job: &v1alpha1.JobMetric{Spec: batchv1.JobSpec{Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
				Containers: []corev1.Container{{Name: "c", Args: []string{"sleep {{args.interval}} && exit {{args.count}}"}}},
			}}}},
			Plugin: map[string]apiextensionsv1.JSON{"p": {Raw: []byte(`{"q":"{{args.quote}}"}`)}},
		},
	}
	args := []v1alpha1.Argument{
		arg("name", "web"), arg("interval", "30s"), arg("count", "3"), arg("threshold", "0.95"),
		arg("addr", "http://prom"), arg("port", "9090"), arg("quote", `say "hi"`), secretArg("token", "s", "k"),
	}
	got, err := putArgs([]v1alpha1.Metric{m}, args)
	if err != nil {
		t.Fatal(err)
	}
	want := *m.DeepCopy()
	want.Name, want.Interval, want.Count = "web", "30s", ptr.To(intstr.FromString("3"))
	want.SuccessCondition = "result[0] >= 0.95"
	p := want.Provider.Prometheus
	p.Address, p.Query, p.Headers[0].Key = "http://prom:9090", `up{app="web"} and {{label}}`, "X-web"
	want.Provider.Job.Spec.Template.Spec.Containers[0].Args[0] = "sleep 30s && exit 3"
	want.Provider.Plugin["p"] = apiextensionsv1.JSON{Raw: []byte(`{"q":"say \"hi\""}`)}
	if diff := cmp.Diff(want, got[0]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	run := runOf(m)
	run.Spec.Args = args
	secrets, err := Secrets(run, got[0])
	if diff := cmp.Diff([]v1alpha1.Argument{secretArg("token", "s", "k")}, secrets); diff != "" || err != nil {
		t.Errorf("secrets, %v (-want +got):\n%s", err, diff)
	}
	filled, err := PutValues(got[0], map[string]string{"token": `p"w`})
	if v := filled.Provider.Prometheus.Headers[0].Value; v != `Bearer p"w` || err != nil {
		t.Errorf("header %q, %v", v, err)
	}
}

func TestValidate(t *testing.T) {
	tests := []struct {
		name string
		more func(*v1alpha1.Metric)
		want string
	}{
		{"as it should be", nil, ""},
		{"no provider", func(m *v1alpha1.Metric) { m.Provider = v1alpha1.MetricProvider{} }, "metrics[0]: no provider specified"},
		{"two providers", func(m *v1alpha1.Metric) { m.Provider.Web = &v1alpha1.WebMetric{URL: "u"} }, "metrics[0]: multiple providers specified"},
		{"two plugins", func(m *v1alpha1.Metric) {
			m.Provider = v1alpha1.MetricProvider{Plugin: map[string]apiextensionsv1.JSON{"a": {}, "b": {}}}
		}, "metrics[0]: multiple providers specified"},
		{"one plugin", func(m *v1alpha1.Metric) {
			m.Provider = v1alpha1.MetricProvider{Plugin: map[string]apiextensionsv1.JSON{"a": {}}}
		}, ""},
		{"count without interval", func(m *v1alpha1.Metric) { m.Count = num(2) }, "metrics[0]: interval must be specified when count > 1"},
		{"count 1 without interval", func(m *v1alpha1.Metric) { m.Count = num(1) }, ""},
		{"count below failureLimit", func(m *v1alpha1.Metric) { m.Count, m.FailureLimit, m.Interval = num(2), num(3), "1s" }, "metrics[0]: count must be >= failureLimit"},
		{"count at failureLimit", func(m *v1alpha1.Metric) { m.Count, m.FailureLimit, m.Interval = num(3), num(3), "1s" }, ""},
		{"count below inconclusiveLimit", func(m *v1alpha1.Metric) { m.Count, m.InconclusiveLimit, m.Interval = num(2), num(3), "1s" }, "metrics[0]: count must be >= inconclusiveLimit"},
		{"count below the sum", func(m *v1alpha1.Metric) {
			m.Count, m.FailureLimit, m.ConsecutiveSuccessLimit, m.Interval = num(3), num(2), num(2), "1s"
		}, "metrics[0]: count must be >= failureLimit + consecutiveSuccessLimit"},
		{"count at the sum", func(m *v1alpha1.Metric) {
			m.Count, m.FailureLimit, m.ConsecutiveSuccessLimit, m.Interval = num(4), num(2), num(2), "1s"
		}, ""},
		{"count with failureLimit off", func(m *v1alpha1.Metric) {
			m.Count, m.FailureLimit, m.ConsecutiveSuccessLimit, m.Interval = num(2), num(-1), num(2), "1s"
		}, ""},
		{"count below the successes, failureLimit off", func(m *v1alpha1.Metric) {
			m.Count, m.FailureLimit, m.ConsecutiveSuccessLimit, m.Interval = num(1), num(-1), num(2), "1s"
		}, "metrics[0]: count must be >= failureLimit + consecutiveSuccessLimit"},
		{"no count, high limits", func(m *v1alpha1.Metric) { m.FailureLimit, m.Interval = num(100), "1s" }, ""},
		{"failureLimit off alone", func(m *v1alpha1.Metric) { m.FailureLimit = num(-1) }, "failureLimit must be >= 0, or -1 together with consecutiveSuccessLimit > 0"},
		{"failureLimit -2", func(m *v1alpha1.Metric) { m.FailureLimit, m.ConsecutiveSuccessLimit = num(-2), num(1) }, "failureLimit must be >= 0"},
		{"negative inconclusiveLimit", func(m *v1alpha1.Metric) { m.InconclusiveLimit = num(-1) }, "inconclusiveLimit must be >= 0"},
		{"negative consecutiveErrorLimit", func(m *v1alpha1.Metric) { m.ConsecutiveErrorLimit = num(-1) }, "consecutiveErrorLimit must be >= 0"},
		{"negative consecutiveSuccessLimit", func(m *v1alpha1.Metric) { m.ConsecutiveSuccessLimit = num(-1) }, "consecutiveSuccessLimit must be >= 0"},
		{"negative count", func(m *v1alpha1.Metric) { m.Count = num(-1) }, "count must be >= 0"},
		{"a count in words", func(m *v1alpha1.Metric) { m.Count = ptr.To(intstr.FromString("two")) }, `metrics[0]: count: "two" is not a whole number`},
		{"a count in digits", func(m *v1alpha1.Metric) { m.Count, m.Interval = ptr.To(intstr.FromString("2")), "1s" }, ""},
		{"a count to come", func(m *v1alpha1.Metric) { m.Count = ptr.To(intstr.FromString("{{args.count}}")) }, ""},
		{"an interval to come", func(m *v1alpha1.Metric) { m.Interval, m.Count = "{{args.interval}}", num(3) }, ""},
		{"an interval in words", func(m *v1alpha1.Metric) { m.Interval = "often" }, `metrics[0]: invalid interval string: time: invalid duration "often"`},
		{"an interval of nothing", func(m *v1alpha1.Metric) { m.Interval = "0s" }, "metrics[0]: interval must be > 0, got 0s"},
		{"a delay in words", func(m *v1alpha1.Metric) { m.InitialDelay = "5" }, `invalid initialDelay string: time: missing unit in duration "5"`},
		{"a negative delay", func(m *v1alpha1.Metric) { m.InitialDelay = "-5s" }, "initialDelay must be >= 0, got -5s"},
	}
	for _, tt := range tests {
		err := Validate([]v1alpha1.Metric{prom("m", tt.more)})
		if text := errorText(err); !strings.Contains(text, tt.want) || (tt.want == "") != (err == nil) {
			t.Errorf("%s: got %q, want %q", tt.name, text, tt.want)
		}
	}
}

func TestRunsForever(t *testing.T) {
	for _, tt := range []struct {
		more func(*v1alpha1.Metric)
		want bool
	}{
		{nil, false},
		{func(m *v1alpha1.Metric) { m.Interval = "1m" }, true},
		{func(m *v1alpha1.Metric) { m.Interval, m.Count = "1m", num(0) }, true},
		{func(m *v1alpha1.Metric) { m.Interval, m.Count = "1m", ptr.To(intstr.FromString("0")) }, true},
		{func(m *v1alpha1.Metric) { m.Interval, m.Count = "1m", num(3) }, false},
		{func(m *v1alpha1.Metric) { m.Interval, m.Count = "1m", ptr.To(intstr.FromString("{{args.c}}")) }, false},
	} {
		if m := prom("m", tt.more); RunsForever(m) != tt.want {
			t.Errorf("interval %q, count %v: got %t", m.Interval, m.Count, !tt.want)
		}
	}
}

package rehearse

import (
	"fmt"
	"regexp"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/lint"
)

// metricField is a field of a metric in the path of a finding.
var metricField = regexp.MustCompile(`^spec\.metrics\[(\d+)\]`)

// Mistakes are the warnings that something in the files cannot be understood
// and was found out by a measurement only: a condition or a query that is none.
func (r *Report) Mistakes() (texts []string) {
	for _, w := range r.Warnings {
		if w.Code == "mistake" {
			texts = append(texts, w.Text)
		}
	}
	return texts
}

// mistake is why a metric can never be measured, and where that is written:
// `web.yaml:95: AnalysisTemplate "errors": spec.metrics[0].successCondition: ...`.
// It is empty if nothing is wrong with how the metric is written.
func (e *evidence) mistake(metric, message string) string {
	for _, f := range lint.Check(e.options.Objects) {
		spec, m := templateSpec(f.Object), metricField.FindStringSubmatch(f.Field)
		if spec == nil || m == nil || f.Warning {
			continue
		}
		if i := indexOf(spec.Metrics, func(i int, x v1alpha1.Metric) bool { return x.Name == metric && fmt.Sprint(i) == m[1] }); i >= 0 {
			return f.String()
		}
	}
	if !strings.Contains(message, "parse error") {
		return ""
	}
	for _, o := range e.options.Objects {
		spec := templateSpec(o)
		if spec == nil {
			continue
		}
		if i := indexOf(spec.Metrics, func(_ int, x v1alpha1.Metric) bool { return x.Name == metric && x.Provider.Prometheus != nil }); i >= 0 {
			path := fmt.Sprintf("spec.metrics[%d].provider.prometheus.query", i)
			return fmt.Sprintf("%s:%d: %s: %s: %s", o.File, o.LineOf(path), o, path, message)
		}
	}
	return ""
}

// conditionError is what the first measurement says that had data which its condition
// could not judge; empty if there was none.
func (r *Report) conditionError(kind, metric string) string {
	for i := range r.Measurements {
		m := &r.Measurements[i]
		if m.Kind == kind && m.Metric == metric && m.Phase == v1alpha1.AnalysisPhaseError && !m.noData() && ofCondition.MatchString(m.Message) {
			return strings.Join(strings.Fields(m.Message), " ")
		}
	}
	return ""
}

// ofCondition is how the message of a measurement begins that was not judged.
var ofCondition = regexp.MustCompile(`^(successCondition|failureCondition) "`)

// inCondition is the place of the condition that a message is about, with the message.
func (e *evidence) inCondition(metric, message string) string {
	field, rest, _ := strings.Cut(message, " ")
	for _, o := range e.options.Objects {
		spec := templateSpec(o)
		if spec == nil || message == "" {
			continue
		}
		if i := indexOf(spec.Metrics, func(_ int, x v1alpha1.Metric) bool { return x.Name == metric }); i >= 0 {
			path := fmt.Sprintf("spec.metrics[%d].%s", i, field)
			return fmt.Sprintf("%s:%d: %s: %s: %s", o.File, o.LineOf(path), o, path, rest)
		}
	}
	return ""
}

// autoscalers says that nobody scales here what an autoscaler would.
func (r *Report) autoscalers(e *evidence) {
	for _, o := range e.options.Objects {
		if o.GetObjectKind().GroupVersionKind().Kind != "HorizontalPodAutoscaler" {
			continue
		}
		content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o.Object)
		if err != nil {
			continue
		}
		name, _, _ := unstructured.NestedString(content, "spec", "scaleTargetRef", "name")
		kind, _, _ := unstructured.NestedString(content, "spec", "scaleTargetRef", "kind")
		if name == r.Rollout && kind == v1alpha1.KindRollout {
			r.note("autoscaler", "%s scales nothing here, the Rollout keeps its %s: rehearse its other sizes by changing replicas", o, count(r.Replicas, "replica"))
		}
	}
}

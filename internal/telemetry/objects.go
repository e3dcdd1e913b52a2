package telemetry

import (
	"cmp"
	"context"
	"regexp"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/analysis"
)

var (
	rolloutInfo = desc("rollout_info", "A Rollout", append(object, "strategy", "traffic_router", "phase")...)
	available   = desc("rollout_info_replicas_available", "Pods that are available", object...)
	unavailable = desc("rollout_info_replicas_unavailable", "Pods that are not available", object...)
	desired     = desc("rollout_info_replicas_desired", "Pods that are asked for", object...)
	updated     = desc("rollout_info_replicas_updated", "Pods of the current revision", object...)

	runInfo        = desc("analysis_run_info", "An AnalysisRun", append(object, "phase")...)
	runMetricType  = desc("analysis_run_metric_type", "A metric of an AnalysisRun", append(object, "metric", "type")...)
	runMetricPhase = desc("analysis_run_metric_phase", "A metric of an AnalysisRun and how it is", append(object, "metric", "type", "dry_run", "phase")...)

	templateInfo   = desc("analysis_template_info", "An AnalysisTemplate; a ClusterAnalysisTemplate has no namespace", object...)
	templateMetric = desc("analysis_template_metric_info", "A metric of an AnalysisTemplate", append(object, "type", "metric")...)

	experimentInfo = desc("experiment_info", "An Experiment", append(object, "phase")...)
)

// scrape sends gauges about objects. Two objects that would give one series, such
// as two metrics of one name in a template that nobody has checked, give it once:
// Prometheus refuses the whole scrape otherwise.
type scrape struct {
	ch   chan<- prometheus.Metric
	sent map[string]bool
}

func (s *scrape) gauge(d *prometheus.Desc, value float64, labels ...string) {
	key := d.String() + "\x00" + strings.Join(labels, "\x00")
	if !s.sent[key] {
		s.sent[key] = true
		s.ch <- gauge(d, value, labels...)
	}
}

// collectObjects lists what exists. A cache that is not filled yet lists nothing.
func (m *Meters) collectObjects(ch chan<- prometheus.Metric) {
	s := &scrape{ch, map[string]bool{}}
	rollouts := &v1alpha1.RolloutList{}
	for i := range items(m.reader, rollouts, &rollouts.Items) {
		s.rollout(&rollouts.Items[i])
	}
	runs := &v1alpha1.AnalysisRunList{}
	for i := range items(m.reader, runs, &runs.Items) {
		s.run(&runs.Items[i])
	}
	experiments := &v1alpha1.ExperimentList{}
	for i := range items(m.reader, experiments, &experiments.Items) {
		e := &experiments.Items[i]
		s.gauge(experimentInfo, 1, e.Namespace, e.Name, string(e.Status.Phase))
	}
	templates := &v1alpha1.AnalysisTemplateList{}
	for i := range items(m.reader, templates, &templates.Items) {
		t := &templates.Items[i]
		s.template(t.Namespace, t.Name, t.Spec.Metrics)
	}
	if !m.cluster {
		return
	}
	clusterTemplates := &v1alpha1.ClusterAnalysisTemplateList{}
	for i := range items(m.reader, clusterTemplates, &clusterTemplates.Items) {
		t := &clusterTemplates.Items[i]
		s.template("", t.Name, t.Spec.Metrics)
	}
}

// items lists objects without copying them.
func items[T any](reader client.Reader, list client.ObjectList, items *[]T) []T {
	if err := reader.List(context.Background(), list, client.UnsafeDisableDeepCopy); err != nil {
		return nil
	}
	return *items
}

func (s *scrape) rollout(ro *v1alpha1.Rollout) {
	s.gauge(rolloutInfo, 1, ro.Namespace, ro.Name, strategyOf(ro), routerOf(ro), string(cmp.Or(ro.Status.Phase, v1alpha1.RolloutPhaseProgressing)))
	wanted := int32(1)
	if ro.Spec.Replicas != nil {
		wanted = *ro.Spec.Replicas
	}
	s.gauge(desired, float64(wanted), ro.Namespace, ro.Name)
	s.gauge(available, float64(ro.Status.AvailableReplicas), ro.Namespace, ro.Name)
	s.gauge(unavailable, float64(max(0, ro.Status.Replicas-ro.Status.AvailableReplicas)), ro.Namespace, ro.Name)
	s.gauge(updated, float64(ro.Status.UpdatedReplicas), ro.Namespace, ro.Name)
}

func strategyOf(ro *v1alpha1.Rollout) string {
	switch {
	case ro.Spec.Strategy.Canary != nil:
		return "canary"
	case ro.Spec.Strategy.BlueGreen != nil:
		return "blueGreen"
	}
	return "none"
}

// routerOf names the router; of those that are configured but unknown to this
// version nothing is told.
func routerOf(ro *v1alpha1.Rollout) string {
	if c := ro.Spec.Strategy.Canary; c != nil && c.TrafficRouting != nil && c.TrafficRouting.Istio != nil {
		return "Istio"
	}
	return ""
}

func (s *scrape) run(run *v1alpha1.AnalysisRun) {
	s.gauge(runInfo, 1, run.Namespace, run.Name, string(cmp.Or(run.Status.Phase, v1alpha1.AnalysisPhasePending)))
	phases := map[string]v1alpha1.AnalysisPhase{}
	for _, r := range run.Status.MetricResults {
		phases[r.Name] = r.Phase
	}
	for _, m := range run.Spec.Metrics {
		kind := kindOf(m)
		phase := cmp.Or(phases[m.Name], v1alpha1.AnalysisPhasePending)
		s.gauge(runMetricType, 1, run.Namespace, run.Name, m.Name, kind)
		s.gauge(runMetricPhase, 1, run.Namespace, run.Name, m.Name, kind, strconv.FormatBool(isDryRun(run, m.Name)), string(phase))
	}
}

func isDryRun(run *v1alpha1.AnalysisRun, metric string) bool {
	for _, rule := range run.Spec.DryRun {
		if ok, err := regexp.MatchString(rule.MetricName, metric); err == nil && ok {
			return true
		}
	}
	return false
}

func (s *scrape) template(namespace, name string, metrics []v1alpha1.Metric) {
	s.gauge(templateInfo, 1, namespace, name)
	for _, m := range metrics {
		s.gauge(templateMetric, 1, namespace, name, kindOf(m), m.Name)
	}
}

// kindOf is the provider of a metric, empty if it is not clear.
func kindOf(m v1alpha1.Metric) string {
	kind, err := analysis.ProviderKind(m.Provider)
	if err != nil {
		return ""
	}
	return kind
}

package experiment

import (
	"fmt"
	"maps"
	"regexp"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/analysis"
)

// noRollout is what is wrong with an argument that only a Rollout could supply: the step
// that makes an Experiment does, and an Experiment by itself has none.
const noRollout = "args.%s was not resolved: its default is the field %s of a Rollout, and no Rollout has supplied it; give it a value in args"

// lookAtRuns copies how the runs do into the status.
func (d *decision) lookAtRuns() {
	for i := range d.status.AnalysisRuns {
		entry := &d.status.AnalysisRuns[i]
		run := d.runs[entry.AnalysisRun]
		if run == nil || entry.Phase.Completed() || run.Status.Phase == "" || run.Status.Phase == entry.Phase {
			continue
		}
		d.transition("AnalysisRun", "Analysis '"+entry.Name+"'", string(entry.Phase), string(run.Status.Phase), run.Status.Message)
		entry.Phase, entry.Message = run.Status.Phase, run.Status.Message
	}
}

// announceRuns names the runs of the analyses that have none yet. A run is
// created only after its name is in the status, so that a crash between the two
// cannot lead to a second one.
func (d *decision) announceRuns() error {
	for i := range d.spec.Analyses {
		ref := &d.spec.Analyses[i]
		entry := entryOf(d.status, ref.Name)
		if entry != nil && (entry.Phase.Completed() || d.runs[entry.AnalysisRun] != nil) {
			continue
		}
		run, err := d.newRun(ref)
		if err != nil {
			return fmt.Errorf("AnalysisTemplate verification failed for analysis '%s': %w", ref.Name, err)
		}
		if entry == nil {
			placed, _ := analysis.Place(run, d.Runs)
			d.status.AnalysisRuns = append(d.status.AnalysisRuns,
				v1alpha1.ExperimentAnalysisRunStatus{Name: ref.Name, AnalysisRun: placed.Name, Phase: v1alpha1.AnalysisPhasePending})
			continue
		}
		if why := d.Refused[Object{"AnalysisRun", entry.AnalysisRun}]; why != "" {
			//lint:ignore ST1005 like the others, for people
			return fmt.Errorf("Failed to create AnalysisRun %s for analysis '%s': %s", entry.AnalysisRun, ref.Name, why)
		}
		run.Name = entry.AnalysisRun
		d.toStart = append(d.toStart, run)
	}
	return nil
}

// startRuns creates the runs that were announced.
func (d *decision) startRuns() {
	for _, run := range d.toStart {
		d.do(StartRun{Run: run})
		d.event("AnalysisRunCreated", "Created AnalysisRun '%s'", run.Name)
	}
}

// stopRuns asks every run that goes on to end, and reports whether there is one.
func (d *decision) stopRuns() (unfinished bool) {
	for _, name := range slices.Sorted(maps.Keys(d.runs)) {
		run := d.runs[name]
		if run.Status.Phase.Completed() || run.DeletionTimestamp != nil {
			continue
		}
		unfinished = true
		if !run.Spec.Terminate {
			d.do(StopRun{Run: run})
			d.event("AnalysisRunTerminating", "Terminating AnalysisRun '%s'", run.Name)
		}
	}
	return unfinished
}

// newRun makes the run of an analysis: the template, with what the Experiment
// tells it.
func (d *decision) newRun(ref *v1alpha1.ExperimentAnalysisTemplateRef) (*v1alpha1.AnalysisRun, error) {
	flat, err := analysis.Flatten(d.Templates, []v1alpha1.AnalysisTemplateRef{templateRef(ref)})
	if err != nil {
		return nil, err
	}
	args, err := d.arguments(ref.Args)
	if err != nil {
		return nil, err
	}
	if without := analysis.OfRollouts(args, flat.Args); len(without) > 0 {
		return nil, fmt.Errorf(noRollout, without[0].Name, without[0].ValueFrom.FieldRef.FieldPath)
	}
	spec, err := analysis.NewSpec(analysis.WithRules(flat,
		rulesFor(d, ref, flat.Metrics, d.spec.DryRun, func(r v1alpha1.DryRun) string { return r.MetricName }),
		rulesFor(d, ref, flat.Metrics, d.spec.MeasurementRetention, func(r v1alpha1.MeasurementRetention) string { return r.MetricName }),
	), args)
	if err != nil {
		return nil, err
	}
	meta := metav1.ObjectMeta{
		Name:            d.Experiment.Name + "-" + ref.Name,
		Namespace:       d.Experiment.Namespace,
		Labels:          maps.Clone(d.spec.AnalysisRunMetadata.Labels),
		Annotations:     maps.Clone(d.spec.AnalysisRunMetadata.Annotations),
		OwnerReferences: d.owner(),
	}
	if id := d.Experiment.Labels[v1alpha1.LabelKeyControllerInstanceID]; id != "" {
		meta.Labels = with(meta.Labels, v1alpha1.LabelKeyControllerInstanceID, id)
	}
	return &v1alpha1.AnalysisRun{ObjectMeta: meta, Spec: spec}, nil
}

// References lists the templates that the analyses of an Experiment name.
func References(spec *v1alpha1.ExperimentSpec) []v1alpha1.AnalysisTemplateRef {
	var refs []v1alpha1.AnalysisTemplateRef
	for i := range spec.Analyses {
		refs = append(refs, templateRef(&spec.Analyses[i]))
	}
	return refs
}

func templateRef(a *v1alpha1.ExperimentAnalysisTemplateRef) v1alpha1.AnalysisTemplateRef {
	return v1alpha1.AnalysisTemplateRef{TemplateName: a.TemplateName, ClusterScope: a.ClusterScope}
}

// rulesFor picks the rules of the Experiment that a run of ref is to get. A run
// refuses a rule that matches none of its metrics; a rule that is meant for
// another analysis of the Experiment must not do that.
func rulesFor[T any](d *decision, ref *v1alpha1.ExperimentAnalysisTemplateRef, metrics []v1alpha1.Metric, rules []T, expression func(T) string) []T {
	var picked []T
	for _, rule := range rules {
		if matchesAny(expression(rule), metrics) || !d.matchedElsewhere(expression(rule), ref) {
			picked = append(picked, rule)
		}
	}
	return picked
}

// matchedElsewhere is true if a rule matches a metric of another analysis.
func (d *decision) matchedElsewhere(rule string, not *v1alpha1.ExperimentAnalysisTemplateRef) bool {
	for i := range d.spec.Analyses {
		other := &d.spec.Analyses[i]
		if other.Name == not.Name {
			continue
		}
		flat, err := analysis.Flatten(d.Templates, []v1alpha1.AnalysisTemplateRef{templateRef(other)})
		if err == nil && matchesAny(rule, flat.Metrics) {
			return true
		}
	}
	return false
}

// matchesAny is true if a rule matches the name of a metric. One that is no
// expression matches nothing: the run reports it.
func matchesAny(rule string, metrics []v1alpha1.Metric) bool {
	expression, err := regexp.Compile(rule)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(metrics, func(m v1alpha1.Metric) bool { return expression.MatchString(m.Name) })
}

// entryOf is the entry of an analysis in a status; nil if it has none.
func entryOf(s *v1alpha1.ExperimentStatus, analysisName string) *v1alpha1.ExperimentAnalysisRunStatus {
	for i := range s.AnalysisRuns {
		if s.AnalysisRuns[i].Name == analysisName {
			return &s.AnalysisRuns[i]
		}
	}
	return nil
}

package experiment

import (
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/analysis"
)

// Decide is the whole policy of an Experiment. It reads no clock and no cluster.
func Decide(o Observed, now time.Time) Plan {
	d := newDecision(o, now)
	if o.Experiment.DeletionTimestamp != nil {
		return d.plan // what it controls goes with it, by owner reference
	}
	d.lookAtVersions()
	d.lookAtRuns()
	d.judge()
	switch {
	case d.over():
		d.windDown()
	case !d.ending:
		d.runVersions()
		d.startRuns()
	}
	if d.Invalid == "" {
		d.dropStrangers()
	}
	return d.finish()
}

// decision is a plan in the making, with the facts that it is made from.
type decision struct {
	Observed
	now  time.Time
	spec *v1alpha1.ExperimentSpec
	// status is the next status; was is the one observed.
	status *v1alpha1.ExperimentStatus
	was    *v1alpha1.ExperimentStatus
	plan   Plan
	// versions are those of the spec, in its order.
	versions []*version
	// runs are the AnalysisRuns that the Experiment controls, by name.
	runs map[string]*v1alpha1.AnalysisRun
	// toStart are the runs that were announced and do not exist yet.
	toStart []*v1alpha1.AnalysisRun
	// ending is true while runs are asked to stop before the end is declared.
	ending bool
}

func newDecision(o Observed, now time.Time) *decision {
	d := &decision{Observed: o, now: now, spec: &o.Experiment.Spec, was: &o.Experiment.Status, runs: map[string]*v1alpha1.AnalysisRun{}}
	if d.mended() {
		d.was = &v1alpha1.ExperimentStatus{}
	}
	d.was.DeepCopyInto(&d.plan.Status)
	d.status = &d.plan.Status
	for _, run := range o.Runs {
		if metav1.IsControlledBy(run, o.Experiment) {
			d.runs[run.Name] = run
		}
	}
	return d
}

// mended is true for an Experiment that was refused before anything had begun
// and whose spec is right by now.
func (d *decision) mended() bool {
	return d.Invalid == "" && len(d.was.TemplateStatuses) == 0 && conditionOf(d.was, v1alpha1.InvalidExperimentSpec) != nil
}

// over is true once the Experiment has come to its end.
func (d *decision) over() bool { return d.status.Phase.Completed() }

// finish completes the plan from what was decided.
func (d *decision) finish() Plan {
	for _, v := range d.versions {
		if v.update != nil && v.update.changes() {
			d.do(*v.update)
		}
	}
	d.setConditions()
	return d.plan
}

func (d *decision) do(a Action) { d.plan.Actions = append(d.plan.Actions, a) }

// event notes something that users are told.
func (d *decision) event(reason, format string, args ...any) {
	d.plan.Why = append(d.plan.Why, Note{Reason: reason, Message: fmt.Sprintf(format, args...), Event: true})
}

// transition tells users that something went from one state to another. Bad ends
// are warnings.
func (d *decision) transition(prefix, subject, from, to, why string) {
	message := fmt.Sprintf("%s transitioned from %s -> %s", subject, from, to)
	if why != "" {
		message += ": " + why
	}
	bad := to == string(v1alpha1.AnalysisPhaseFailed) || to == string(v1alpha1.AnalysisPhaseError)
	d.plan.Why = append(d.plan.Why, Note{Reason: prefix + to, Message: message, Event: true, Warning: bad})
}

// waiting notes what holds the Experiment where it is.
func (d *decision) waiting(format string, args ...any) {
	d.plan.Why = append(d.plan.Why, Note{Reason: "Waiting", Message: fmt.Sprintf(format, args...)})
}

// wakeAt asks for another look at t, or earlier.
func (d *decision) wakeAt(t time.Time) {
	if d.plan.Wake.IsZero() || t.Before(d.plan.Wake) {
		d.plan.Wake = t
	}
}

// stamp is now as [analysis.Stamp] rounds it.
func (d *decision) stamp() metav1.Time { return analysis.Stamp(d.now) }

// owner is the reference that makes an object the Experiment's.
func (d *decision) owner() []metav1.OwnerReference {
	return []metav1.OwnerReference{*metav1.NewControllerRef(d.Experiment, v1alpha1.SchemeGroupVersion.WithKind(v1alpha1.KindExperiment))}
}

func specReplicas(rs *appsv1.ReplicaSet) int32 {
	if rs == nil || rs.Spec.Replicas == nil {
		return 0
	}
	return *rs.Spec.Replicas
}

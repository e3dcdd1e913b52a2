package rollout

import (
	"slices"
	"time"

	"k8s.io/utils/ptr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/analysis"
	"github.com/aviary-rollouts/aviary/internal/experiment"
	"github.com/aviary-rollouts/aviary/internal/traffic"
)

type (
	// CreateExperiment creates the Experiment of a canary step.
	CreateExperiment struct{ Experiment *v1alpha1.Experiment }
	// StopExperiment asks an Experiment to end.
	StopExperiment struct{ Experiment *v1alpha1.Experiment }
	// DeleteExperiment deletes an Experiment that is kept no longer.
	DeleteExperiment struct{ Experiment *v1alpha1.Experiment }
)

func (CreateExperiment) action() {}
func (StopExperiment) action()   {}
func (DeleteExperiment) action() {}

// runExperiments starts the Experiment of the current step, follows its verdict,
// and ends those that nothing waits for any more.
func (d *decision) runExperiments() {
	needed := ""
	if d.experimentStep() != nil {
		d.followExperiment()
		if !d.status.Abort {
			needed = d.status.Canary.CurrentExperiment
		}
	}
	d.stopExperiments(needed)
	d.deleteOldExperiments()
}

// stopExperiments ends those that nothing waits for any more.
func (d *decision) stopExperiments(needed string) {
	for _, e := range d.Experiments {
		if e.Name != needed && !e.Status.Phase.Completed() && !e.Spec.Terminate {
			d.do(StopExperiment{Experiment: e})
			d.event("ExperimentTerminating", "Terminating Experiment '%s'", e.Name)
		}
	}
}

// experimentStep is the current step if it wants an Experiment now.
func (d *decision) experimentStep() *v1alpha1.RolloutExperimentStep {
	if d.newRS == nil || d.stableRS == nil || d.fullyPromoted() || d.status.Abort || d.status.PromoteFull || d.stepIndex() >= d.stepCount() {
		return nil
	}
	return d.steps()[d.stepIndex()].Experiment
}

func (d *decision) followExperiment() {
	current := &d.status.Canary.CurrentExperiment
	if *current != "" && d.status.ControllerPause && len(d.status.PauseConditions) == 0 {
		// A person has looked at an inconclusive Experiment: there is to be another.
		if e := d.experiment(); e != nil && e.Status.Phase == v1alpha1.AnalysisPhaseInconclusive {
			*current = ""
			d.endPause()
		}
	}
	order := experiment.Step{Rollout: d.Rollout, Index: d.stepIndex(), Revision: d.revisionText(), Stable: d.stableRS, Canary: d.newRS, Templates: d.Templates}
	if *current == "" {
		if !d.held() {
			// The name goes on record first: a crash cannot lead to a second one.
			*current = order.Name(append(slices.Clone(d.Experiments), d.OtherExperiments...))
			d.wakeAfter(0)
		}
		return
	}
	e := d.experiment()
	if e == nil {
		d.createExperiment(order, *current)
		return
	}
	switch e.Status.Phase {
	case v1alpha1.AnalysisPhaseFailed, v1alpha1.AnalysisPhaseError:
		d.giveUp(e.Status.Message)
	case v1alpha1.AnalysisPhaseInconclusive:
		if d.pausedSince(v1alpha1.PauseReasonInconclusiveExperiment) == nil {
			d.startPause(v1alpha1.PauseReasonInconclusiveExperiment)
		}
	}
}

func (d *decision) createExperiment(order experiment.Step, name string) {
	e, err := experiment.ForStep(order, name)
	if err != nil {
		d.giveUp(err.Error())
		return
	}
	d.do(CreateExperiment{Experiment: e})
	d.event("ExperimentCreated", "Created Experiment '%s'", name)
}

// experiment is the one that the status names; nil while it does not exist.
func (d *decision) experiment() *v1alpha1.Experiment {
	i := slices.IndexFunc(d.Experiments, func(e *v1alpha1.Experiment) bool { return e.Name == d.status.Canary.CurrentExperiment })
	if i < 0 {
		return nil
	}
	return d.Experiments[i]
}

// experimented is true when the Experiment of the current step has ended well.
func (d *decision) experimented() bool {
	e := d.experiment()
	if e == nil || e.Status.Phase != v1alpha1.AnalysisPhaseSuccessful {
		d.waiting("step %d: Experiment %s has not ended", d.stepIndex()+1, d.status.Canary.CurrentExperiment)
		return false
	}
	return true
}

// experimentShares are the destinations that a running Experiment adds.
func (d *decision) experimentShares() []traffic.Destination {
	step, e := d.experimentStep(), d.experiment()
	if step == nil || e == nil || e.Status.Phase != v1alpha1.AnalysisPhaseRunning {
		return nil
	}
	var shares []traffic.Destination
	for _, t := range step.Templates {
		for _, s := range e.Status.TemplateStatuses {
			if s.Name == t.Name && ptr.Deref(t.Weight, 0) > 0 {
				shares = append(shares, traffic.Destination{Host: s.ServiceName, Hash: s.PodTemplateHash, Weight: *t.Weight, Port: d.experimentPort(e, t.Name)})
			}
		}
	}
	slices.SortFunc(shares, func(a, b traffic.Destination) int {
		if a.Host < b.Host {
			return -1
		}
		return 1
	})
	return shares
}

// additionalShares are the destinations beside stable and canary: those of a running
// Experiment that have pods to answer, and what is in force as long as no stable pod
// could take its requests. The pods of an Experiment stay while they have a share.
// Without replicas nobody is meant to serve, and nothing waits for stable pods.
func (d *decision) additionalShares() []traffic.Destination {
	shares := slices.DeleteFunc(d.experimentShares(), d.unanswered)
	if d.n == 0 || d.stableRS == nil || available(d.stableRS) > 0 {
		return shares
	}
	for _, a := range d.Routing.Weights.Additional {
		has := func(b traffic.Destination) bool { return a.Host == b.Host }
		leads := func(e *v1alpha1.Experiment) bool { return templateBehind(e, a.Host) != nil }
		if !slices.ContainsFunc(shares, has) && slices.ContainsFunc(d.Experiments, leads) {
			d.waiting("Service %s of an Experiment keeps its share: no stable pod is available", a.Host)
			shares = append(shares, a)
		}
	}
	return shares
}

// lookAgainAtExperiment is when an Experiment is looked at again whose status still counts
// pods that are lost.
const lookAgainAtExperiment = time.Second

// unanswered is true for a share of the running Experiment behind which no pod is
// available: as with a canary, nobody's requests are sent there. The Experiment may
// still be Running, for it gives its pods their deadline to come back.
func (d *decision) unanswered(share traffic.Destination) bool {
	t := templateBehind(d.experiment(), share.Host)
	switch {
	case t == nil:
		return false
	case t.AvailableReplicas == 0: // its status will tell of pods that are there
	case d.Answering != nil && d.Answering[share.Hash] == 0:
		d.wakeAfter(lookAgainAtExperiment) // its status may never tell of pods that are back by then
	default:
		return false
	}
	d.waiting("Service %s of Experiment %s gets no share: none of its pods is available", share.Host, d.experiment().Name)
	return true
}

// templateBehind is what an Experiment reports of the template that has a Service of
// this name; nil if it has none.
func templateBehind(e *v1alpha1.Experiment, service string) *v1alpha1.TemplateStatus {
	i := slices.IndexFunc(e.Status.TemplateStatuses, func(t v1alpha1.TemplateStatus) bool { return t.ServiceName == service })
	if i < 0 {
		return nil
	}
	return &e.Status.TemplateStatuses[i]
}

// experimentPort is the port that the requests of a template must be sent to, 0
// if that is where they came to.
func (d *decision) experimentPort(e *v1alpha1.Experiment, template string) int32 {
	i := slices.IndexFunc(e.Spec.Templates, func(t v1alpha1.TemplateSpec) bool { return t.Name == template })
	if i < 0 || d.Routing == nil {
		return 0
	}
	return experiment.PortInstead(&e.Spec.Templates[i], d.Routing.StablePorts)
}

// deleteOldExperiments keeps the history within the limits of AnalysisRuns. One that the
// status names stays until the next status is on record: it would be made once more.
func (d *decision) deleteOldExperiments() {
	if d.held() {
		return
	}
	phaseOf := func(e *v1alpha1.Experiment) v1alpha1.AnalysisPhase { return e.Status.Phase }
	current := map[string]bool{d.status.Canary.CurrentExperiment: true, d.was.Canary.CurrentExperiment: true}
	for _, e := range analysis.Surplus(d.Experiments, phaseOf, d.spec.Analysis, current, d.hashesOfRevisions()) {
		if !serves(e) {
			d.do(DeleteExperiment{Experiment: e})
		}
	}
}

// serves is true for an Experiment that still has pods or Services: those go with it, and
// requests may be on their way to them until its delay is over.
func serves(e *v1alpha1.Experiment) bool {
	return slices.ContainsFunc(e.Status.TemplateStatuses, func(t v1alpha1.TemplateStatus) bool {
		return t.Replicas > 0 || t.ServiceName != ""
	})
}

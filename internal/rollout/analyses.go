package rollout

import (
	"fmt"
	"slices"

	"k8s.io/utils/ptr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/analysis"
)

type (
	// CreateRun creates an AnalysisRun.
	CreateRun struct{ Run *v1alpha1.AnalysisRun }
	// StopRun asks an AnalysisRun to end.
	StopRun struct{ Run *v1alpha1.AnalysisRun }
	// DeleteRun deletes an AnalysisRun that is kept no longer.
	DeleteRun struct{ Run *v1alpha1.AnalysisRun }
)

func (CreateRun) action() {}
func (StopRun) action()   {}
func (DeleteRun) action() {}

// slot is one of the places where an update has an AnalysisRun.
type slot struct {
	role   analysis.Role
	spec   *v1alpha1.RolloutAnalysis
	wanted bool
	status **v1alpha1.RolloutAnalysisRunStatus
}

// analyse starts the AnalysisRuns that the update needs now, ends those that it
// needs no more, and follows their verdicts: a bad one gives the update up, an
// inconclusive one pauses it. While a person holds the update none is started, but
// those that measure go on: one that were ended would count as a good one afterwards.
func (d *decision) analyse() {
	d.forgetPassedStep()
	d.resumeInconclusive()
	needed := map[string]bool{}
	for _, s := range d.slots() {
		d.follow(s)
		if *s.status != nil && s.wanted {
			needed[(*s.status).Name] = !d.status.Abort && !d.outlived(s)
		}
	}
	d.stopStrays(needed)
	d.deleteOldRuns()
}

// heedRuns follows the verdicts of the AnalysisRuns and of the Experiment that there are,
// and starts none.
func (d *decision) heedRuns() {
	d.forgetPassedStep()
	d.resumeInconclusive()
	for _, s := range d.slots() {
		if *s.status != nil && d.run((*s.status).Name) != nil {
			d.follow(s)
		}
	}
	if d.experimentStep() != nil && d.experiment() != nil {
		d.followExperiment()
	}
}

// outlived is true for a post-promotion analysis that goes on when the old pods, which
// the update would go back to, are to go. It is asked to end, and its last word counts.
func (d *decision) outlived(s slot) bool {
	if s.role != analysis.PostPromotion || d.held() {
		return false
	}
	end, ok := d.postPromotionEnd()
	if ok && d.now.Before(end) {
		d.wakeAt(end)
	}
	return ok && !d.now.Before(end)
}

// slots lists the AnalysisRuns of the strategy, wanted now or not.
func (d *decision) slots() []slot {
	live := d.newRS != nil && d.status.StableRS != "" && !d.fullyPromoted() && !d.status.Abort && !d.status.PromoteFull
	if bg := d.spec.Strategy.BlueGreen; bg != nil {
		s := &d.status.BlueGreen
		switched := s.ActiveSelector == d.hash
		return []slot{
			{analysis.PrePromotion, bg.PrePromotionAnalysis, live && !switched && !s.ScaleUpPreviewCheckPoint && d.previewReady(), &s.PrePromotionAnalysisRunStatus},
			{analysis.PostPromotion, bg.PostPromotionAnalysis, live && switched, &s.PostPromotionAnalysisRunStatus},
		}
	}
	s := &d.status.Canary
	var step, background *v1alpha1.RolloutAnalysis
	if i := d.stepIndex(); i < d.stepCount() {
		step = d.steps()[i].Analysis
	}
	starts := int32(0)
	if b := d.spec.Strategy.Canary.Analysis; b != nil {
		background, starts = &b.RolloutAnalysis, ptr.Deref(b.StartingStep, 0)
	}
	return []slot{
		{analysis.Step, step, live && step != nil, &s.CurrentStepAnalysisRunStatus},
		{analysis.Background, background, live && d.stepIndex() >= starts, &s.CurrentBackgroundAnalysisRunStatus},
	}
}

// follow brings one slot to where it should be.
func (d *decision) follow(s slot) {
	wanted := s.spec != nil && s.wanted
	if *s.status == nil {
		if wanted && !d.held() {
			d.nameRun(s)
		}
		return
	}
	run := d.run((*s.status).Name)
	if run == nil && wanted && !(*s.status).Status.Completed() {
		d.createRun(s)
	}
	if run == nil || run.Status.Phase == "" {
		return
	}
	d.record(s, run)
	if !wanted {
		return
	}
	switch run.Status.Phase {
	case v1alpha1.AnalysisPhaseFailed, v1alpha1.AnalysisPhaseError:
		if !d.status.Abort {
			d.giveUp(run.Status.Message)
		}
	case v1alpha1.AnalysisPhaseInconclusive:
		if d.pausedSince(v1alpha1.PauseReasonInconclusiveAnalysis) == nil {
			d.startPause(v1alpha1.PauseReasonInconclusiveAnalysis)
		}
	}
}

// record copies how the run of a slot does into the status, and tells users when that is
// something else than what was on record.
func (d *decision) record(s slot, run *v1alpha1.AnalysisRun) {
	status, phase := *s.status, run.Status.Phase
	if status.Status != phase {
		d.plan.Why = append(d.plan.Why, Note{
			Reason:  "AnalysisRun" + string(phase),
			Message: fmt.Sprintf("%s Analysis Run '%s' Status New: '%s' Previous: '%s'", s.role, run.Name, phase, status.Status),
			Event:   true, Warning: analysis.Alarming(phase),
		})
	}
	status.Status, status.Message = phase, run.Status.Message
}

// nameRun puts the name of the run of a slot on record. The run is created in the
// next pass, under that name: a crash between the two cannot lead to a second one.
func (d *decision) nameRun(s slot) {
	if run := d.newRun(s); run != nil {
		*s.status = &v1alpha1.RolloutAnalysisRunStatus{Name: run.Name, Status: v1alpha1.AnalysisPhasePending}
		d.wakeAfter(0)
	}
}

func (d *decision) createRun(s slot) {
	run := d.newRun(s)
	if run == nil || d.run(run.Name) != nil {
		return
	}
	run.Name = (*s.status).Name
	d.do(CreateRun{Run: run})
	d.event("AnalysisRunCreated", "Created AnalysisRun '%s'", run.Name)
}

// newRun makes the run of a slot, or finds the one that was made before. It is
// nil if it cannot be made, which gives the update up.
func (d *decision) newRun(s slot) *v1alpha1.AnalysisRun {
	order := d.order(s.role)
	order.Analysis = *s.spec
	run, _, err := analysis.NewRun(order, d.Templates, append(slices.Clone(d.Runs), d.OtherRuns...))
	if err != nil {
		d.giveUp(err.Error())
		return nil
	}
	return run
}

// order is what the run of a role is made from, without its templates.
func (d *decision) order(role analysis.Role) analysis.Order {
	return analysis.Order{
		Rollout: d.Rollout, Role: role, Step: d.stepIndex(), Hash: d.hash, StableHash: d.status.StableRS,
		Revision: d.revisionText(), InstanceID: d.Rollout.Labels[v1alpha1.LabelKeyControllerInstanceID],
	}
}

// forgetPassedStep lets go of the run of a step that a person has skipped. It would
// stand for the analysis of the next step otherwise, and its verdict would take the
// promotion that the next pause waits for.
func (d *decision) forgetPassedStep() {
	s := d.status.Canary.CurrentStepAnalysisRunStatus
	if s != nil && !d.status.Abort && !d.status.PromoteFull && !d.order(analysis.Step).Names(s.Name) {
		d.status.Canary.CurrentStepAnalysisRunStatus = nil
	}
}

func (d *decision) run(name string) *v1alpha1.AnalysisRun {
	for _, r := range d.Runs {
		if r.Name == name {
			return r
		}
	}
	return nil
}

// resumeInconclusive starts over where a person has looked at an inconclusive
// analysis and let the update go on: the run is forgotten, a new one follows. It
// must come before the steps are asked: the same sign, controllerPause without a
// condition, would end a pause step.
func (d *decision) resumeInconclusive() {
	if !d.status.ControllerPause || len(d.status.PauseConditions) > 0 {
		return
	}
	for _, s := range d.slots() {
		if *s.status != nil && (*s.status).Status == v1alpha1.AnalysisPhaseInconclusive {
			*s.status = nil
			d.endPause()
		}
	}
}

// skipped stands in the status for an analysis that an update does without: a
// fast rollback goes to pods that were judged when they were new.
var skipped = v1alpha1.RolloutAnalysisRunStatus{Status: v1alpha1.AnalysisPhaseSuccessful, Message: "skipped: fast rollback"}

// analysed is true when the run of a slot has ended well. One that has been deleted since
// is believed what is on record of it: it is not made a second time.
func (d *decision) analysed(status *v1alpha1.RolloutAnalysisRunStatus) bool {
	if status == nil {
		return false
	}
	if *status == skipped {
		return true
	}
	phase := status.Status
	if run := d.run(status.Name); run != nil {
		phase = run.Status.Phase
	}
	if phase != v1alpha1.AnalysisPhaseSuccessful {
		d.waiting("AnalysisRun %s is %s", status.Name, status.Status)
		return false
	}
	return true
}

// inconclusive is true while a person must look at an analysis.
func (d *decision) inconclusive() bool {
	return d.pausedSince(v1alpha1.PauseReasonInconclusiveAnalysis) != nil || d.pausedSince(v1alpha1.PauseReasonInconclusiveExperiment) != nil
}

// runsOf lists what a status says of the AnalysisRuns that it is about; nil where there
// is none.
func runsOf(s *v1alpha1.RolloutStatus) []*v1alpha1.RolloutAnalysisRunStatus {
	return []*v1alpha1.RolloutAnalysisRunStatus{
		s.Canary.CurrentStepAnalysisRunStatus, s.Canary.CurrentBackgroundAnalysisRunStatus,
		s.BlueGreen.PrePromotionAnalysisRunStatus, s.BlueGreen.PostPromotionAnalysisRunStatus,
	}
}

// NewsOfRuns is true for a status that tells of an AnalysisRun what the one before did
// not: that it has begun, or what it has come to.
func NewsOfRuns(was, is *v1alpha1.RolloutStatus) bool {
	before := runsOf(was)
	for i, run := range runsOf(is) {
		if run == nil || run.Status == v1alpha1.AnalysisPhasePending {
			continue
		}
		if old := before[i]; old == nil || old.Name != run.Name || old.Status != run.Status {
			return true
		}
	}
	return false
}

// currentRuns names the runs that the status is about.
func (d *decision) currentRuns() map[string]bool {
	current := map[string]bool{}
	for _, s := range runsOf(d.status) {
		if s != nil {
			current[s.Name] = true
		}
	}
	return current
}

// stopStrays ends the runs that nothing waits for any more.
func (d *decision) stopStrays(needed map[string]bool) {
	for _, run := range d.Runs {
		if !needed[run.Name] && !run.Status.Phase.Completed() && !run.Spec.Terminate {
			d.do(StopRun{Run: run})
			d.event("AnalysisRunTerminating", "Terminating AnalysisRun '%s'", run.Name)
		}
	}
}

// deleteOldRuns keeps the history within its limits.
func (d *decision) deleteOldRuns() {
	if d.held() {
		return
	}
	phaseOf := func(run *v1alpha1.AnalysisRun) v1alpha1.AnalysisPhase { return run.Status.Phase }
	for _, run := range analysis.Surplus(d.Runs, phaseOf, d.spec.Analysis, d.currentRuns(), d.hashesOfRevisions()) {
		d.do(DeleteRun{Run: run})
	}
}

// hashesOfRevisions are those of which there is a ReplicaSet.
func (d *decision) hashesOfRevisions() map[string]bool {
	hashes := map[string]bool{}
	for _, rs := range d.all {
		hashes[hashOf(rs)] = true
	}
	return hashes
}

package rollout

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/utils/ptr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// blueGreen asks the questions of the blue/green strategy, in order.
func (d *decision) blueGreen() {
	d.status.BlueGreen.PreviewSelector = d.selected(d.spec.Strategy.BlueGreen.PreviewService)
	d.status.BlueGreen.ActiveSelector = d.selected(d.spec.Strategy.BlueGreen.ActiveService)
	d.selectPreview()
	pinned := d.selectStable()
	if !d.restart() {
		d.resize(d.blueGreenSizes())
	}
	d.analyse()
	d.runExperiments() // ends those of a canary that it was
	if d.newRS == nil || d.held() || d.previewPaused() {
		return
	}
	if !pinned {
		d.selectActive()
	}
	d.promoteBlueGreen()
}

// selectPreview points the preview Service at the new ReplicaSet at once, even
// before it has pods: nobody but testers use it.
func (d *decision) selectPreview() {
	service := d.spec.Strategy.BlueGreen.PreviewService
	if service == "" || d.newRS == nil || d.held() || d.Services[service] == nil {
		return
	}
	from := d.selected(service)
	d.status.BlueGreen.PreviewSelector = d.hash
	if from == d.hash && d.managed(service) {
		return
	}
	d.do(SelectPods{Service: d.Services[service], Hash: d.hash})
	if from != d.hash {
		d.event("SwitchService", "Switched selector for service '%s' from '%s' to '%s'", service, from, d.hash)
	}
}

// blueGreenSizes decides the size of every ReplicaSet: the stable and the active
// one full, the new one as large as the preview wants, the others until their
// deadline.
func (d *decision) blueGreenSizes() sizes {
	bg := d.spec.Strategy.BlueGreen
	next := sizes{}
	var late int32 // old ReplicaSets that are kept
	for _, rs := range d.all {
		d.unannotate(rs, v1alpha1.ServesUntilAnnotation) // of another strategy
		switch {
		case rs == d.newRS && d.abortedUpdate():
			next[rs.Name] = d.abortedPreviewSize()
		case rs == d.newRS:
			d.dropDeadline(rs)
			next[rs.Name] = d.previewSize()
		case rs == d.stableRS || hashOf(rs) == d.status.BlueGreen.ActiveSelector:
			d.dropDeadline(rs)
			next[rs.Name] = d.n
		default:
			next[rs.Name] = d.delayedSize(rs, d.activeDelay())
			if next[rs.Name] > 0 {
				late++
			}
			if next[rs.Name] == 0 || late > ptr.Deref(bg.ScaleDownDelayRevisionLimit, late) {
				next[rs.Name] = 0
				d.dropDeadline(rs)
			}
		}
	}
	if d.held() && !d.rescaled() {
		return sizes{}
	}
	return next
}

// activeDelay is how many seconds a ReplicaSet that is no longer active keeps its pods
// from now on. A scaleDownDelaySeconds that is written counts from the switch, not from
// the end of the post-promotion analysis.
func (d *decision) activeDelay() int32 {
	delay := d.spec.Strategy.BlueGreen.ScaleDownDelaySeconds
	if end, ok := d.postPromotionEnd(); ok {
		return int32(max(0, (end.Sub(d.now)+time.Second-1)/time.Second))
	}
	return ptr.Deref(delay, defaultScaleDownDelay)
}

// postPromotionEnd is when a post-promotion analysis that is still under way ends: with
// the old pods, where a scaleDownDelaySeconds says how long they stay after the switch.
// ok is false without one, or as long as the run has not begun.
func (d *decision) postPromotionEnd() (end time.Time, ok bool) {
	delay, status := d.spec.Strategy.BlueGreen.ScaleDownDelaySeconds, d.status.BlueGreen.PostPromotionAnalysisRunStatus
	if delay == nil || status == nil {
		return end, false
	}
	run := d.run(status.Name)
	if run == nil || run.Status.StartedAt == nil {
		return end, false
	}
	return run.Status.StartedAt.Add(time.Duration(*delay) * time.Second), true
}

// previewSize is the size of the new ReplicaSet.
func (d *decision) previewSize() int32 {
	preview := d.spec.Strategy.BlueGreen.PreviewReplicaCount
	if preview == nil || d.status.BlueGreen.ActiveSelector == d.hash || d.fullyPromoted() || d.status.StableRS == "" || d.status.BlueGreen.ScaleUpPreviewCheckPoint || d.skipsPause() {
		return d.n
	}
	return *preview
}

// abortedPreviewSize keeps the new ReplicaSet for a while after an abort; with
// an abortScaleDownDelaySeconds of 0 it is kept for ever.
func (d *decision) abortedPreviewSize() int32 {
	delay := ptr.Deref(d.spec.Strategy.BlueGreen.AbortScaleDownDelaySeconds, defaultScaleDownDelay)
	if delay == 0 || d.status.BlueGreen.ActiveSelector == d.hash {
		return specReplicas(d.newRS)
	}
	return d.delayedSize(d.newRS, delay)
}

// skipsPause is true when there is no need to look before switching: on the
// first deployment and on a requested full promotion. A fast rollback is behind the
// check point from its start.
func (d *decision) skipsPause() bool {
	return d.status.StableRS == "" || d.fullyPromoted() || d.status.PromoteFull
}

// fastRollback is true when an update starts to a version that need not prove itself
// again: within the rollback window, or with blue/green in its scale-down delay. It is
// asked when an update starts; the answer is kept in the status.
func (d *decision) fastRollback() bool {
	return d.inRollbackWindow() || d.spec.Strategy.BlueGreen != nil && d.newRS != nil && inDelay(d.newRS)
}

// previewPaused holds the update at the preview until it is promoted, by a
// person or after autoPromotionSeconds.
func (d *decision) previewPaused() bool {
	bg := d.spec.Strategy.BlueGreen
	if d.skipsPause() || d.status.Abort || d.status.BlueGreen.ScaleUpPreviewCheckPoint {
		if d.status.ControllerPause && !d.inconclusive() { // a person must look at an analysis behind the switch, too
			d.endPause()
		}
		return false
	}
	auto := ptr.Deref(bg.AutoPromotionEnabled, true)
	if auto && bg.AutoPromotionSeconds == 0 {
		return d.checkPoint()
	}
	started := d.pausedSince(v1alpha1.PauseReasonBlueGreenPause)
	switch {
	case started == nil && d.status.ControllerPause && len(d.status.PauseConditions) == 0:
		return d.checkPoint()
	case started == nil && (!d.previewReady() || !d.previewJudged()):
		return true // the pause begins when there is nothing else to wait for
	case started == nil:
		d.startPause(v1alpha1.PauseReasonBlueGreenPause)
		started = &d.status.PauseConditions[len(d.status.PauseConditions)-1].StartTime.Time
	}
	if !auto {
		d.waiting("the preview is ready and waits to be promoted")
		return true
	}
	end := started.Add(time.Duration(bg.AutoPromotionSeconds) * time.Second)
	if d.now.Before(end) {
		d.waiting("the preview is promoted in %s", end.Sub(d.now))
		d.wakeAt(end)
		return true
	}
	return d.checkPoint()
}

// checkPoint passes the check point once the preview is ready; it reports
// whether the update is still held. Behind it the new ReplicaSet grows to full
// size.
func (d *decision) checkPoint() bool {
	if !d.previewReady() || !d.previewJudged() {
		return true
	}
	if d.inconclusive() {
		return true
	}
	if d.status.ControllerPause && len(d.status.PauseConditions) == 0 {
		d.event(v1alpha1.RolloutResumedReason, "Rollout is resumed")
	}
	d.endPause()
	d.status.BlueGreen.ScaleUpPreviewCheckPoint = true
	d.wakeAfter(0)
	return specReplicas(d.newRS) < d.n
}

// previewReady is true when the preview has all its pods and they serve.
func (d *decision) previewReady() bool { return saturated(d.newRS, d.previewSize()) }

// previewJudged is true when the pre-promotion analysis has ended well, or there is none.
func (d *decision) previewJudged() bool {
	bg := d.spec.Strategy.BlueGreen
	return bg.PrePromotionAnalysis == nil || d.analysed(d.status.BlueGreen.PrePromotionAnalysisRunStatus)
}

// selectStable points an active Service that selects no version at the stable one while
// another is on its way: users would get pods of the preview as soon as they are ready. It
// selects none where a canary has just become blue/green, and where the Rollout was created
// anew over its pods.
func (d *decision) selectStable() (done bool) {
	service := d.spec.Strategy.BlueGreen.ActiveService
	if d.stableRS == nil || d.fullyPromoted() || d.Services[service] == nil || d.selected(service) != "" || !saturated(d.stableRS, d.n) {
		return false
	}
	d.switchActive(d.stableRS)
	return true
}

// selectActive switches users to the new ReplicaSet, or back to the stable one
// after an abort.
func (d *decision) selectActive() {
	service := d.spec.Strategy.BlueGreen.ActiveService
	target := d.newRS
	if d.abortedUpdate() {
		target = d.stableRS
	}
	if target == nil || d.Services[service] == nil {
		return
	}
	from, to := d.selected(service), hashOf(target)
	if from == to && d.managed(service) {
		return
	}
	if from != to && !d.mayCarryAll(target) {
		d.waiting("active service %s goes on selecting %q: %d of %d pods of ReplicaSet %s are available", service, from, available(target), d.n, target.Name)
		return
	}
	d.switchActive(target)
}

// switchActive points the active Service at a ReplicaSet.
func (d *decision) switchActive(target *appsv1.ReplicaSet) {
	service := d.spec.Strategy.BlueGreen.ActiveService
	from, to := d.selected(service), hashOf(target)
	d.do(SelectPods{Service: d.Services[service], Hash: to})
	d.status.BlueGreen.ActiveSelector = to
	if from != to {
		d.event("SwitchService", "Switched selector for service '%s' from '%s' to '%s'", service, from, to)
	}
}

// mayCarryAll is true when a ReplicaSet has every pod that users need, and keeps
// them: one that an undo found may be about to shrink to the size of a preview.
func (d *decision) mayCarryAll(rs *appsv1.ReplicaSet) bool {
	return saturated(rs, d.n) && d.nextSize(rs) >= d.n
}

// promoteBlueGreen makes the new ReplicaSet the stable one once it is active.
func (d *decision) promoteBlueGreen() {
	if d.fullyPromoted() || d.status.Abort || d.status.BlueGreen.ActiveSelector != d.hash || !saturated(d.newRS, d.n) {
		return
	}
	if d.spec.Strategy.BlueGreen.PostPromotionAnalysis != nil && !d.status.PromoteFull && d.stableRS != nil &&
		!d.analysed(d.status.BlueGreen.PostPromotionAnalysisRunStatus) {
		return
	}
	switch {
	case d.status.PromoteFull:
		d.promote("Full promotion requested")
	case d.stableRS != nil && d.newRS.CreationTimestamp.Before(&d.stableRS.CreationTimestamp):
		d.promote("Fast rollback")
	default:
		d.promote("Completed blue-green update")
	}
	d.wakeAfter(0) // the old ReplicaSet now starts its scale-down delay
}

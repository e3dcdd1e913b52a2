package rollout

import (
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// pauseOver starts the pause of a canary step and tells when it is over: after
// its duration, or when a person has removed the pause condition. That
// status.controllerPause is still true without a condition is how a person's
// promotion is known.
func (d *decision) pauseOver(p *v1alpha1.RolloutPause) bool {
	started := d.pausedSince(v1alpha1.PauseReasonCanaryPauseStep)
	switch {
	case started == nil && !d.status.ControllerPause:
		d.startPause(v1alpha1.PauseReasonCanaryPauseStep)
		started = &d.status.PauseConditions[len(d.status.PauseConditions)-1].StartTime.Time
	case len(d.status.PauseConditions) == 0:
		d.endPause()
		d.event(v1alpha1.RolloutResumedReason, "Rollout is resumed")
		return true
	case started == nil:
		return false // paused for another reason
	}
	if p.Duration == nil {
		d.waiting("paused at step %d until it is promoted", d.stepIndex()+1)
		return false
	}
	end := started.Add(PauseDuration(*p.Duration))
	if d.now.Before(end) {
		d.waiting("paused at step %d for another %s", d.stepIndex()+1, end.Sub(d.now))
		d.wakeAt(end)
		return false
	}
	d.endPause()
	return true
}

func (d *decision) pausedSince(reason v1alpha1.PauseReason) *time.Time {
	for _, c := range d.status.PauseConditions {
		if c.Reason == reason {
			return &c.StartTime.Time
		}
	}
	return nil
}

func (d *decision) startPause(reason v1alpha1.PauseReason) {
	d.status.PauseConditions = append(d.status.PauseConditions, v1alpha1.PauseCondition{Reason: reason, StartTime: d.stamp()})
	d.status.ControllerPause = true
	d.event(v1alpha1.RolloutPausedReason, "Rollout is paused (%s)", reason)
}

func (d *decision) endPause() {
	d.status.PauseConditions, d.status.ControllerPause = nil, false
}

// PauseDuration reads the duration of a pause: seconds as a number or as
// digits, or Go's notation ("10s", "5m", "1h"). Validation has refused others.
func PauseDuration(d intstr.IntOrString) time.Duration {
	if d.Type == intstr.Int {
		return time.Duration(d.IntVal) * time.Second
	}
	if seconds, err := strconv.Atoi(d.StrVal); err == nil {
		return time.Duration(seconds) * time.Second
	}
	parsed, _ := time.ParseDuration(d.StrVal)
	return parsed
}

// held is true while a person holds everything where it is. Giving an update up
// is still obeyed.
func (d *decision) held() bool { return d.spec.Paused && !d.abortedUpdate() }

// recordManualPause keeps account of how long the update waits for people.
func (d *decision) recordManualPause() {
	r := d.status.Duration
	if r == nil {
		return
	}
	switch waits := d.waitsForPerson(); {
	case waits && r.ManualPauseStartedAt == nil:
		r.ManualPauseStartedAt = ptr.To(d.stamp())
	case !waits && r.ManualPauseStartedAt != nil:
		r.TotalManualPauseDurationSeconds += max(0, int64(d.stamp().Sub(r.ManualPauseStartedAt.Time).Seconds()))
		r.ManualPauseStartedAt = nil
	}
}

// waitsForPerson is true while nothing but a person lets the update go on.
func (d *decision) waitsForPerson() bool {
	if d.spec.Paused {
		return true
	}
	if bg := d.spec.Strategy.BlueGreen; bg != nil && d.pausedSince(v1alpha1.PauseReasonBlueGreenPause) != nil {
		return !ptr.Deref(bg.AutoPromotionEnabled, true)
	}
	return d.pausedSince(v1alpha1.PauseReasonCanaryPauseStep) != nil && d.stepIndex() < d.stepCount() && PausesForEver(d.steps()[d.stepIndex()])
}

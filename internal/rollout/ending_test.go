package rollout

import (
	"strings"
	"testing"
	"time"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// A fast rollback is told from other ends; going back the long way, or giving it up, is
// not taken for it.
func TestEndedByAFastRollback(t *testing.T) {
	pause := canaryOf(weight(20), pauseFor(nil))
	blueGreen := blueGreenOf(func(*v1alpha1.BlueGreenStrategy) {})
	window := func(d *desk) *desk {
		d.o.Rollout.Spec.RollbackWindow = &v1alpha1.RollbackWindowSpec{Revisions: 3}
		return d
	}
	for name, c := range map[string]struct {
		strategy v1alpha1.RolloutStrategy
		change   func(d *desk) *desk // from v2, which has just replaced v1
		want     v1alpha1.CompletionStatus
	}{
		"blue/green, within the delay":         {blueGreen, func(d *desk) *desk { return d.image("v1").settle() }, v1alpha1.CompletionStatusFastRolledBack},
		"blue/green, after the delay":          {blueGreen, func(d *desk) *desk { return d.pass(time.Minute).settle().image("v1").settle() }, v1alpha1.CompletionStatusPromoted},
		"blue/green, within the window":        {blueGreen, func(d *desk) *desk { return window(d.pass(time.Minute).settle()).image("v1").settle() }, v1alpha1.CompletionStatusFastRolledBack},
		"blue/green, on to another":            {blueGreen, func(d *desk) *desk { return d.image("v3").settle() }, v1alpha1.CompletionStatusPromoted},
		"canary, within the window, no pods":   {pause, func(d *desk) *desk { return window(d).image("v1").settle() }, v1alpha1.CompletionStatusFastRolledBack},
		"canary, within the window, some pods": {pause, func(d *desk) *desk { d.keep("v1", 2); return window(d).image("v1").settle() }, v1alpha1.CompletionStatusFastRolledBack},
		"canary, pods without a window":        {pause, func(d *desk) *desk { d.keep("v1", 2); return d.image("v1").settle().promote().settle() }, v1alpha1.CompletionStatusPromoted},
		"canary, within the window, then v3": {pause, func(d *desk) *desk {
			d.keep("v1", 2)
			d.carryOut(Decide(window(d).image("v1").o, d.now))
			return d.image("v3").settle().promote().settle()
		}, v1alpha1.CompletionStatusPromoted},
		"canary, within the window, given up": {pause, func(d *desk) *desk {
			d.keep("v1", 2)
			d.carryOut(Decide(window(d).image("v1").o, d.now))
			d.status().Abort = true
			return d.settle()
		}, v1alpha1.CompletionStatusAborted},
		"canary, within the window, then steps": {pause, func(d *desk) *desk {
			d.keep("v1", 2)
			d.carryOut(Decide(window(d).image("v1").o, d.now))
			d.o.Rollout.Spec.Strategy = canaryOf(weight(40), pauseFor(nil))
			return d.settle().promote().settle()
		}, v1alpha1.CompletionStatusPromoted},
	} {
		d := newDesk(t, 5, c.strategy).settle().pass(time.Second).image("v2").settle()
		if d.status().Phase == v1alpha1.RolloutPhasePaused {
			d.promote().settle()
		}
		d = c.change(d.pass(time.Second))
		if r := d.status().Duration; r.FinishedAt == nil || r.CompletionStatus != c.want {
			t.Errorf("%s: %+v, want %s; %s", name, r, c.want, d.picture())
		}
	}
}

// keep gives a version pods that nobody has taken away yet.
func (d *desk) keep(tag string, pods int32) {
	for _, rs := range d.o.ReplicaSets {
		if strings.HasSuffix(rs.Spec.Template.Spec.Containers[0].Image, tag) {
			rs.Spec.Replicas, rs.Status.Replicas, rs.Status.AvailableReplicas = &pods, pods, pods
		}
	}
}

// How updates end, each seen from the status before its last decision and the one after.
func TestEnded(t *testing.T) {
	steps := canaryOf(weight(20), pauseFor(nil), weight(60))
	for name, c := range map[string]struct {
		change func(d *desk) *desk
		want   Ending
	}{
		"promoted by hand after a minute": {func(d *desk) *desk { return d.pass(time.Minute).promote() },
			Ending{v1alpha1.CompletionStatusPromoted, time.Minute, time.Minute}},
		"promoted in full": {func(d *desk) *desk { d.pass(time.Minute).status().PromoteFull = true; return d },
			Ending{v1alpha1.CompletionStatusFastPromoted, time.Minute, time.Minute}},
		"aborted": {func(d *desk) *desk { d.pass(time.Minute).status().Abort = true; return d },
			Ending{v1alpha1.CompletionStatusAborted, time.Minute, time.Minute}},
		"another version": {func(d *desk) *desk { return d.pass(time.Minute).image("v3") },
			Ending{v1alpha1.CompletionStatusSuperseded, time.Minute, time.Minute}},
		"the old version": {func(d *desk) *desk { return d.pass(time.Minute).image("v1") },
			Ending{v1alpha1.CompletionStatusRolledBack, time.Minute, time.Minute}},
	} {
		d := c.change(newDesk(t, 5, steps).settle().image("v2").settle())
		var got []Ending
		for range 20 {
			was := d.status().DeepCopy()
			d.carryOut(Decide(d.o, d.now))
			if e, ok := Ended(*was, *d.status()); ok {
				got = append(got, e)
			}
		}
		if len(got) != 1 || got[0] != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
	d := newDesk(t, 5, steps)
	d.carryOut(Decide(d.o, d.now))
	if e, ok := Ended(v1alpha1.RolloutStatus{}, *d.status()); ok {
		t.Errorf("the first version has only begun: %+v", e)
	}
}

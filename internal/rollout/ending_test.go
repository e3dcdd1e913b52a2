package rollout

import (
	"testing"
	"time"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

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

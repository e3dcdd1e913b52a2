package experiment

import (
	"testing"
	"time"
)

// A look that finds nothing new leaves nothing to do until its wake; one that acts, or
// whose status says something that is told, does not.
func TestSettled(t *testing.T) {
	d := newDesk(t, "old", "new").spec(duration("2m"))
	if _, settled := Settled(d.o, Decide(d.o, d.now), d.now); settled {
		t.Error("ReplicaSets are to be made, and yet it is settled")
	}
	d.settle()
	wake, settled := Settled(d.o, Decide(d.o, d.now), d.now)
	if !settled || !wake.Equal(d.now.Add(2*time.Minute)) {
		t.Errorf("it runs: settled %t, wake %s at %s", settled, wake, d.now)
	}
	d.now = d.now.Add(2 * time.Minute)
	over := Decide(d.o, d.now)
	if _, settled := Settled(d.o, over, d.now); settled != (len(over.Actions) == 0) {
		t.Errorf("its time is up: settled %t with %d actions", settled, len(over.Actions))
	}
}

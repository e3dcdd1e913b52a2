package templatetest

import (
	"context"
	"time"

	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/sim/trial"
)

// Outcome says how one test went.
type Outcome struct {
	Test *Test
	// Record is what happened; nil if Err prevented it.
	Record *trial.Record
	// Mismatches are what came out other than expected.
	Mismatches []Mismatch
	// Err is set if the simulation broke.
	Err error
	// Wall is the wall time that it took.
	Wall time.Duration
}

// Passed says whether everything came out as expected.
func (o *Outcome) Passed() bool { return o.Err == nil && len(o.Mismatches) == 0 }

// Simulated is how long the run took.
func (o *Outcome) Simulated() time.Duration {
	if o.Record == nil {
		return 0
	}
	return o.Record.Took
}

// Run carries out a test and compares. wall tells the wall time.
func (t *Test) Run(ctx context.Context, wall clock.Clock) *Outcome {
	o := &Outcome{Test: t}
	begin := wall.Now()
	o.Record, o.Err = t.trial.Run(ctx)
	o.Wall = wall.Now().Sub(begin)
	if o.Err == nil {
		o.Mismatches = t.want.compare(t.at.field("expect"), o.Record)
	}
	return o
}

// FileOutcome says how the tests of a file went.
type FileOutcome struct {
	// Name is the path of the file.
	Name     string
	Outcomes []*Outcome
}

// Passed says whether all of its tests passed.
func (f *FileOutcome) Passed() bool {
	_, failed := f.Count()
	return failed == 0
}

// Count counts the tests by how they went.
func (f *FileOutcome) Count() (passed, failed int) {
	for _, o := range f.Outcomes {
		if o.Passed() {
			passed++
		} else {
			failed++
		}
	}
	return passed, failed
}

// Simulated is how long the runs of a file took together.
func (f *FileOutcome) Simulated() time.Duration {
	var sum time.Duration
	for _, o := range f.Outcomes {
		sum += o.Simulated()
	}
	return sum
}

package check

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// measuring: an AnalysisRun that has ended, or that was asked to end, measures no
// more, and its verdict stays what it is.
type measuring struct {
	told map[types.UID]time.Time // when a run was asked to end
}

// NewMeasuring returns the check of AnalysisRuns.
func NewMeasuring() Check { return &measuring{told: map[types.UID]time.Time{}} }

func (c *measuring) Name() string { return "measuring" }

func (c *measuring) Event(s *State, change Change) error {
	run, ok := change.Object.(*v1alpha1.AnalysisRun)
	before, had := change.Old.(*v1alpha1.AnalysisRun)
	if !ok || !had || change.Deleted {
		return nil
	}
	name := run.Namespace + "/" + run.Name
	was, is := before.Status.Phase, run.Status.Phase
	if was.Completed() && was != is {
		return fmt.Errorf("analysisrun %s: it was %s and is %q now", name, was, is)
	}
	told, asked := c.told[run.UID]
	if run.Spec.Terminate && !asked {
		c.told[run.UID] = s.Now
	}
	more := measurements(run) > measurements(before)
	switch {
	case more && was.Completed():
		return fmt.Errorf("analysisrun %s: it was %s and measured again: %d measurements became %d", name, was, measurements(before), measurements(run))
	case more && asked && s.Now.Sub(told) > s.Lag:
		return fmt.Errorf("analysisrun %s: it was told to end at %s and measured again: %d measurements became %d",
			name, told.Format(time.TimeOnly), measurements(before), measurements(run))
	}
	return nil
}

func (c *measuring) Instant(*State) error { return nil }

// measurements counts all that a run has made, those included that it keeps no
// longer.
func measurements(run *v1alpha1.AnalysisRun) (n int32) {
	for _, r := range run.Status.MetricResults {
		n += r.Successful + r.Failed + r.Inconclusive + r.Error
	}
	return n
}

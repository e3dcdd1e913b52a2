package check

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// measuring: an AnalysisRun that has ended, or that was asked to end, measures no
// more, and its verdict stays what it is. A Rollout whose update is over, promoted
// or given up, starts no AnalysisRun and no Experiment.
type measuring struct {
	told map[types.UID]time.Time // when a run was asked to end
	over map[types.UID]time.Time // since when the update of a Rollout is over
}

// NewMeasuring returns the check of AnalysisRuns.
func NewMeasuring() Check {
	return &measuring{told: map[types.UID]time.Time{}, over: map[types.UID]time.Time{}}
}

func (c *measuring) Name() string { return "measuring" }

func (c *measuring) Event(s *State, change Change) error {
	switch obj := change.Object.(type) {
	case *v1alpha1.Rollout:
		c.ends(s, obj)
	case *v1alpha1.AnalysisRun, *v1alpha1.Experiment:
		if err := c.begins(s, change); err != nil {
			return err
		}
	}
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

// ends notes when the update of a Rollout is over, as far as its controller has
// seen its spec.
func (c *measuring) ends(s *State, ro *v1alpha1.Rollout) {
	over := ro.Status.AbortedAt != nil || ro.Status.CurrentPodHash == ro.Status.StableRS
	if _, known := c.over[ro.UID]; over && !known {
		c.over[ro.UID] = s.Now
	}
	if !over {
		delete(c.over, ro.UID)
	}
}

// begins looks at an AnalysisRun or an Experiment that is new.
func (c *measuring) begins(s *State, change Change) error {
	owner := s.ownerOf(change.Object.GetOwnerReferences())
	if owner == nil || change.Old != nil || change.Deleted || change.ByUser {
		return nil
	}
	if since, over := c.over[owner.UID]; over && s.Now.Sub(since) > s.Lag {
		return fmt.Errorf("rollout %s/%s: its update has been over since %s, and %s was started", owner.Namespace, owner.Name, since.Format(time.TimeOnly), change.Object.GetName())
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

package check

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// measuring: an AnalysisRun that has ended, or that was asked to end, measures no
// more, and its verdict stays what it is. A Rollout whose update is over, promoted
// or given up, starts no AnalysisRun and no Experiment; those that it started measure
// no more, and at no later instant is there one that was not asked to end. The same is
// true of an Experiment and its AnalysisRuns.
//
// What a person has just started again counts as new, and nothing is done for a Rollout
// whose spec makes no sense.
type measuring struct {
	told map[types.UID]time.Time // when a run was asked to end
	over map[types.UID]time.Time // since when the update of a Rollout, or an Experiment, is over
	asks map[types.UID]time.Time // when a person last asked a run or an Experiment for something
}

// NewMeasuring returns the check of AnalysisRuns.
func NewMeasuring() Check {
	return &measuring{told: map[types.UID]time.Time{}, over: map[types.UID]time.Time{}, asks: map[types.UID]time.Time{}}
}

func (c *measuring) Name() string { return "measuring" }

func (c *measuring) Event(s *State, change Change) error {
	switch obj := change.Object.(type) {
	case *v1alpha1.Rollout:
		c.ends(s, obj.UID, obj.Status.AbortedAt != nil || obj.Status.CurrentPodHash == obj.Status.StableRS)
	case *v1alpha1.Experiment:
		c.ends(s, obj.UID, obj.Status.Phase.Completed())
	}
	switch change.Object.(type) {
	case *v1alpha1.AnalysisRun, *v1alpha1.Experiment:
		if change.ByUser {
			c.asks[change.Object.GetUID()] = s.Now
		}
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
	if since, owner := c.ended(s, run); more && owner != "" {
		return fmt.Errorf("analysisrun %s: %s has been over since %s and it measured again: %d measurements became %d",
			name, owner, since.Format(time.TimeOnly), measurements(before), measurements(run))
	}
	return nil
}

const (
	// retry is when at the latest a controller has tried again what failed.
	retry = time.Minute
	// unsure is how long a controller may wait for a write that may have been made.
	unsure = 5 * time.Second
)

// ended says which owner is over, and since when, if that is so long ago that its
// controller must have acted on it. One whose view lags may see a run too late, meet
// a conflict, and see again.
func (c *measuring) ended(s *State, of metav1.Object) (since time.Time, owner string) {
	ref := metav1.GetControllerOfNoCopy(of)
	if ref == nil {
		return time.Time{}, ""
	}
	since, over := c.over[ref.UID]
	if asked := c.asks[of.GetUID()]; asked.After(since) {
		since = asked
	}
	excused := s.Troubled.Add(unsure).After(since) && s.Now.Sub(s.Troubled) <= retry
	if !over || s.Now.Sub(since) <= 3*s.Lag || excused {
		return time.Time{}, ""
	}
	return since, ref.Kind + " " + ref.Name
}

// ends notes since when the update of a Rollout is over, as far as its controller has
// seen its spec, or an Experiment.
func (c *measuring) ends(s *State, uid types.UID, over bool) {
	if _, known := c.over[uid]; over && !known {
		c.over[uid] = s.Now
	}
	if !over {
		delete(c.over, uid)
	}
}

// begins looks at an AnalysisRun or an Experiment that is new.
func (c *measuring) begins(s *State, change Change) error {
	owner := s.ownerOf(change.Object)
	if owner == nil || change.Old != nil || change.Deleted || change.ByUser {
		return nil
	}
	if since, over := c.over[owner.UID]; over && s.Now.Sub(since) > s.Lag {
		return fmt.Errorf("rollout %s/%s: its update has been over since %s, and %s was started", owner.Namespace, owner.Name, since.Format(time.TimeOnly), change.Object.GetName())
	}
	return nil
}

func (c *measuring) Instant(s *State) error {
	for _, run := range byName(s.runs, func(r *v1alpha1.AnalysisRun) metav1.Object { return r }) {
		if !run.Status.Phase.Completed() && !run.Spec.Terminate {
			if err := c.untold(s, "analysisrun", run); err != nil {
				return err
			}
		}
	}
	for _, e := range byName(s.experiments, func(e *v1alpha1.Experiment) metav1.Object { return e }) {
		if !e.Status.Phase.Completed() && !e.Spec.Terminate {
			if err := c.untold(s, "experiment", e); err != nil {
				return err
			}
		}
	}
	return nil
}

// untold is an error if the owner of something that goes on is over.
func (c *measuring) untold(s *State, kind string, of metav1.Object) error {
	since, owner := c.ended(s, of)
	if owner == "" || of.GetDeletionTimestamp() != nil {
		return nil
	}
	return fmt.Errorf("%s %s/%s: %s has been over since %s and it was not told to end", kind, of.GetNamespace(), of.GetName(), owner, since.Format(time.TimeOnly))
}

// measurements counts all that a run has made, those included that it keeps no
// longer.
func measurements(run *v1alpha1.AnalysisRun) (n int32) {
	for _, r := range run.Status.MetricResults {
		n += r.Successful + r.Failed + r.Inconclusive + r.Error
	}
	return n
}

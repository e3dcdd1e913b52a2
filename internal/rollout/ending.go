package rollout

import (
	"time"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// Ending is how an update ended.
type Ending struct {
	Status v1alpha1.CompletionStatus
	// Took is how long it took from its beginning on, Waited how much of that it
	// waited for people. Both have the resolution of the API, one second.
	Took, Waited time.Duration
}

// Ended says how an update ended between two states of a Rollout; false if none did.
// One that made room for another was superseded, or rolled back if the other is what
// was there before. That a first version is there is no update.
func Ended(was, is v1alpha1.RolloutStatus) (Ending, bool) {
	before, after := was.Duration, is.Duration
	if was.StableRS == "" || after == nil || after.RolloutStartedAt == nil {
		return Ending{}, false
	}
	under := before != nil && before.RolloutStartedAt != nil && before.FinishedAt == nil
	same := before != nil && before.RolloutStartedAt.Equal(after.RolloutStartedAt)
	switch {
	case same && (!under || after.FinishedAt == nil):
		return Ending{}, false
	case same:
		return ending(after, after.CompletionStatus, after.FinishedAt.Time), true
	case under && after.CompletionStatus == v1alpha1.CompletionStatusRolledBack:
		return ending(before, after.CompletionStatus, after.RolloutStartedAt.Time), true
	case under:
		return ending(before, v1alpha1.CompletionStatusSuperseded, after.RolloutStartedAt.Time), true
	case after.FinishedAt != nil:
		return ending(after, after.CompletionStatus, after.FinishedAt.Time), true
	}
	return Ending{}, false
}

// ending closes a record.
func ending(r *v1alpha1.RolloutDuration, status v1alpha1.CompletionStatus, at time.Time) Ending {
	waited := time.Duration(r.TotalManualPauseDurationSeconds) * time.Second
	if r.ManualPauseStartedAt != nil {
		waited += max(0, at.Sub(r.ManualPauseStartedAt.Time))
	}
	return Ending{Status: status, Took: max(0, at.Sub(r.RolloutStartedAt.Time)), Waited: waited}
}

package v1alpha1

// RolloutConditionType says what a condition of a Rollout is about.
type RolloutConditionType string

// Conditions of a Rollout.
const (
	// InvalidSpec is there, and True, while the spec is wrong.
	InvalidSpec RolloutConditionType = "InvalidSpec"
	// RolloutAvailable is True while enough pods are available.
	RolloutAvailable RolloutConditionType = "Available"
	// RolloutProgressing is True while the update advances or is complete.
	RolloutProgressing RolloutConditionType = "Progressing"
	// RolloutReplicaFailure is True while pods cannot be created or deleted.
	RolloutReplicaFailure RolloutConditionType = "ReplicaFailure"
	// RolloutPaused is True while the update is paused.
	RolloutPaused RolloutConditionType = "Paused"
	// RolloutCompleted is True when the wanted revision is the stable one.
	RolloutCompleted RolloutConditionType = "Completed"
	// RolloutHealthy is True when nothing is left to do.
	RolloutHealthy RolloutConditionType = "Healthy"
)

// Reasons of the conditions and of the events that go with them.
const (
	// InvalidSpecReason: the spec is wrong.
	InvalidSpecReason = "InvalidSpec"
	// AvailableReason: for both values of Available.
	AvailableReason = "AvailableReason"
	// NewReplicaSetReason: the ReplicaSet of a new revision was created.
	NewReplicaSetReason = "NewReplicaSetCreated"
	// FoundNewRSReason: the ReplicaSet of the wanted revision existed already.
	FoundNewRSReason = "FoundNewReplicaSet"
	// ReplicaSetUpdatedReason: the ReplicaSet gets its pods.
	ReplicaSetUpdatedReason = "ReplicaSetUpdated"
	// ReplicaSetNotAvailableReason: a promoted revision lost pods.
	ReplicaSetNotAvailableReason = "ReplicaSetNotAvailable"
	// NewRSAvailableReason: the ReplicaSet has all of its pods.
	NewRSAvailableReason = "NewReplicaSetAvailable"
	// TimedOutReason: there was no progress for progressDeadlineSeconds.
	TimedOutReason = "ProgressDeadlineExceeded"
	// FailedRSCreateReason: the ReplicaSet could not be created.
	FailedRSCreateReason = "ReplicaSetCreateError"
	// FailedRunCreateReason: an AnalysisRun could not be created.
	FailedRunCreateReason = "AnalysisRunCreateError"
	// FailedExperimentCreateReason: the Experiment of a step could not be created.
	FailedExperimentCreateReason = "ExperimentCreateError"
	// RolloutAbortedReason: the update was aborted.
	RolloutAbortedReason = "RolloutAborted"
	// RolloutRetryReason: an aborted update is tried again.
	RolloutRetryReason = "RolloutRetry"
	// RolloutPausedReason: the update is paused.
	RolloutPausedReason = "RolloutPaused"
	// RolloutResumedReason: the update goes on after a pause.
	RolloutResumedReason = "RolloutResumed"
	// RolloutCompletedReason: the wanted revision is the stable one.
	RolloutCompletedReason = "RolloutCompleted"
	// RolloutHealthyReason: for both values of Healthy.
	RolloutHealthyReason = "RolloutHealthy"
)

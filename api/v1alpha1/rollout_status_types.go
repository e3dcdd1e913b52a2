package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// RolloutStatus is what the controller last saw of a Rollout and what it must
// remember between two looks.
type RolloutStatus struct {
	// Abort asks for the return to the stable revision. A person or the
	// controller sets it; a retry clears it.
	// +optional
	Abort bool `json:"abort,omitempty"`
	// PauseConditions lists why the rollout is paused.
	// +optional
	PauseConditions []PauseCondition `json:"pauseConditions,omitempty"`
	// ControllerPause is true while a pause of the controller lasts. It stays
	// true when a person clears PauseConditions, which is how the controller
	// knows that it was resumed.
	// +optional
	ControllerPause bool `json:"controllerPause,omitempty"`
	// AbortedAt is when the update was aborted.
	// +optional
	AbortedAt *metav1.Time `json:"abortedAt,omitempty"`
	// CurrentPodHash is the hash of the wanted pod template.
	// +optional
	CurrentPodHash string `json:"currentPodHash,omitempty"`
	// CurrentStepHash is the hash of the list of canary steps.
	// +optional
	CurrentStepHash string `json:"currentStepHash,omitempty"`
	// Replicas is the number of pods that are not terminating.
	// +optional
	Replicas int32 `json:"replicas,omitempty"`
	// UpdatedReplicas is the number of those that run the wanted template.
	// +optional
	UpdatedReplicas int32 `json:"updatedReplicas,omitempty"`
	// ReadyReplicas is the number of ready pods.
	// +optional
	ReadyReplicas int32 `json:"readyReplicas,omitempty"`
	// AvailableReplicas is the number of pods ready for at least minReadySeconds.
	// +optional
	AvailableReplicas int32 `json:"availableReplicas,omitempty"`
	// CurrentStepIndex is the index, counted from 0, of the step in progress;
	// the number of steps after the last one. Nil without steps.
	// +optional
	CurrentStepIndex *int32 `json:"currentStepIndex,omitempty"`
	// CollisionCount is how often a name of a ReplicaSet was already taken. It
	// is part of the hash.
	// +optional
	CollisionCount *int32 `json:"collisionCount,omitempty"`
	// ObservedGeneration is the generation, in decimal, that this status is about.
	// +optional
	ObservedGeneration string `json:"observedGeneration,omitempty"`
	// Conditions describe the rollout for people and tools.
	// +optional
	Conditions []RolloutCondition `json:"conditions,omitempty"`
	// Canary is the state of a canary.
	// +optional
	Canary CanaryStatus `json:"canary,omitempty"`
	// BlueGreen is the state of a blue-green update.
	// +optional
	BlueGreen BlueGreenStatus `json:"blueGreen,omitempty"`
	// HPAReplicas is the number of pods that an autoscaler sees.
	// +optional
	HPAReplicas int32 `json:"HPAReplicas,omitempty"`
	// Selector finds the pods that an autoscaler sees, in its string form.
	// +optional
	Selector string `json:"selector,omitempty"`
	// StableRS is the hash of the stable revision.
	// +optional
	StableRS string `json:"stableRS,omitempty"`
	// RestartedAt is the spec.restartAt that has been carried out.
	// +optional
	RestartedAt *metav1.Time `json:"restartedAt,omitempty"`
	// PromoteFull asks to skip every pause, step and analysis of this update.
	// +optional
	PromoteFull bool `json:"promoteFull,omitempty"`
	// Phase sums the rollout up in one word.
	// +optional
	Phase RolloutPhase `json:"phase,omitempty"`
	// Message explains Phase.
	// +optional
	Message string `json:"message,omitempty"`
	// WorkloadObservedGeneration is the generation, in decimal, of the
	// referenced workload that this status is about.
	// +optional
	WorkloadObservedGeneration string `json:"workloadObservedGeneration,omitempty"`
	// ALB is the state of the load balancer of the only Ingress.
	// +optional
	ALB *ALBStatus `json:"alb,omitempty"`
	// ALBs is the state of the load balancer of each Ingress.
	// +optional
	ALBs []ALBStatus `json:"albs,omitempty"`
	// Duration is how long the current or last update took.
	// +optional
	Duration *RolloutDuration `json:"duration,omitempty"`
}

// RolloutPhase sums a rollout up.
type RolloutPhase string

// Phases of a Rollout.
const (
	// RolloutPhaseHealthy: the wanted revision is stable and complete.
	RolloutPhaseHealthy RolloutPhase = "Healthy"
	// RolloutPhaseDegraded: the spec is wrong, the update was aborted or is stuck.
	RolloutPhaseDegraded RolloutPhase = "Degraded"
	// RolloutPhaseProgressing: the controller is at work.
	RolloutPhaseProgressing RolloutPhase = "Progressing"
	// RolloutPhasePaused: the update waits for time or a person.
	RolloutPhasePaused RolloutPhase = "Paused"
)

// PauseReason says why a rollout is paused.
type PauseReason string

// Reasons of a pause.
const (
	// PauseReasonInconclusiveAnalysis: an AnalysisRun could not decide.
	PauseReasonInconclusiveAnalysis PauseReason = "InconclusiveAnalysisRun"
	// PauseReasonInconclusiveExperiment: an Experiment could not decide.
	PauseReasonInconclusiveExperiment PauseReason = "InconclusiveExperiment"
	// PauseReasonCanaryPauseStep: the canary is at a pause step.
	PauseReasonCanaryPauseStep PauseReason = "CanaryPauseStep"
	// PauseReasonBlueGreenPause: the switch waits for time or a person.
	PauseReasonBlueGreenPause PauseReason = "BlueGreenPause"
)

// PauseCondition is one reason why a rollout is paused.
type PauseCondition struct {
	// Reason of the pause.
	Reason PauseReason `json:"reason"`
	// StartTime is when the pause began.
	StartTime metav1.Time `json:"startTime"`
}

// RolloutCondition is one statement about a rollout.
type RolloutCondition struct {
	// Type says what the statement is about.
	Type RolloutConditionType `json:"type"`
	// Status is True, False or Unknown.
	Status corev1.ConditionStatus `json:"status"`
	// LastUpdateTime is when the statement was last made.
	LastUpdateTime metav1.Time `json:"lastUpdateTime"`
	// LastTransitionTime is when Status last changed.
	LastTransitionTime metav1.Time `json:"lastTransitionTime"`
	// Reason is a word for programs.
	Reason string `json:"reason"`
	// Message is a sentence for people.
	Message string `json:"message"`
}

// CanaryStatus is the state of a canary.
type CanaryStatus struct {
	// CurrentStepAnalysisRunStatus is the run of the analysis step in progress.
	// +optional
	CurrentStepAnalysisRunStatus *RolloutAnalysisRunStatus `json:"currentStepAnalysisRunStatus,omitempty"`
	// CurrentBackgroundAnalysisRunStatus is the run beside the steps.
	// +optional
	CurrentBackgroundAnalysisRunStatus *RolloutAnalysisRunStatus `json:"currentBackgroundAnalysisRunStatus,omitempty"`
	// CurrentExperiment is the name of the Experiment of the step in progress.
	// +optional
	CurrentExperiment string `json:"currentExperiment,omitempty"`
	// Weights is the split that the routers were last told.
	// +optional
	Weights *TrafficWeights `json:"weights,omitempty"`
	// StablePingPong is the Service, ping or pong, that is stable now.
	// +optional
	StablePingPong PingPongType `json:"stablePingPong,omitempty"`
	// StepPluginStatuses is what step plugins reported.
	// +optional
	StepPluginStatuses []StepPluginStatus `json:"stepPluginStatuses,omitempty"`
}

// PingPongType names one of two Services that change roles.
type PingPongType string

// The two Services that change roles.
const (
	// PPPing is spec.strategy.canary.pingPong.pingService.
	PPPing PingPongType = "ping"
	// PPPong is spec.strategy.canary.pingPong.pongService.
	PPPong PingPongType = "pong"
)

// TrafficWeights is a split of requests.
type TrafficWeights struct {
	// Canary is the share of the new revision.
	Canary WeightDestination `json:"canary"`
	// Stable is the share of the stable revision.
	Stable WeightDestination `json:"stable"`
	// Additional are the shares of experiments.
	// +optional
	Additional []WeightDestination `json:"additional,omitempty"`
	// Verified says whether the router confirmed the split; nil if it cannot say.
	// +optional
	Verified *bool `json:"verified,omitempty"`
}

// WeightDestination is one share of a split.
type WeightDestination struct {
	// Weight is the share.
	Weight int32 `json:"weight"`
	// ServiceName is the Service that gets it.
	// +optional
	ServiceName string `json:"serviceName,omitempty"`
	// PodTemplateHash is the revision that gets it.
	// +optional
	PodTemplateHash string `json:"podTemplateHash,omitempty"`
}

// RolloutAnalysisRunStatus is what a rollout remembers of an AnalysisRun.
type RolloutAnalysisRunStatus struct {
	// Name of the run.
	Name string `json:"name"`
	// Status is the phase of the run.
	Status AnalysisPhase `json:"status"`
	// Message of the run.
	// +optional
	Message string `json:"message,omitempty"`
}

// StepPluginOperation is a call of a step plugin.
type StepPluginOperation string

// Calls of a step plugin.
const (
	// StepPluginOperationRun starts or continues a step.
	StepPluginOperationRun StepPluginOperation = "Run"
	// StepPluginOperationTerminate ends a step that was left.
	StepPluginOperationTerminate StepPluginOperation = "Terminate"
	// StepPluginOperationAbort undoes a step of an aborted update.
	StepPluginOperationAbort StepPluginOperation = "Abort"
)

// StepPluginPhase is the result of a call of a step plugin.
type StepPluginPhase string

// Results of a call of a step plugin.
const (
	// StepPluginPhaseRunning asks to be called again.
	StepPluginPhaseRunning StepPluginPhase = "Running"
	// StepPluginPhaseSuccessful completes the step.
	StepPluginPhaseSuccessful StepPluginPhase = "Successful"
	// StepPluginPhaseFailed aborts the update.
	StepPluginPhaseFailed StepPluginPhase = "Failed"
	// StepPluginPhaseError asks to be called again after a back-off.
	StepPluginPhaseError StepPluginPhase = "Error"
)

// StepPluginStatus is what a step plugin reported of one call.
type StepPluginStatus struct {
	// Index of the step, counted from 0.
	Index int32 `json:"index"`
	// Name of the plugin.
	Name string `json:"name"`
	// Message for people.
	// +optional
	Message string `json:"message,omitempty"`
	// Phase is the result.
	// +optional
	Phase StepPluginPhase `json:"phase,omitempty"`
	// StartedAt is when the first call began.
	// +optional
	StartedAt *metav1.Time `json:"startedAt,omitempty"`
	// UpdatedAt is when this status last changed.
	// +optional
	UpdatedAt *metav1.Time `json:"updatedAt,omitempty"`
	// FinishedAt is when the last call ended.
	// +optional
	FinishedAt *metav1.Time `json:"finishedAt,omitempty"`
	// Backoff is how long to wait before the next call, as "30s".
	// +optional
	Backoff DurationString `json:"backoff,omitempty"`
	// Executions is the number of calls.
	// +optional
	Executions int32 `json:"executions,omitempty"`
	// Operation is the call that this status is about.
	// +optional
	Operation StepPluginOperation `json:"operation,omitempty"`
	// Disabled says that the plugin was switched off and the step passed over.
	// +optional
	Disabled bool `json:"disabled,omitempty"`
	// Status is what the plugin wants to be handed at the next call.
	// +optional
	Status *apiextensionsv1.JSON `json:"status,omitempty"`
}

// BlueGreenStatus is the state of a blue-green update.
type BlueGreenStatus struct {
	// PreviewSelector is the hash that the preview Service selects.
	// +optional
	PreviewSelector string `json:"previewSelector,omitempty"`
	// ActiveSelector is the hash that the active Service selects.
	// +optional
	ActiveSelector string `json:"activeSelector,omitempty"`
	// ScaleUpPreviewCheckPoint says that the preview may be scaled from
	// previewReplicaCount to its full size.
	// +optional
	ScaleUpPreviewCheckPoint bool `json:"scaleUpPreviewCheckPoint,omitempty"`
	// PrePromotionAnalysisRunStatus is the run before the switch.
	// +optional
	PrePromotionAnalysisRunStatus *RolloutAnalysisRunStatus `json:"prePromotionAnalysisRunStatus,omitempty"`
	// PostPromotionAnalysisRunStatus is the run after the switch.
	// +optional
	PostPromotionAnalysisRunStatus *RolloutAnalysisRunStatus `json:"postPromotionAnalysisRunStatus,omitempty"`
}

// ALBStatus is the state of one load balancer of AWS.
type ALBStatus struct {
	// LoadBalancer is the load balancer.
	// +optional
	LoadBalancer AwsResourceRef `json:"loadBalancer,omitempty"`
	// CanaryTargetGroup is the target group of the canary Service.
	// +optional
	CanaryTargetGroup AwsResourceRef `json:"canaryTargetGroup,omitempty"`
	// StableTargetGroup is the target group of the stable Service.
	// +optional
	StableTargetGroup AwsResourceRef `json:"stableTargetGroup,omitempty"`
	// Ingress is the Ingress that the load balancer serves.
	// +optional
	Ingress string `json:"ingress,omitempty"`
}

// AwsResourceRef names a resource of AWS.
type AwsResourceRef struct {
	// Name of the resource.
	Name string `json:"name"`
	// ARN of the resource.
	ARN string `json:"arn"`
	// FullName is the last part of the ARN, as metrics use it.
	// +optional
	FullName string `json:"fullName,omitempty"`
}

// CompletionStatus says how an update ended.
type CompletionStatus string

// Ends of an update.
const (
	// CompletionStatusPromoted: all steps were done.
	CompletionStatusPromoted CompletionStatus = "Promoted"
	// CompletionStatusFastPromoted: a person skipped the rest.
	CompletionStatusFastPromoted CompletionStatus = "FastPromoted"
	// CompletionStatusAborted: the update was aborted.
	CompletionStatusAborted CompletionStatus = "Aborted"
	// CompletionStatusSuperseded: a newer revision came.
	CompletionStatusSuperseded CompletionStatus = "Superseded"
	// CompletionStatusRolledBack: the stable revision was wanted again.
	CompletionStatusRolledBack CompletionStatus = "RolledBack"
	// CompletionStatusFastRolledBack: a revision within the rollback window, or whose
	// pods blue/green still had, was wanted again: steps, pauses and analyses were skipped.
	CompletionStatusFastRolledBack CompletionStatus = "FastRolledBack"
)

// RolloutDuration is how long an update took and how it ended.
type RolloutDuration struct {
	// RolloutStartedAt is when the update began.
	// +optional
	RolloutStartedAt *metav1.Time `json:"rolloutStartedAt,omitempty"`
	// ManualPauseStartedAt is when the present wait for a person began.
	// +optional
	ManualPauseStartedAt *metav1.Time `json:"manualPauseStartedAt,omitempty"`
	// TotalManualPauseDurationSeconds is how long the update has waited for
	// people, without the present wait.
	// +optional
	TotalManualPauseDurationSeconds int64 `json:"totalManualPauseDurationSeconds,omitempty"`
	// FinishedAt is when the update ended.
	// +optional
	FinishedAt *metav1.Time `json:"finishedAt,omitempty"`
	// CompletionStatus is how it ended; empty while it runs, but for
	// FastRolledBack, which is known from the beginning.
	// +optional
	CompletionStatus CompletionStatus `json:"completionStatus,omitempty"`
}

package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Experiment runs some versions of an application side by side for a while and
// has them judged by AnalysisRuns.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=experiments,shortName=exp
// +kubebuilder:printcolumn:name="Status",type="string",JSONPath=".status.phase",description="Phase of the experiment"
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=".metadata.creationTimestamp",description="Time since the experiment was created"
type Experiment struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is what to run.
	Spec ExperimentSpec `json:"spec"`
	// Status is how it goes. It is no subresource: the experiment is written as
	// a whole.
	// +optional
	Status ExperimentStatus `json:"status,omitempty"`
}

// ExperimentList is a list of Experiments.
//
// +kubebuilder:object:root=true
type ExperimentList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`

	Items []Experiment `json:"items"`
}

// ExperimentSpec is what to run.
type ExperimentSpec struct {
	// Templates are the versions to run side by side.
	Templates []TemplateSpec `json:"templates"`
	// Duration of the experiment, counted from the moment when all versions are
	// available. Empty runs until the required analyses end it.
	// +optional
	Duration DurationString `json:"duration,omitempty"`
	// ProgressDeadlineSeconds is the longest time in which a version must become
	// available. Nil means 600.
	// +optional
	ProgressDeadlineSeconds *int32 `json:"progressDeadlineSeconds,omitempty"`
	// Terminate asks to end the experiment now.
	// +optional
	Terminate bool `json:"terminate,omitempty"`
	// Analyses are the runs that judge the experiment.
	// +optional
	Analyses []ExperimentAnalysisTemplateRef `json:"analyses,omitempty"`
	// ScaleDownDelaySeconds keeps the pods that long after the end. Nil means 30.
	// +optional
	ScaleDownDelaySeconds *int32 `json:"scaleDownDelaySeconds,omitempty"`
	// DryRun lists metrics that are measured but do not count.
	// +optional
	DryRun []DryRun `json:"dryRun,omitempty"`
	// MeasurementRetention says how many measurements of a metric to keep.
	// +optional
	MeasurementRetention []MeasurementRetention `json:"measurementRetention,omitempty"`
	// AnalysisRunMetadata is put on the runs.
	// +optional
	AnalysisRunMetadata AnalysisRunMetadata `json:"analysisRunMetadata,omitempty"`
}

// TemplateSpec is one version of an experiment.
type TemplateSpec struct {
	// Name of the version, part of the names of its objects.
	Name string `json:"name"`
	// Replicas is the number of pods. Nil means 1.
	// +optional
	Replicas *int32 `json:"replicas,omitempty"`
	// MinReadySeconds is how long a pod must have been ready to count as available.
	// +optional
	MinReadySeconds int32 `json:"minReadySeconds,omitempty"`
	// Selector finds the pods of the version.
	Selector *metav1.LabelSelector `json:"selector"`
	// Template is the pod to run.
	Template corev1.PodTemplateSpec `json:"template"`
	// Service asks for a Service in front of the version.
	// +optional
	Service *TemplateService `json:"service,omitempty"`
}

// ExperimentAnalysisTemplateRef is one analysis of an experiment.
type ExperimentAnalysisTemplateRef struct {
	// Name of the analysis, part of the name of its run.
	Name string `json:"name"`
	// TemplateName is the AnalysisTemplate to run.
	TemplateName string `json:"templateName"`
	// ClusterScope makes TemplateName a ClusterAnalysisTemplate.
	// +optional
	ClusterScope bool `json:"clusterScope,omitempty"`
	// Args are the arguments of the run.
	// +optional
	Args []Argument `json:"args,omitempty"`
	// RequiredForCompletion ends the experiment when all such runs are complete.
	// +optional
	RequiredForCompletion bool `json:"requiredForCompletion,omitempty"`
}

// TemplateStatusCode is the state of one version of an experiment.
type TemplateStatusCode string

// States of one version of an experiment.
const (
	// TemplateStatusProgressing: its pods are not all available yet.
	TemplateStatusProgressing TemplateStatusCode = "Progressing"
	// TemplateStatusRunning: its pods are available.
	TemplateStatusRunning TemplateStatusCode = "Running"
	// TemplateStatusSuccessful: it ran to the end.
	TemplateStatusSuccessful TemplateStatusCode = "Successful"
	// TemplateStatusFailed: it became unavailable or never became available.
	TemplateStatusFailed TemplateStatusCode = "Failed"
	// TemplateStatusError: it could not be run.
	TemplateStatusError TemplateStatusCode = "Error"
)

// Completed says whether the state is an end.
func (c TemplateStatusCode) Completed() bool {
	switch c {
	case TemplateStatusSuccessful, TemplateStatusFailed, TemplateStatusError:
		return true
	}
	return false
}

// ExperimentStatus is how an experiment goes.
type ExperimentStatus struct {
	// Phase of the experiment.
	// +optional
	Phase AnalysisPhase `json:"phase,omitempty"`
	// Message explains Phase.
	// +optional
	Message string `json:"message,omitempty"`
	// TemplateStatuses has one entry per version.
	// +optional
	TemplateStatuses []TemplateStatus `json:"templateStatuses,omitempty"`
	// AvailableAt is when all versions were available for the first time.
	// +optional
	AvailableAt *metav1.Time `json:"availableAt,omitempty"`
	// Conditions describe the experiment for people and tools.
	// +optional
	Conditions []ExperimentCondition `json:"conditions,omitempty"`
	// AnalysisRuns has one entry per analysis that was started.
	// +optional
	AnalysisRuns []ExperimentAnalysisRunStatus `json:"analysisRuns,omitempty"`
}

// TemplateStatus is the state of one version of an experiment.
type TemplateStatus struct {
	// Name of the version.
	Name string `json:"name"`
	// Replicas is the number of pods that are not terminating.
	Replicas int32 `json:"replicas"`
	// UpdatedReplicas is the number of those that run the wanted template.
	UpdatedReplicas int32 `json:"updatedReplicas"`
	// ReadyReplicas is the number of ready pods.
	ReadyReplicas int32 `json:"readyReplicas"`
	// AvailableReplicas is the number of pods ready for at least minReadySeconds.
	AvailableReplicas int32 `json:"availableReplicas"`
	// CollisionCount is how often a name of a ReplicaSet was already taken.
	// +optional
	CollisionCount *int32 `json:"collisionCount,omitempty"`
	// Status is the state.
	// +optional
	Status TemplateStatusCode `json:"status,omitempty"`
	// Message explains Status.
	// +optional
	Message string `json:"message,omitempty"`
	// LastTransitionTime is when Status last changed.
	// +optional
	LastTransitionTime *metav1.Time `json:"lastTransitionTime,omitempty"`
	// ServiceName is the Service in front of the version.
	// +optional
	ServiceName string `json:"serviceName,omitempty"`
	// PodTemplateHash is the hash of its pod template.
	// +optional
	PodTemplateHash string `json:"podTemplateHash,omitempty"`
}

// ExperimentConditionType says what a condition of an Experiment is about.
type ExperimentConditionType string

// Conditions of an Experiment.
const (
	// InvalidExperimentSpec is there, and True, while the spec is wrong.
	InvalidExperimentSpec ExperimentConditionType = "InvalidSpec"
	// ExperimentCompleted is True when the experiment is over.
	ExperimentCompleted ExperimentConditionType = "Completed"
	// ExperimentProgressing is True while the versions become available.
	ExperimentProgressing ExperimentConditionType = "Progressing"
	// ExperimentRunning is True while all versions are available.
	ExperimentRunning ExperimentConditionType = "Running"
	// ExperimentReplicaFailure is True while pods cannot be created or deleted.
	ExperimentReplicaFailure ExperimentConditionType = "ReplicaFailure"
)

// ExperimentCondition is one statement about an experiment.
type ExperimentCondition struct {
	// Type says what the statement is about.
	Type ExperimentConditionType `json:"type"`
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

// ExperimentAnalysisRunStatus is what an experiment remembers of an AnalysisRun.
type ExperimentAnalysisRunStatus struct {
	// Name of the analysis.
	Name string `json:"name"`
	// AnalysisRun is the name of the run.
	AnalysisRun string `json:"analysisRun"`
	// Phase of the run.
	Phase AnalysisPhase `json:"phase"`
	// Message of the run.
	// +optional
	Message string `json:"message,omitempty"`
}

package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Rollout runs the pods of one application and replaces them, revision by
// revision, in the way its strategy says.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=rollouts,shortName=ro
// +kubebuilder:subresource:status
// +kubebuilder:subresource:scale:specpath=.spec.replicas,statuspath=.status.HPAReplicas,selectorpath=.status.selector
// +kubebuilder:printcolumn:name="Desired",type="integer",JSONPath=".spec.replicas",description="Number of desired pods"
// +kubebuilder:printcolumn:name="Current",type="integer",JSONPath=".status.replicas",description="Number of pods of this rollout that are not terminating"
// +kubebuilder:printcolumn:name="Up-to-date",type="integer",JSONPath=".status.updatedReplicas",description="Number of pods of this rollout that run the desired template"
// +kubebuilder:printcolumn:name="Available",type="integer",JSONPath=".status.availableReplicas",description="Number of pods of this rollout that have been ready for at least minReadySeconds"
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=".metadata.creationTimestamp",description="Time since the rollout was created"
type Rollout struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is what the user wants.
	Spec RolloutSpec `json:"spec"`
	// Status is what the controller last saw and remembers.
	// +optional
	Status RolloutStatus `json:"status,omitempty"`
}

// RolloutList is a list of Rollouts.
//
// +kubebuilder:object:root=true
type RolloutList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`

	Items []Rollout `json:"items"`
}

// RolloutSpec is the wanted state of a Rollout.
type RolloutSpec struct {
	// Replicas is the number of wanted pods. Nil means 1; the controller writes
	// the 1 back, because an autoscaler needs to read it.
	// +optional
	Replicas *int32 `json:"replicas,omitempty"`
	// Selector finds the pods of the rollout. It is required unless WorkloadRef
	// is set, must match the labels of the template, and should never change.
	// +optional
	Selector *metav1.LabelSelector `json:"selector,omitempty"`
	// Template is the pod to run. It is empty when WorkloadRef is set, and then
	// not written: a pod without containers would be refused.
	// +optional
	Template corev1.PodTemplateSpec `json:"template,omitempty,omitzero"`
	// WorkloadRef names an object whose pod template is used in place of Template.
	// +optional
	WorkloadRef *ObjectRef `json:"workloadRef,omitempty"`
	// MinReadySeconds is how long a pod must have been ready to count as available.
	// +optional
	MinReadySeconds int32 `json:"minReadySeconds,omitempty"`
	// Strategy says how a new revision replaces the old one.
	// +optional
	Strategy RolloutStrategy `json:"strategy,omitempty"`
	// RevisionHistoryLimit is the number of old ReplicaSets to keep. Nil means 10.
	// +optional
	RevisionHistoryLimit *int32 `json:"revisionHistoryLimit,omitempty"`
	// Paused stops the rollout where it stands until it is set to false.
	// +optional
	Paused bool `json:"paused,omitempty"`
	// ProgressDeadlineSeconds is the longest time without progress before the
	// rollout counts as stuck. Nil means 600.
	// +optional
	ProgressDeadlineSeconds *int32 `json:"progressDeadlineSeconds,omitempty"`
	// ProgressDeadlineAbort also aborts a rollout that passed its progress
	// deadline, in place of only reporting it.
	// +optional
	ProgressDeadlineAbort bool `json:"progressDeadlineAbort,omitempty"`
	// RestartAt asks for the restart of every pod created before that time.
	// +optional
	RestartAt *metav1.Time `json:"restartAt,omitempty"`
	// Analysis says how many finished runs to keep.
	// +optional
	Analysis *AnalysisRunStrategy `json:"analysis,omitempty"`
	// RollbackWindow lets a return to a recent revision skip all steps.
	// +optional
	RollbackWindow *RollbackWindowSpec `json:"rollbackWindow,omitempty"`
}

// RolloutStrategy holds exactly one strategy.
type RolloutStrategy struct {
	// BlueGreen runs both revisions in full and switches a Service between them.
	// +optional
	BlueGreen *BlueGreenStrategy `json:"blueGreen,omitempty"`
	// Canary moves pods, and with a router requests, step by step.
	// +optional
	Canary *CanaryStrategy `json:"canary,omitempty"`
}

// ObjectRef names the workload whose pod template a Rollout uses.
type ObjectRef struct {
	// APIVersion of the workload, as "apps/v1".
	// +optional
	APIVersion string `json:"apiVersion,omitempty"`
	// Kind of the workload: Deployment, ReplicaSet or PodTemplate.
	// +optional
	Kind string `json:"kind,omitempty"`
	// Name of the workload, in the namespace of the rollout.
	// +optional
	Name string `json:"name,omitempty"`
	// ScaleDown says when the controller scales a Deployment down: never
	// (also when empty), onsuccess or progressively.
	// +optional
	ScaleDown string `json:"scaleDown,omitempty"`
}

// Values of ObjectRef.ScaleDown.
const (
	// ScaleDownNever leaves the Deployment alone.
	ScaleDownNever = "never"
	// ScaleDownOnSuccess scales the Deployment to 0 once the rollout is healthy.
	ScaleDownOnSuccess = "onsuccess"
	// ScaleDownProgressively takes one pod from the Deployment for every ready
	// pod of the rollout.
	ScaleDownProgressively = "progressively"
)

// AnalysisRunStrategy limits the finished AnalysisRuns and Experiments that a
// rollout keeps.
type AnalysisRunStrategy struct {
	// SuccessfulRunHistoryLimit is the number of successful runs to keep. Nil means 5.
	// +optional
	SuccessfulRunHistoryLimit *int32 `json:"successfulRunHistoryLimit,omitempty"`
	// UnsuccessfulRunHistoryLimit is the number of failed, inconclusive or
	// erroneous runs to keep. Nil means 5.
	// +optional
	UnsuccessfulRunHistoryLimit *int32 `json:"unsuccessfulRunHistoryLimit,omitempty"`
}

// RollbackWindowSpec says what counts as a recent revision.
type RollbackWindowSpec struct {
	// Revisions is the number of revisions that one may go back without steps.
	// +optional
	Revisions int32 `json:"revisions,omitempty"`
}

// PodTemplateMetadata is metadata that pods carry while they have a role.
type PodTemplateMetadata struct {
	// Labels to set on the pods.
	// +optional
	Labels map[string]string `json:"labels,omitempty"`
	// Annotations to set on the pods.
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`
}

// AntiAffinity keeps the pods of the new revision away from nodes that run the
// stable one. Exactly one field is set.
type AntiAffinity struct {
	// PreferredDuringSchedulingIgnoredDuringExecution asks for it with a weight.
	// +optional
	PreferredDuringSchedulingIgnoredDuringExecution *PreferredDuringSchedulingIgnoredDuringExecution `json:"preferredDuringSchedulingIgnoredDuringExecution,omitempty"`
	// RequiredDuringSchedulingIgnoredDuringExecution insists on it.
	// +optional
	RequiredDuringSchedulingIgnoredDuringExecution *RequiredDuringSchedulingIgnoredDuringExecution `json:"requiredDuringSchedulingIgnoredDuringExecution,omitempty"`
}

// PreferredDuringSchedulingIgnoredDuringExecution is a wish to the scheduler.
type PreferredDuringSchedulingIgnoredDuringExecution struct {
	// Weight of the wish, 1 to 100.
	Weight int32 `json:"weight"`
}

// RequiredDuringSchedulingIgnoredDuringExecution is an order to the scheduler.
type RequiredDuringSchedulingIgnoredDuringExecution struct{}

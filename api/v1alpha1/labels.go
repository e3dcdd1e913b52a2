package v1alpha1

// Labels that the controllers set or read.
const (
	// DefaultRolloutUniqueLabelKey is on ReplicaSets, pods and AnalysisRuns and
	// in the selectors of Services; its value is the hash of the pod template.
	DefaultRolloutUniqueLabelKey = "rollouts-pod-template-hash"
	// LabelKeyControllerInstanceID says which controller looks after an object.
	LabelKeyControllerInstanceID = "argo-rollouts.argoproj.io/controller-instance-id"
	// RolloutTypeLabel is on AnalysisRuns and says what they are for.
	RolloutTypeLabel = "rollout-type"
	// RolloutCanaryStepIndexLabel is on the AnalysisRuns of steps and is the
	// index of the step, counted from 0.
	RolloutCanaryStepIndexLabel = "step-index"
	// AnalysisRunUIDLabelKey is on Jobs and is the uid of their AnalysisRun.
	AnalysisRunUIDLabelKey = "analysisrun.argoproj.io/uid"
)

// Values of RolloutTypeLabel.
const (
	RolloutTypeStepLabel          = "Step"
	RolloutTypeBackgroundRunLabel = "Background"
	RolloutTypePrePromotionLabel  = "PrePromotion"
	RolloutTypePostPromotionLabel = "PostPromotion"
)

// Annotations of ReplicaSets and Rollouts.
const (
	// RevisionAnnotation is the number of the revision.
	RevisionAnnotation = "rollout.argoproj.io/revision"
	// RevisionHistoryAnnotation lists the earlier numbers of a ReplicaSet that
	// was returned to, separated by commas.
	RevisionHistoryAnnotation = "rollout.argoproj.io/revision-history"
	// DesiredReplicasAnnotation is the spec.replicas of the Rollout when the
	// ReplicaSet was last scaled.
	DesiredReplicasAnnotation = "rollout.argoproj.io/desired-replicas"
	// WorkloadGenerationAnnotation is the generation of the referenced workload
	// whose template the Rollout carries.
	WorkloadGenerationAnnotation = "rollout.argoproj.io/workload-generation"
	// EphemeralMetadataAnnotation remembers, as JSON, the labels and
	// annotations that the role of a ReplicaSet put on its pods.
	EphemeralMetadataAnnotation = "rollout.argoproj.io/ephemeral-metadata"
	// ScaleDownDeadlineAnnotation is when a ReplicaSet is to be scaled to 0, in
	// RFC 3339 and UTC.
	ScaleDownDeadlineAnnotation = "scale-down-deadline"
	// ServesUntilAnnotation is how long the pods of a ReplicaSet stay that a router has
	// begun to send fewer requests to, in RFC 3339 and UTC: until every proxy has heard.
	ServesUntilAnnotation = "argo-rollouts.argoproj.io/serves-until"
	// RestartedAfterAnnotation is on a pod that replaced a restarted one.
	RestartedAfterAnnotation = "argo-rollouts.argoproj.io/restarted-after"
)

// ManagedByRolloutsKey is the annotation of a Service, Ingress, VirtualService or
// DestinationRule that names the Rollout which changes it.
const ManagedByRolloutsKey = "argo-rollouts.argoproj.io/managed-by-rollouts"

// ManagedRoutesKey is the annotation of a VirtualService that records, as JSON, the
// header and mirror routes that steps of Rollouts have made there. It is there while
// they are.
const ManagedRoutesKey = "argo-rollouts.argoproj.io/managed-routes"

// ManagedSubsetsKey is the annotation of a DestinationRule that records, as JSON, the
// subsets that Experiments of Rollouts have there. It is there while they are.
const ManagedSubsetsKey = "argo-rollouts.argoproj.io/managed-subsets"

// Annotations of the objects of Experiments and AnalysisRuns.
const (
	// ExperimentNameAnnotationKey is the Experiment of a ReplicaSet or Service.
	ExperimentNameAnnotationKey = "experiment.argoproj.io/name"
	// ExperimentTemplateNameAnnotationKey is the template of that Experiment.
	ExperimentTemplateNameAnnotationKey = "experiment.argoproj.io/template-name"
	// AnalysisRunNameAnnotationKey is the AnalysisRun of a Job.
	AnalysisRunNameAnnotationKey = "analysisrun.argoproj.io/name"
	// AnalysisRunNamespaceAnnotationKey is the namespace of that AnalysisRun.
	AnalysisRunNamespaceAnnotationKey = "analysisrun.argoproj.io/namespace"
	// AnalysisRunMetricNameAnnotationKey is the metric that the Job measures.
	AnalysisRunMetricNameAnnotationKey = "analysisrun.argoproj.io/metric-name"
)

// Annotations of notifications.
const (
	// NotifiedAnnotation remembers what was delivered.
	NotifiedAnnotation = "notified.notifications.argoproj.io"
	// SubscribeAnnotationPrefix is followed by "<trigger>.<service>"; the value
	// lists recipients.
	SubscribeAnnotationPrefix = "notifications.argoproj.io/subscribe."
)

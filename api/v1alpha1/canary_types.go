package v1alpha1

import (
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// CanaryStrategy replaces the stable revision step by step.
type CanaryStrategy struct {
	// CanaryService is a Service that the controller points at the canary pods.
	// +optional
	CanaryService string `json:"canaryService,omitempty"`
	// StableService is a Service that the controller points at the stable pods.
	// +optional
	StableService string `json:"stableService,omitempty"`
	// Steps is what happens between the first canary pod and promotion. None
	// means a plain rolling update.
	// +optional
	Steps []CanaryStep `json:"steps,omitempty"`
	// TrafficRouting names the routers that split requests. Nil means that the
	// split follows from the numbers of pods.
	// +optional
	TrafficRouting *RolloutTrafficRouting `json:"trafficRouting,omitempty"`
	// MaxUnavailable is how many pods may be missing during an update, as a
	// number or a percentage (rounded down). Nil means 25%.
	// +optional
	MaxUnavailable *intstr.IntOrString `json:"maxUnavailable,omitempty"`
	// MaxSurge is how many pods may be too many during an update, as a number
	// or a percentage (rounded up). Nil means 25%.
	// +optional
	MaxSurge *intstr.IntOrString `json:"maxSurge,omitempty"`
	// Analysis is a run in the background of the whole update.
	// +optional
	Analysis *RolloutAnalysisBackground `json:"analysis,omitempty"`
	// AntiAffinity keeps canary and stable pods on different nodes.
	// +optional
	AntiAffinity *AntiAffinity `json:"antiAffinity,omitempty"`
	// CanaryMetadata is put on pods while they are canary pods.
	// +optional
	CanaryMetadata *PodTemplateMetadata `json:"canaryMetadata,omitempty"`
	// StableMetadata is put on pods while they are stable pods.
	// +optional
	StableMetadata *PodTemplateMetadata `json:"stableMetadata,omitempty"`
	// ScaleDownDelaySeconds keeps the old stable pods that long after
	// promotion. It needs traffic routing. Nil means 30.
	// +optional
	ScaleDownDelaySeconds *int32 `json:"scaleDownDelaySeconds,omitempty"`
	// ScaleDownDelayRevisionLimit is how many old revisions may wait in that
	// delay at once. Nil means any number.
	// +optional
	ScaleDownDelayRevisionLimit *int32 `json:"scaleDownDelayRevisionLimit,omitempty"`
	// AbortScaleDownDelaySeconds keeps the canary pods that long after an
	// abort; 0 keeps them for ever. It needs traffic routing. Nil means 30.
	// +optional
	AbortScaleDownDelaySeconds *int32 `json:"abortScaleDownDelaySeconds,omitempty"`
	// DynamicStableScale shrinks the stable pods as requests leave them.
	// +optional
	DynamicStableScale bool `json:"dynamicStableScale,omitempty"`
	// PingPong lets two Services change roles in place of changing selectors.
	// +optional
	PingPong *PingPongSpec `json:"pingPong,omitempty"`
	// MinPodsPerReplicaSet is the least number of pods of a ReplicaSet that has
	// any, with traffic routing.
	// +optional
	MinPodsPerReplicaSet *int32 `json:"minPodsPerReplicaSet,omitempty"`
	// ReplicaProgressThreshold is how many of the canary pods must be available
	// to go on. Nil means all.
	// +optional
	ReplicaProgressThreshold *ReplicaProgressThreshold `json:"replicaProgressThreshold,omitempty"`
}

// PingPongSpec names the two Services that change roles at every promotion.
type PingPongSpec struct {
	// PingService is the stable Service of the first deployment.
	PingService string `json:"pingService"`
	// PongService is the other one.
	PongService string `json:"pongService"`
}

// ProgressType is the unit of a ReplicaProgressThreshold.
type ProgressType string

// Units of a ReplicaProgressThreshold.
const (
	// ProgressTypePercentage counts hundredths of the wanted canary pods.
	ProgressTypePercentage ProgressType = "Percent"
	// ProgressTypePods counts pods.
	ProgressTypePods ProgressType = "Pods"
)

// ReplicaProgressThreshold is a number of available canary pods.
type ReplicaProgressThreshold struct {
	// Type is the unit of Value: Percent or Pods.
	Type ProgressType `json:"type"`
	// Value is the number.
	Value int32 `json:"value"`
}

// CanaryStep is one step of a canary. Exactly one field is set.
type CanaryStep struct {
	// SetWeight is the share of the canary, from 0 to the greatest weight of
	// the router (100 unless it says otherwise).
	// +optional
	SetWeight *int32 `json:"setWeight,omitempty"`
	// Pause waits.
	// +optional
	Pause *RolloutPause `json:"pause,omitempty"`
	// Experiment runs an Experiment and waits for its success.
	// +optional
	Experiment *RolloutExperimentStep `json:"experiment,omitempty"`
	// Analysis runs an AnalysisRun and waits for its success.
	// +optional
	Analysis *RolloutAnalysis `json:"analysis,omitempty"`
	// SetCanaryScale sets the number of canary pods apart from the weight.
	// +optional
	SetCanaryScale *SetCanaryScale `json:"setCanaryScale,omitempty"`
	// SetHeaderRoute sends requests with certain headers to the canary.
	// +optional
	SetHeaderRoute *SetHeaderRoute `json:"setHeaderRoute,omitempty"`
	// SetMirrorRoute copies requests to the canary.
	// +optional
	SetMirrorRoute *SetMirrorRoute `json:"setMirrorRoute,omitempty"`
	// Plugin runs a step plugin and waits for its success.
	// +optional
	Plugin *PluginStep `json:"plugin,omitempty"`
}

// RolloutPause is a wait.
type RolloutPause struct {
	// Duration is a number of seconds, or a string such as "90s", "5m", "1h".
	// Nil waits for a person.
	// +optional
	Duration *intstr.IntOrString `json:"duration,omitempty"`
}

// SetCanaryScale sets the number of canary pods. Exactly one field is set; when
// there are more, MatchTrafficWeight beats Replicas, and Replicas beats Weight.
type SetCanaryScale struct {
	// Weight is a percentage of spec.replicas.
	// +optional
	Weight *int32 `json:"weight,omitempty"`
	// Replicas is a number of pods.
	// +optional
	Replicas *int32 `json:"replicas,omitempty"`
	// MatchTrafficWeight makes the number follow the weight again.
	// +optional
	MatchTrafficWeight bool `json:"matchTrafficWeight,omitempty"`
}

// SetHeaderRoute sends requests with certain headers to the canary.
type SetHeaderRoute struct {
	// Name of the route, one of trafficRouting.managedRoutes.
	// +optional
	Name string `json:"name,omitempty"`
	// Match lists the headers, any of which is enough. Empty removes the route.
	// +optional
	Match []HeaderRoutingMatch `json:"match,omitempty"`
}

// HeaderRoutingMatch is a condition on one header.
type HeaderRoutingMatch struct {
	// HeaderName is the name of the header.
	HeaderName string `json:"headerName"`
	// HeaderValue is what its value must look like.
	HeaderValue *StringMatch `json:"headerValue"`
}

// SetMirrorRoute copies requests to the canary; the answers are dropped.
type SetMirrorRoute struct {
	// Name of the route, one of trafficRouting.managedRoutes.
	Name string `json:"name"`
	// Match lists conditions, any of which is enough. Empty removes the route.
	// +optional
	Match []RouteMatch `json:"match,omitempty"`
	// Percentage of the matching requests to copy. Nil means all.
	// +optional
	Percentage *int32 `json:"percentage,omitempty"`
}

// RouteMatch is a condition on a request; all of its parts must hold.
type RouteMatch struct {
	// Method is what the method must look like.
	// +optional
	Method *StringMatch `json:"method,omitempty"`
	// Path is what the path must look like.
	// +optional
	Path *StringMatch `json:"path,omitempty"`
	// Headers says, for each named header, what its value must look like.
	// +optional
	Headers map[string]StringMatch `json:"headers,omitempty"`
}

// StringMatch is a condition on a string. Exactly one field is set.
type StringMatch struct {
	// Exact is the whole string.
	// +optional
	Exact string `json:"exact,omitempty"`
	// Prefix is how the string begins.
	// +optional
	Prefix string `json:"prefix,omitempty"`
	// Regex is an expression that the string matches.
	// +optional
	Regex string `json:"regex,omitempty"`
}

// PluginStep is a step that a step plugin executes.
type PluginStep struct {
	// Name of the plugin, as "organisation/repository".
	Name string `json:"name"`
	// Config is handed to the plugin as it is.
	// +optional
	Config *apiextensionsv1.JSON `json:"config,omitempty"`
}

// RolloutExperimentStep describes the Experiment of a canary step.
type RolloutExperimentStep struct {
	// Templates are the versions to run side by side.
	Templates []RolloutExperimentTemplate `json:"templates"`
	// Duration of the experiment, as "5m". Empty runs until its analyses end it.
	// +optional
	Duration DurationString `json:"duration,omitempty"`
	// Analyses are the runs that judge the experiment.
	// +optional
	Analyses []RolloutExperimentStepAnalysisTemplateRef `json:"analyses,omitempty"`
	// DryRun lists metrics that are measured but do not count.
	// +optional
	DryRun []DryRun `json:"dryRun,omitempty"`
	// AnalysisRunMetadata is put on the runs of the experiment.
	// +optional
	AnalysisRunMetadata AnalysisRunMetadata `json:"analysisRunMetadata,omitempty"`
	// ScaleDownDelaySeconds keeps the pods of the experiment that long after
	// its end. Nil means 30.
	// +optional
	ScaleDownDelaySeconds *int32 `json:"scaleDownDelaySeconds,omitempty"`
}

// ReplicaSetSpecRef names one of the two revisions of a rollout.
type ReplicaSetSpecRef string

// The revisions that an experiment template may start from.
const (
	// CanarySpecRef is the new revision.
	CanarySpecRef ReplicaSetSpecRef = "canary"
	// StableSpecRef is the stable revision.
	StableSpecRef ReplicaSetSpecRef = "stable"
)

// RolloutExperimentTemplate is one version of an experiment step.
type RolloutExperimentTemplate struct {
	// Name of the version, part of the names of its objects.
	Name string `json:"name"`
	// SpecRef is the revision whose pod template is used: canary or stable.
	SpecRef ReplicaSetSpecRef `json:"specRef"`
	// Replicas is the number of pods. Nil means 1.
	// +optional
	Replicas *int32 `json:"replicas,omitempty"`
	// Metadata replaces labels and annotations of the pods.
	// +optional
	Metadata PodTemplateMetadata `json:"metadata,omitempty"`
	// Selector replaces the selector of the rollout.
	// +optional
	Selector *metav1.LabelSelector `json:"selector,omitempty"`
	// Weight is the share of requests that the version gets.
	// +optional
	Weight *int32 `json:"weight,omitempty"`
	// Service asks for a Service in front of the version.
	// +optional
	Service *TemplateService `json:"service,omitempty"`
}

// TemplateService asks for a Service in front of a version of an experiment.
type TemplateService struct {
	// Name of the Service. Empty names it after the ReplicaSet.
	// +optional
	Name string `json:"name,omitempty"`
}

// RolloutExperimentStepAnalysisTemplateRef is one analysis of an experiment step.
type RolloutExperimentStepAnalysisTemplateRef struct {
	// Name of the analysis, part of the name of its run.
	Name string `json:"name"`
	// TemplateName is the AnalysisTemplate to run.
	TemplateName string `json:"templateName"`
	// ClusterScope makes TemplateName a ClusterAnalysisTemplate.
	// +optional
	ClusterScope bool `json:"clusterScope,omitempty"`
	// Args are the arguments of the run.
	// +optional
	Args []AnalysisRunArgument `json:"args,omitempty"`
	// RequiredForCompletion ends the experiment when all such runs are complete.
	// +optional
	RequiredForCompletion bool `json:"requiredForCompletion,omitempty"`
}

// RolloutAnalysisBackground is an analysis beside the steps of a canary.
type RolloutAnalysisBackground struct {
	RolloutAnalysis `json:",inline"`
	// StartingStep is the index of the step, counted from 0, at which the run
	// begins. Nil means 0.
	// +optional
	StartingStep *int32 `json:"startingStep,omitempty"`
}

// RolloutAnalysis describes an AnalysisRun of a rollout.
type RolloutAnalysis struct {
	// Templates are merged into one run.
	// +optional
	Templates []AnalysisTemplateRef `json:"templates,omitempty"`
	// Args are the arguments of the run.
	// +optional
	Args []AnalysisRunArgument `json:"args,omitempty"`
	// DryRun lists metrics that are measured but do not count.
	// +optional
	DryRun []DryRun `json:"dryRun,omitempty"`
	// MeasurementRetention says how many measurements of a metric to keep.
	// +optional
	MeasurementRetention []MeasurementRetention `json:"measurementRetention,omitempty"`
	// AnalysisRunMetadata is put on the run.
	// +optional
	AnalysisRunMetadata AnalysisRunMetadata `json:"analysisRunMetadata,omitempty"`
}

// AnalysisRunMetadata is metadata of an AnalysisRun.
type AnalysisRunMetadata struct {
	// Labels to set on the run.
	// +optional
	Labels map[string]string `json:"labels,omitempty"`
	// Annotations to set on the run.
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`
}

// AnalysisRunArgument is an argument that a rollout hands to an AnalysisRun.
type AnalysisRunArgument struct {
	// Name of the argument.
	Name string `json:"name"`
	// Value of the argument.
	// +optional
	Value string `json:"value,omitempty"`
	// ValueFrom reads the value from the rollout.
	// +optional
	ValueFrom *ArgumentValueFrom `json:"valueFrom,omitempty"`
}

// ArgumentValueFrom reads an argument from the rollout. One field is set.
type ArgumentValueFrom struct {
	// PodTemplateHashValue is the hash of the Stable or the Latest revision.
	// +optional
	PodTemplateHashValue *ValueFromPodTemplateHash `json:"podTemplateHashValue,omitempty"`
	// FieldRef is a field of the rollout.
	// +optional
	FieldRef *FieldRef `json:"fieldRef,omitempty"`
}

// ValueFromPodTemplateHash names one of the two revisions of a rollout.
type ValueFromPodTemplateHash string

// The revisions whose hash an argument may be.
const (
	// Stable is the stable revision.
	Stable ValueFromPodTemplateHash = "Stable"
	// Latest is the new revision.
	Latest ValueFromPodTemplateHash = "Latest"
)

// FieldRef names a field of an object.
type FieldRef struct {
	// FieldPath is the path of the field, as "metadata.labels['region']".
	FieldPath string `json:"fieldPath"`
}

package v1alpha1

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// AnalysisTemplate is a reusable list of metrics in a namespace.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=analysistemplates,shortName=at
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=".metadata.creationTimestamp",description="Time since the template was created"
type AnalysisTemplate struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is the content of the template.
	Spec AnalysisTemplateSpec `json:"spec"`
}

// AnalysisTemplateList is a list of AnalysisTemplates.
//
// +kubebuilder:object:root=true
type AnalysisTemplateList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`

	Items []AnalysisTemplate `json:"items"`
}

// ClusterAnalysisTemplate is a reusable list of metrics for all namespaces.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=clusteranalysistemplates,shortName=cat,scope=Cluster
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=".metadata.creationTimestamp",description="Time since the template was created"
type ClusterAnalysisTemplate struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is the content of the template.
	Spec AnalysisTemplateSpec `json:"spec"`
}

// ClusterAnalysisTemplateList is a list of ClusterAnalysisTemplates.
//
// +kubebuilder:object:root=true
type ClusterAnalysisTemplateList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`

	Items []ClusterAnalysisTemplate `json:"items"`
}

// AnalysisTemplateSpec is the content of a template.
type AnalysisTemplateSpec struct {
	// Metrics to measure.
	// +optional
	Metrics []Metric `json:"metrics,omitempty"`
	// Args that the metrics use. One without a value must be supplied by the user
	// of the template.
	// +optional
	Args []Argument `json:"args,omitempty"`
	// DryRun lists metrics that are measured but do not count.
	// +optional
	DryRun []DryRun `json:"dryRun,omitempty"`
	// MeasurementRetention says how many measurements of a metric to keep.
	// +optional
	MeasurementRetention []MeasurementRetention `json:"measurementRetention,omitempty"`
	// Templates are other templates whose content is added.
	// +optional
	Templates []AnalysisTemplateRef `json:"templates,omitempty"`
}

// AnalysisTemplateRef names a template.
type AnalysisTemplateRef struct {
	// TemplateName is the name of the template.
	// +optional
	TemplateName string `json:"templateName,omitempty"`
	// ClusterScope makes it a ClusterAnalysisTemplate.
	// +optional
	ClusterScope bool `json:"clusterScope,omitempty"`
}

// AnalysisRun measures metrics and judges them.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=analysisruns,shortName=ar
// +kubebuilder:printcolumn:name="Status",type="string",JSONPath=".status.phase",description="Phase of the run"
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=".metadata.creationTimestamp",description="Time since the run was created"
type AnalysisRun struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is what to measure.
	Spec AnalysisRunSpec `json:"spec"`
	// Status is what was measured. It is no subresource: the run is written as
	// a whole.
	// +optional
	Status AnalysisRunStatus `json:"status,omitempty"`
}

// AnalysisRunList is a list of AnalysisRuns.
//
// +kubebuilder:object:root=true
type AnalysisRunList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`

	Items []AnalysisRun `json:"items"`
}

// AnalysisRunSpec is what to measure.
type AnalysisRunSpec struct {
	// Metrics to measure.
	Metrics []Metric `json:"metrics"`
	// Args are the values that the metrics use.
	// +optional
	Args []Argument `json:"args,omitempty"`
	// Terminate asks to end the run now.
	// +optional
	Terminate bool `json:"terminate,omitempty"`
	// DryRun lists metrics that are measured but do not count.
	// +optional
	DryRun []DryRun `json:"dryRun,omitempty"`
	// MeasurementRetention says how many measurements of a metric to keep.
	// +optional
	MeasurementRetention []MeasurementRetention `json:"measurementRetention,omitempty"`
	// TTLStrategy deletes the run some time after its end.
	// +optional
	TTLStrategy *TTLStrategy `json:"ttlStrategy,omitempty"`
}

// TTLStrategy says how long to keep a finished run. The value for the outcome
// beats SecondsAfterCompletion.
type TTLStrategy struct {
	// SecondsAfterCompletion is for every outcome.
	// +optional
	SecondsAfterCompletion *int32 `json:"secondsAfterCompletion,omitempty"`
	// SecondsAfterFailure is for a run that failed.
	// +optional
	SecondsAfterFailure *int32 `json:"secondsAfterFailure,omitempty"`
	// SecondsAfterSuccess is for a run that succeeded.
	// +optional
	SecondsAfterSuccess *int32 `json:"secondsAfterSuccess,omitempty"`
}

// DryRun names metrics that are measured but do not count.
type DryRun struct {
	// MetricName is an expression that the names of the metrics match.
	MetricName string `json:"metricName"`
}

// MeasurementRetention says how many measurements of some metrics to keep.
type MeasurementRetention struct {
	// MetricName is an expression that the names of the metrics match.
	MetricName string `json:"metricName"`
	// Limit is the number of measurements to keep. The default of a metric is 10.
	Limit int32 `json:"limit"`
}

// Argument is a value that metrics use as {{args.name}}.
type Argument struct {
	// Name of the argument.
	Name string `json:"name"`
	// Value of the argument.
	// +optional
	Value *string `json:"value,omitempty"`
	// ValueFrom reads the value from somewhere else.
	// +optional
	ValueFrom *ValueFrom `json:"valueFrom,omitempty"`
}

// ValueFrom says where to read a value from. One field is set.
type ValueFrom struct {
	// SecretKeyRef is a key of a Secret in the namespace of the run.
	// +optional
	SecretKeyRef *SecretKeyRef `json:"secretKeyRef,omitempty"`
	// FieldRef is a field of the Rollout.
	// +optional
	FieldRef *FieldRef `json:"fieldRef,omitempty"`
}

// SecretKeyRef names a key of a Secret.
type SecretKeyRef struct {
	// Name of the Secret.
	Name string `json:"name"`
	// Key in the Secret.
	Key string `json:"key"`
}

// DurationString is a duration as Go writes it: "30s", "5m", "1h30m".
type DurationString string

// Duration parses the string. The empty string is an error, as it is for
// [time.ParseDuration].
func (d DurationString) Duration() (time.Duration, error) {
	return time.ParseDuration(string(d))
}

// Metric is one thing to measure and how to judge it.
type Metric struct {
	// Name of the metric, unique in a run.
	Name string `json:"name"`
	// Interval between two measurements. Empty measures once.
	// +optional
	Interval DurationString `json:"interval,omitempty"`
	// InitialDelay waits before the first measurement.
	// +optional
	InitialDelay DurationString `json:"initialDelay,omitempty"`
	// Count is the number of measurements. Nil means 1 without an Interval, and
	// measuring without end with one.
	// +optional
	Count *intstr.IntOrString `json:"count,omitempty"`
	// SuccessCondition is an expression over result that is true for a
	// successful measurement.
	// +optional
	SuccessCondition string `json:"successCondition,omitempty"`
	// FailureCondition is an expression over result that is true for a failed
	// measurement.
	// +optional
	FailureCondition string `json:"failureCondition,omitempty"`
	// FailureLimit is how many failed measurements are tolerated. Nil means 0;
	// -1 tolerates any number.
	// +optional
	FailureLimit *intstr.IntOrString `json:"failureLimit,omitempty"`
	// InconclusiveLimit is how many inconclusive measurements are tolerated. Nil
	// means 0.
	// +optional
	InconclusiveLimit *intstr.IntOrString `json:"inconclusiveLimit,omitempty"`
	// ConsecutiveErrorLimit is how many errors in a row are tolerated. Nil
	// means 4.
	// +optional
	ConsecutiveErrorLimit *intstr.IntOrString `json:"consecutiveErrorLimit,omitempty"`
	// ConsecutiveSuccessLimit is how many successes in a row end the metric with
	// success. Nil or 0 means that none do.
	// +optional
	ConsecutiveSuccessLimit *intstr.IntOrString `json:"consecutiveSuccessLimit,omitempty"`
	// Provider says where the value comes from.
	Provider MetricProvider `json:"provider"`
}

// AnalysisPhase is the state of a run, a metric or a measurement.
type AnalysisPhase string

// States of a run, a metric or a measurement.
const (
	// AnalysisPhasePending: not begun.
	AnalysisPhasePending AnalysisPhase = "Pending"
	// AnalysisPhaseRunning: begun and not ended.
	AnalysisPhaseRunning AnalysisPhase = "Running"
	// AnalysisPhaseSuccessful: ended well.
	AnalysisPhaseSuccessful AnalysisPhase = "Successful"
	// AnalysisPhaseFailed: ended badly.
	AnalysisPhaseFailed AnalysisPhase = "Failed"
	// AnalysisPhaseError: could not be measured.
	AnalysisPhaseError AnalysisPhase = "Error"
	// AnalysisPhaseInconclusive: measured, but neither good nor bad.
	AnalysisPhaseInconclusive AnalysisPhase = "Inconclusive"
)

// Completed says whether the state is an end.
func (p AnalysisPhase) Completed() bool {
	switch p {
	case AnalysisPhaseSuccessful, AnalysisPhaseFailed, AnalysisPhaseError, AnalysisPhaseInconclusive:
		return true
	}
	return false
}

// AnalysisRunStatus is what was measured.
type AnalysisRunStatus struct {
	// Phase of the run.
	Phase AnalysisPhase `json:"phase"`
	// Message explains Phase.
	// +optional
	Message string `json:"message,omitempty"`
	// MetricResults has one entry per metric.
	// +optional
	MetricResults []MetricResult `json:"metricResults,omitempty"`
	// StartedAt is when the run began.
	// +optional
	StartedAt *metav1.Time `json:"startedAt,omitempty"`
	// RunSummary counts the metrics that count.
	// +optional
	RunSummary RunSummary `json:"runSummary,omitempty"`
	// DryRunSummary counts the metrics that do not count; nil if there are none.
	// +optional
	DryRunSummary *RunSummary `json:"dryRunSummary,omitempty"`
	// CompletedAt is when the run ended.
	// +optional
	CompletedAt *metav1.Time `json:"completedAt,omitempty"`
}

// RunSummary counts metrics by their outcome.
type RunSummary struct {
	// Count is the number of metrics.
	// +optional
	Count int32 `json:"count,omitempty"`
	// Successful is the number of successful metrics.
	// +optional
	Successful int32 `json:"successful,omitempty"`
	// Failed is the number of failed metrics.
	// +optional
	Failed int32 `json:"failed,omitempty"`
	// Inconclusive is the number of inconclusive metrics.
	// +optional
	Inconclusive int32 `json:"inconclusive,omitempty"`
	// Error is the number of metrics that could not be measured.
	// +optional
	Error int32 `json:"error,omitempty"`
}

// MetricResult is the state of one metric of a run.
type MetricResult struct {
	// Name of the metric.
	Name string `json:"name"`
	// Phase of the metric.
	Phase AnalysisPhase `json:"phase"`
	// Measurements are the newest measurements, oldest first.
	// +optional
	Measurements []Measurement `json:"measurements,omitempty"`
	// Message explains Phase.
	// +optional
	Message string `json:"message,omitempty"`
	// Count is the number of measurements that were judged; errors are not.
	// +optional
	Count int32 `json:"count,omitempty"`
	// Successful is the number of successful measurements.
	// +optional
	Successful int32 `json:"successful,omitempty"`
	// Failed is the number of failed measurements.
	// +optional
	Failed int32 `json:"failed,omitempty"`
	// Inconclusive is the number of inconclusive measurements.
	// +optional
	Inconclusive int32 `json:"inconclusive,omitempty"`
	// Error is the number of measurements that ended in an error.
	// +optional
	Error int32 `json:"error,omitempty"`
	// ConsecutiveError is the number of errors since the last other outcome.
	// +optional
	ConsecutiveError int32 `json:"consecutiveError,omitempty"`
	// ConsecutiveSuccess is the number of successes since the last other outcome.
	// +optional
	ConsecutiveSuccess int32 `json:"consecutiveSuccess,omitempty"`
	// DryRun says that the metric does not count.
	// +optional
	DryRun bool `json:"dryRun,omitempty"`
	// Metadata is what the provider has to say about the metric, such as the
	// query with its arguments put in.
	// +optional
	Metadata map[string]string `json:"metadata,omitempty"`
}

// Measurement is one measurement of a metric.
type Measurement struct {
	// Phase of the measurement.
	Phase AnalysisPhase `json:"phase"`
	// Message explains Phase.
	// +optional
	Message string `json:"message,omitempty"`
	// StartedAt is when the measurement began.
	// +optional
	StartedAt *metav1.Time `json:"startedAt,omitempty"`
	// FinishedAt is when it ended; nil while it runs.
	// +optional
	FinishedAt *metav1.Time `json:"finishedAt,omitempty"`
	// Value is what was measured, as text.
	// +optional
	Value string `json:"value,omitempty"`
	// Metadata is what the provider remembers of the measurement.
	// +optional
	Metadata map[string]string `json:"metadata,omitempty"`
	// ResumeAt is when a running measurement wants to be looked at again.
	// +optional
	ResumeAt *metav1.Time `json:"resumeAt,omitempty"`
}

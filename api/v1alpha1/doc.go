// Package v1alpha1 holds the five kinds of the API group argoproj.io/v1alpha1:
// [Rollout], [AnalysisTemplate], [ClusterAnalysisTemplate], [AnalysisRun] and
// [Experiment], as they are written in manifests and stored in a cluster.
//
// The JSON names are those of existing clusters and existing manifests; a
// field may be added here, but none may be renamed or change its type.
//
// The package is data. It validates nothing (internal/validate does), decides
// nothing (internal/rollout, internal/analysis and internal/experiment do) and
// reads no clock. Deep copies are generated into zz_generated.deepcopy.go, the
// schemas of the CustomResourceDefinitions into config/crd.
//
// Read rollout_types.go next, then canary_types.go and bluegreen_types.go for
// the two strategies, and analysis_types.go for metrics and runs.
//
// +kubebuilder:object:generate=true
// +groupName=argoproj.io
package v1alpha1

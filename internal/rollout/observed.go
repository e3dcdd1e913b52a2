package rollout

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/analysis"
	"github.com/aviary-rollouts/aviary/internal/traffic"
)

// Observed is what a decision is made from. Decide does not modify it.
type Observed struct {
	Rollout *v1alpha1.Rollout
	// Invalid is the first validation error of the Rollout and of what it
	// refers to; empty if there is none.
	Invalid string
	// InvalidTemplates is true if Invalid is about templates of analyses, and nothing
	// else is wrong: who gives an update up needs none.
	InvalidTemplates bool
	// Template and Selector are the Rollout's own or its workload's.
	Template *corev1.PodTemplateSpec
	Selector *metav1.LabelSelector
	// Hashes are those of the template and the steps, if the observer knows them.
	Hashes Hashes
	// Workload is the object that spec.workloadRef names; nil without one.
	Workload *Workload
	// ReplicaSets are those that the Rollout controls.
	ReplicaSets []*appsv1.ReplicaSet
	// Orphans are ReplicaSets of a Rollout like this one that nobody owns.
	Orphans []*appsv1.ReplicaSet
	// Pods are the pods of ReplicaSets. They may be left out unless NeedsPods.
	Pods []*corev1.Pod
	// Routing is what the router says is true now; nil without trafficRouting.
	Routing *traffic.Observed
	// Runs are the AnalysisRuns that the Rollout controls, Templates what its
	// analyses refer to.
	Runs      []*v1alpha1.AnalysisRun
	Templates analysis.Library
	// Experiments are those that the Rollout controls.
	Experiments []*v1alpha1.Experiment
	// Answering is how many pods are available of each template of the current Experiment,
	// by pod template hash, as their ReplicaSets report; nil if nobody looked. The
	// Experiment's own status tells it later.
	Answering map[string]int32
	// OtherRuns and OtherExperiments are those of the namespace that the Rollout
	// does not control: their names are taken.
	OtherRuns        []*v1alpha1.AnalysisRun
	OtherExperiments []*v1alpha1.Experiment
	// Services are the Services that the strategy names, by name.
	Services map[string]*corev1.Service
}

// Hashes spares a decision the computing of what it compares. An empty one is
// computed.
type Hashes struct {
	// Template is podhash.Of the template and the status' collisionCount.
	Template string
	// Steps is podhash.OfSteps of a canary's steps.
	Steps string
	// Selector is metav1.FormatLabelSelector of the selector: no hash, but as
	// dear.
	Selector string
}

// Workload is what matters of a referenced workload.
type Workload struct {
	Kind, Name string
	Generation int64
	// Replicas is spec.replicas; 0 for kinds that have none.
	Replicas int32
	// Scalable is true for kinds that own pods of their own.
	Scalable bool
}

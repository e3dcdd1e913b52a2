package experiment

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/analysis"
)

// Observed is what a decision is made from. Decide does not modify it.
type Observed struct {
	Experiment *v1alpha1.Experiment
	// Invalid is the first validation error of the spec; empty if there is none.
	Invalid string
	// Hashes are those of the templates by their names, where nothing collides. They
	// follow from the spec; what is missing is computed.
	Hashes map[string]string
	// ReplicaSets, Services and Runs are those of the namespace: what the
	// Experiment does not control tells which names and hashes are taken.
	ReplicaSets []*appsv1.ReplicaSet
	Services    []*corev1.Service
	Runs        []*v1alpha1.AnalysisRun
	// Templates holds the analysis templates that the spec refers to, as far as
	// they exist.
	Templates analysis.Library
	// Routed names the Services that a router still sends requests to: their
	// pods must not leave yet.
	Routed map[string]bool
	// Refused says why the API server will not have an object that was planned.
	Refused map[Object]string
}

// Object names something that a plan creates.
type Object struct{ Kind, Name string }

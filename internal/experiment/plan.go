package experiment

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/analysis"
)

// Plan is a decision: what to do now, what to report, when to look again.
type Plan struct {
	// Actions in the order they were decided; the executor sorts them by stage.
	Actions []Action
	// Status is the complete next status.
	Status v1alpha1.ExperimentStatus
	// Wake is when to look again; zero if only a change can matter.
	Wake time.Time
	// Why gives the reason of each action and of each wait.
	Why []Note
}

// Note says why something is done or waited for.
type Note = analysis.Note

// Action is one write. The set is closed: the types below and no others.
type Action interface{ action() }

type (
	// CreateReplicaSet creates the ReplicaSet of a version, with its pods.
	CreateReplicaSet struct{ ReplicaSet *appsv1.ReplicaSet }
	// UpdateReplicaSet scales a ReplicaSet and changes its annotations, in one write.
	UpdateReplicaSet struct {
		ReplicaSet *appsv1.ReplicaSet // as observed
		Replicas   int32              // wanted spec.replicas
		// Annotations to set; a nil value removes the annotation.
		Annotations map[string]*string
		// MinReadySeconds to set.
		MinReadySeconds int32
	}
	// DeleteReplicaSet deletes a ReplicaSet that the spec does not ask for.
	DeleteReplicaSet struct{ ReplicaSet *appsv1.ReplicaSet }
	// CreateService creates the Service in front of a version.
	CreateService struct{ Service *corev1.Service }
	// UpdateService points a Service at the pods that a changed template makes.
	UpdateService struct {
		Service *corev1.Service // as observed
		// Labels to set; others stay.
		Labels map[string]string
		// Selector and Ports are the whole of what is wanted.
		Selector map[string]string
		Ports    []corev1.ServicePort
	}
	// DeleteService deletes a Service that has no pods any more.
	DeleteService struct{ Service *corev1.Service }
	// StartRun creates an AnalysisRun.
	StartRun struct{ Run *v1alpha1.AnalysisRun }
	// StopRun asks an AnalysisRun to end.
	StopRun struct{ Run *v1alpha1.AnalysisRun }
)

func (CreateReplicaSet) action() {}
func (UpdateReplicaSet) action() {}
func (DeleteReplicaSet) action() {}
func (CreateService) action()    {}
func (UpdateService) action()    {}
func (DeleteService) action()    {}
func (StartRun) action()         {}
func (StopRun) action()          {}

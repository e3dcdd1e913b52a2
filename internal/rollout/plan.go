package rollout

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// Plan is a decision: what to do now, what to report, when to look again.
type Plan struct {
	// Actions in the order they were decided; the executor sorts them by stage.
	Actions []Action
	// Status is the complete next status.
	Status v1alpha1.RolloutStatus
	// Wake is when to look again; zero if only a change can matter.
	Wake time.Time
	// Why gives the reason of each action and of each wait.
	Why []Note
}

// Note says why something is done or waited for.
type Note struct {
	// Reason is a CamelCase word: an event's reason, or "Waiting".
	Reason string
	// Message is one sentence, with the numbers.
	Message string
	// Event is true for what is recorded as a Kubernetes event.
	Event bool
	// Warning marks an event of type Warning.
	Warning bool
}

// Action is one write. The set is closed: the types below and no others.
type Action interface{ action() }

type (
	// SetReplicas writes spec.replicas of the Rollout, which an autoscaler needs to see.
	SetReplicas struct{ Replicas int32 }
	// AnnotateRollout sets annotations of the Rollout itself.
	AnnotateRollout struct{ Annotations map[string]string }
	// AdoptReplicaSet makes the Rollout the owner of a ReplicaSet that nobody owns.
	AdoptReplicaSet struct{ ReplicaSet *appsv1.ReplicaSet }
	// CreateReplicaSet creates the ReplicaSet of a new revision, with its first pods.
	CreateReplicaSet struct{ ReplicaSet *appsv1.ReplicaSet }
	// UpdateReplicaSet scales a ReplicaSet and changes its annotations, in one write.
	UpdateReplicaSet struct {
		ReplicaSet *appsv1.ReplicaSet // as observed
		Replicas   int32              // wanted spec.replicas
		// Annotations to set; a nil value removes the annotation.
		Annotations map[string]*string
		// MinReadySeconds to set.
		MinReadySeconds int32
		// PodLabels and PodAnnotations change the metadata of the pod template;
		// a nil value removes the key. They stand alone with their record, see
		// [Dresses].
		PodLabels, PodAnnotations map[string]*string
		// DropAntiAffinity removes the rule against another revision from the
		// pod template.
		DropAntiAffinity bool
	}
	// DeleteReplicaSet deletes an old ReplicaSet without pods.
	DeleteReplicaSet struct{ ReplicaSet *appsv1.ReplicaSet }
	// SelectPods points a Service at the pods with a template hash.
	SelectPods struct {
		Service *corev1.Service // as observed
		Hash    string
	}
	// EvictPod asks for the eviction of a pod, so that disruption budgets hold.
	EvictPod struct{ Pod string }
	// ScaleWorkload scales the workload that the Rollout refers to.
	ScaleWorkload struct {
		Kind, Name string
		Replicas   int32
	}
)

// Dresses is true for an action that changes nothing but what pods wear because of their
// role: all else goes on without it.
func Dresses(a Action) bool {
	switch a := a.(type) {
	case PatchPod:
		return true
	case UpdateReplicaSet:
		_, recorded := a.Annotations[v1alpha1.EphemeralMetadataAnnotation]
		return recorded
	}
	return false
}

// Outlasts is true for an action that does nothing but note until when pods stay that lose
// requests: routes go on without it, since what takes a bad version away may not wait.
func Outlasts(a Action) bool {
	u, is := a.(UpdateReplicaSet)
	if !is || len(u.Annotations) != 1 {
		return false
	}
	_, noted := u.Annotations[v1alpha1.ServesUntilAnnotation]
	return noted && u.Replicas == *u.ReplicaSet.Spec.Replicas && u.MinReadySeconds == u.ReplicaSet.Spec.MinReadySeconds && !u.DropAntiAffinity
}

func (SetReplicas) action()      {}
func (AnnotateRollout) action()  {}
func (AdoptReplicaSet) action()  {}
func (CreateReplicaSet) action() {}
func (UpdateReplicaSet) action() {}
func (DeleteReplicaSet) action() {}
func (SelectPods) action()       {}
func (EvictPod) action()         {}
func (ScaleWorkload) action()    {}

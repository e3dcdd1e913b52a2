package control

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// OwnedBy is an option of lists for readers that know whose an object is: they may
// leave out what somebody else controls, of which a namespace can hold a lot. What
// nobody controls is in the answer. Others return that of everybody, so that who asks
// looks at the owner nevertheless.
type OwnedBy types.UID

// ApplyToList leaves the options as they are.
func (OwnedBy) ApplyToList(*client.ListOptions) {}

// Foreign is true for an object that a controller of somebody else has made, as a
// Deployment its ReplicaSets: most of a cluster's. Caches keep no more of such ReplicaSets
// and PodTemplates than whose they are; who needs one that a spec names reads it live.
func Foreign(obj client.Object) bool {
	owner := metav1.GetControllerOfNoCopy(obj)
	return owner != nil && owner.Kind != v1alpha1.KindRollout && owner.Kind != v1alpha1.KindExperiment
}

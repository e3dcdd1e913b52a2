package experiment

import (
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// defaultProgressDeadline is spec.progressDeadlineSeconds where it is not set.
const defaultProgressDeadline int32 = 600

// version is one template of the spec, with what exists of it.
type version struct {
	spec *v1alpha1.TemplateSpec
	// status is its entry in the next status.
	status *v1alpha1.TemplateStatus
	// rs is its ReplicaSet, name what that is or will be called; current is
	// true if it makes the pods that the spec asks for.
	rs      *appsv1.ReplicaSet
	name    string
	current bool
	// service is its Service, serviceName what that is or will be called; empty
	// if it wants none. obstacle is an object of that name that is not ours.
	service     *corev1.Service
	serviceName string
	obstacle    *corev1.Service
	// update is the pending change of rs, to be amended.
	update *UpdateReplicaSet
}

// lookAtVersions finds the objects of each version and says how it does.
func (d *decision) lookAtVersions() {
	if d.Invalid != "" && len(d.was.TemplateStatuses) == 0 {
		return // nothing was begun, and nothing will be
	}
	statuses := make([]v1alpha1.TemplateStatus, len(d.spec.Templates))
	taken := d.hashesOfOthers()
	for i := range d.spec.Templates {
		v := &version{spec: &d.spec.Templates[i], status: &statuses[i]}
		v.status.Name = v.spec.Name
		for j := range d.was.TemplateStatuses {
			if d.was.TemplateStatuses[j].Name == v.spec.Name {
				d.was.TemplateStatuses[j].DeepCopyInto(v.status)
			}
		}
		d.findReplicaSet(v, taken)
		d.findService(v)
		d.count(v)
		if !v.status.Status.Completed() && !d.over() {
			d.assessVersion(v)
		}
		d.versions = append(d.versions, v)
	}
	d.status.TemplateStatuses = statuses
}

// count fills the counters of the status from the ReplicaSet.
func (d *decision) count(v *version) {
	var s appsv1.ReplicaSetStatus
	if v.rs != nil {
		s = v.rs.Status
	}
	v.status.Replicas, v.status.UpdatedReplicas = s.Replicas, s.Replicas
	v.status.ReadyReplicas, v.status.AvailableReplicas = s.ReadyReplicas, s.AvailableReplicas
}

// assessVersion says whether a version serves, may still come to serve, or has
// failed. One that loses pods has its deadline once more to get them back.
func (d *decision) assessVersion(v *version) {
	if why := d.impossible(v); why != "" {
		d.setVersion(v, v1alpha1.TemplateStatusError, why)
		return
	}
	if v.serves() {
		d.setVersion(v, v1alpha1.TemplateStatusRunning, "")
		return
	}
	missing := v.missing()
	d.setVersion(v, v1alpha1.TemplateStatusProgressing, missing)
	seconds := ptr.Deref(d.spec.ProgressDeadlineSeconds, defaultProgressDeadline)
	deadline := v.status.LastTransitionTime.Add(time.Duration(seconds) * time.Second)
	if d.now.Before(deadline) {
		d.wakeAt(deadline)
		return
	}
	late := fmt.Sprintf("Template '%s' exceeded its progressDeadlineSeconds (%d)", v.spec.Name, seconds)
	if missing != "" {
		late += ": " + missing
	}
	d.setVersion(v, v1alpha1.TemplateStatusFailed, late)
}

// setVersion writes the state of a version.
func (d *decision) setVersion(v *version, to v1alpha1.TemplateStatusCode, message string) {
	from := v.status.Status
	v.status.Message = message
	if from == to {
		return
	}
	v.status.Status = to
	v.status.LastTransitionTime = ptr.To(d.stamp())
	if from != "" {
		d.transition("Template", "Template '"+v.spec.Name+"'", string(from), string(to), message)
	}
}

// impossible says why a version can never run; empty if it can.
func (d *decision) impossible(v *version) string {
	if why := d.Refused[Object{"ReplicaSet", v.name}]; why != "" {
		return fmt.Sprintf("Failed to create ReplicaSet %s for template '%s': %s", v.name, v.spec.Name, why)
	}
	const refused = "Failed to create Service %s for template '%s': %s"
	if why := d.Refused[Object{"Service", v.serviceName}]; why != "" && v.serviceName != "" {
		return fmt.Sprintf(refused, v.serviceName, v.spec.Name, why)
	}
	if v.obstacle != nil && !ofExperiment(v.obstacle) {
		why := fmt.Sprintf("service %s already exists and is not owned by experiment template %s", v.serviceName, v.spec.Name)
		return fmt.Sprintf(refused, v.serviceName, v.spec.Name, why)
	}
	return ""
}

// serves is true when a version has all of its pods, and whatever stands in
// front of them.
func (v *version) serves() bool {
	want := v.replicas()
	return v.current && v.rs.DeletionTimestamp == nil &&
		specReplicas(v.rs) == want && v.rs.Status.AvailableReplicas >= want &&
		v.rs.Status.ObservedGeneration >= v.rs.Generation && v.missing() == ""
}

// missing says what a version waits for besides its pods.
func (v *version) missing() string {
	if v.obstacle == nil || !ofExperiment(v.obstacle) {
		return ""
	}
	owner := metav1.GetControllerOf(v.obstacle)
	return fmt.Sprintf("waiting for Service %s, which Experiment %s has not given up yet", v.serviceName, owner.Name)
}

func (v *version) replicas() int32 { return ptr.Deref(v.spec.Replicas, 1) }

// runVersions brings the objects of each version to what the spec asks for.
func (d *decision) runVersions() {
	for _, v := range d.versions {
		d.runReplicaSet(v)
		d.runService(v)
	}
}

// dropStrangers deletes what belongs to templates that are no longer in the spec.
func (d *decision) dropStrangers() {
	known := map[string]bool{}
	for i := range d.spec.Templates {
		known[d.spec.Templates[i].Name] = true
	}
	for _, rs := range d.ReplicaSets {
		if d.ours(rs) && !known[templateOf(rs)] {
			d.do(DeleteReplicaSet{ReplicaSet: rs})
			d.event("ReplicaSetDeleted", "Deleted ReplicaSet %s: no template %q any more", rs.Name, templateOf(rs))
		}
	}
	for _, svc := range d.Services {
		if d.ours(svc) && !known[templateOf(svc)] {
			d.deleteService(svc)
		}
	}
}

// ours is true for an object that the Experiment controls and that is not being
// deleted.
func (d *decision) ours(obj metav1.Object) bool {
	return metav1.IsControlledBy(obj, d.Experiment) && obj.GetDeletionTimestamp() == nil
}

// templateOf is the name of the template that an object was made from.
func templateOf(obj metav1.Object) string {
	return obj.GetAnnotations()[v1alpha1.ExperimentTemplateNameAnnotationKey]
}

// ofExperiment is true for an object that some Experiment controls.
func ofExperiment(obj metav1.Object) bool {
	owner := metav1.GetControllerOf(obj)
	return owner != nil && owner.Kind == v1alpha1.KindExperiment && owner.APIVersion == v1alpha1.SchemeGroupVersion.String()
}

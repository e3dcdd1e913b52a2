package store

import (
	"reflect"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// prepareCreate does what the API server does to a new object beyond defaults:
// a status is not for the creator to set, and some kinds begin with one.
func prepareCreate(t *table, obj client.Object) {
	if t.facts.status == statusSubresource {
		clearStatus(t, obj)
	}
	switch o := obj.(type) {
	case *corev1.Pod:
		o.Status = corev1.PodStatus{Phase: corev1.PodPending, QOSClass: qosClass(&o.Spec)}
	case *corev1.Namespace:
		o.Status = corev1.NamespaceStatus{Phase: corev1.NamespaceActive}
		addLabel(&o.ObjectMeta, corev1.LabelMetadataName, o.Name)
	case *batchv1.Job:
		if o.Spec.ManualSelector == nil || !*o.Spec.ManualSelector {
			generateJobSelector(o)
		}
	}
}

func clearStatus(t *table, obj client.Object) {
	if u, ok := obj.(*unstructured.Unstructured); ok {
		delete(u.Object, "status")
		return
	}
	if i := t.layout.status; i >= 0 {
		reflect.ValueOf(obj).Elem().Field(i).SetZero()
	}
}

func addLabel(m *metav1.ObjectMeta, key, value string) {
	if m.Labels == nil {
		m.Labels = map[string]string{}
	}
	m.Labels[key] = value
}

// generateJobSelector ties the pods of a Job to its uid, so that two Jobs
// never share pods.
func generateJobSelector(job *batchv1.Job) {
	uid := string(job.UID)
	for _, key := range []string{"controller-uid", batchv1.ControllerUidLabel} {
		addLabel(&job.Spec.Template.ObjectMeta, key, uid)
	}
	for _, key := range []string{"job-name", batchv1.JobNameLabel} {
		addLabel(&job.Spec.Template.ObjectMeta, key, job.Name)
	}
	if job.Spec.Selector == nil {
		job.Spec.Selector = &metav1.LabelSelector{}
	}
	if job.Spec.Selector.MatchLabels == nil {
		job.Spec.Selector.MatchLabels = map[string]string{}
	}
	job.Spec.Selector.MatchLabels[batchv1.ControllerUidLabel] = uid
}

package store

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// matcher returns the test of the label and field selectors; nil if there are
// none. The error is BadRequest for a field that the kind cannot be selected
// by.
func (s *Store) matcher(t *table, o *client.ListOptions) (func(client.Object) bool, error) {
	byLabel := o.LabelSelector
	if byLabel != nil && byLabel.Empty() {
		byLabel = nil
	}
	var wants []fieldWant
	if o.FieldSelector != nil {
		for _, r := range o.FieldSelector.Requirements() {
			read := fieldReader(t, r.Field)
			if read == nil {
				return nil, apierrors.NewBadRequest(fmt.Sprintf("Unable to find %q that match label selector %q, field selector %q: field label not supported: %s",
					t.gvk.GroupVersion().String()+", Resource="+t.resource.Resource, labelText(o.LabelSelector), o.FieldSelector.String(), r.Field))
			}
			wants = append(wants, fieldWant{r, read})
		}
	}
	if byLabel == nil && len(wants) == 0 {
		return nil, nil
	}
	return func(obj client.Object) bool {
		for _, w := range wants {
			if !w.matches(obj) {
				return false
			}
		}
		return byLabel == nil || byLabel.Matches(labels.Set(obj.GetLabels()))
	}, nil
}

func labelText(s labels.Selector) string {
	if s == nil {
		return ""
	}
	return s.String()
}

// fieldWant is one requirement of a field selector and how to read the field.
type fieldWant struct {
	req  fields.Requirement
	read func(client.Object) string
}

func (w fieldWant) matches(obj client.Object) bool {
	equal := w.read(obj) == w.req.Value
	if w.req.Operator == selection.NotEquals {
		return !equal
	}
	return equal
}

// fieldReader returns the reader of a selectable field, nil if objects of the
// table cannot be selected by it.
func fieldReader(t *table, name string) func(client.Object) string {
	switch name {
	case "metadata.name":
		return client.Object.GetName
	case "metadata.namespace":
		return client.Object.GetNamespace
	}
	if t.layout.goType == nil {
		return unstructuredField(name)
	}
	switch t.gvk.GroupKind().String() {
	case "Pod":
		return podField(name)
	case "Event":
		return eventField(name)
	case "Namespace":
		if name == "status.phase" {
			return func(o client.Object) string { return string(o.(*corev1.Namespace).Status.Phase) }
		}
	case "Secret":
		if name == "type" {
			return func(o client.Object) string { return string(o.(*corev1.Secret).Type) }
		}
	}
	return nil
}

func podField(name string) func(client.Object) string {
	var read func(*corev1.Pod) string
	switch name {
	case "spec.nodeName":
		read = func(p *corev1.Pod) string { return p.Spec.NodeName }
	case "spec.restartPolicy":
		read = func(p *corev1.Pod) string { return string(p.Spec.RestartPolicy) }
	case "spec.schedulerName":
		read = func(p *corev1.Pod) string { return p.Spec.SchedulerName }
	case "spec.serviceAccountName":
		read = func(p *corev1.Pod) string { return p.Spec.ServiceAccountName }
	case "status.phase":
		read = func(p *corev1.Pod) string { return string(p.Status.Phase) }
	case "status.podIP":
		read = func(p *corev1.Pod) string { return p.Status.PodIP }
	case "status.nominatedNodeName":
		read = func(p *corev1.Pod) string { return p.Status.NominatedNodeName }
	default:
		return nil
	}
	return func(o client.Object) string { return read(o.(*corev1.Pod)) }
}

func eventField(name string) func(client.Object) string {
	var read func(*corev1.Event) string
	switch name {
	case "involvedObject.kind":
		read = func(e *corev1.Event) string { return e.InvolvedObject.Kind }
	case "involvedObject.namespace":
		read = func(e *corev1.Event) string { return e.InvolvedObject.Namespace }
	case "involvedObject.name":
		read = func(e *corev1.Event) string { return e.InvolvedObject.Name }
	case "involvedObject.uid":
		read = func(e *corev1.Event) string { return string(e.InvolvedObject.UID) }
	case "involvedObject.apiVersion":
		read = func(e *corev1.Event) string { return e.InvolvedObject.APIVersion }
	case "involvedObject.resourceVersion":
		read = func(e *corev1.Event) string { return e.InvolvedObject.ResourceVersion }
	case "involvedObject.fieldPath":
		read = func(e *corev1.Event) string { return e.InvolvedObject.FieldPath }
	case "reason":
		read = func(e *corev1.Event) string { return e.Reason }
	case "reportingComponent":
		read = func(e *corev1.Event) string { return e.ReportingController }
	case "source":
		read = func(e *corev1.Event) string { return e.Source.Component }
	case "type":
		read = func(e *corev1.Event) string { return e.Type }
	default:
		return nil
	}
	return func(o client.Object) string { return read(o.(*corev1.Event)) }
}

// unstructuredField serves the documented fields when the scheme in use lacks
// the core types.
func unstructuredField(name string) func(client.Object) string {
	var path []string
	switch name {
	case "spec.nodeName":
		path = []string{"spec", "nodeName"}
	case "status.phase":
		path = []string{"status", "phase"}
	case "involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid":
		path = []string{"involvedObject", name[len("involvedObject."):]}
	default:
		return nil
	}
	return func(o client.Object) string {
		v, _, _ := unstructured.NestedString(o.(*unstructured.Unstructured).Object, path...)
		return v
	}
}

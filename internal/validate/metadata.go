package validate

import (
	"maps"

	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

const (
	hashLabel    = "this label tells the revisions of a Rollout apart and is set by the controller: leave it out"
	notSelecting = "pods with this value are not selected by spec.selector any more: leave the label out"
)

// metadata checks labels and annotations that the API server is going to be asked for.
func metadata(l, annotations map[string]string, path *field.Path) field.ErrorList {
	errs := metavalidation.ValidateLabels(l, path.Child("labels"))
	return append(errs, apivalidation.ValidateAnnotations(annotations, path.Child("annotations"))...)
}

// roleMetadata checks what pods wear because of their role: neither a template nor a
// running pod can be given what the API server refuses, and a pod must go on belonging to
// its ReplicaSet whatever it wears. The selector of a workload that is referred to is
// checked by [References].
func roleMetadata(spec *v1alpha1.RolloutSpec, m *v1alpha1.PodTemplateMetadata, path *field.Path) field.ErrorList {
	if m == nil {
		return nil
	}
	errs := metadata(m.Labels, m.Annotations, path)
	if hash, has := m.Labels[v1alpha1.DefaultRolloutUniqueLabelKey]; has {
		errs = append(errs, field.Invalid(path.Child("labels").Key(v1alpha1.DefaultRolloutUniqueLabelKey), hash, hashLabel))
	}
	if spec.WorkloadRef != nil {
		return errs
	}
	return append(errs, staysSelected(m, spec.Template.Labels, spec.Selector, path)...)
}

// staysSelected names the labels of a role that take pods away from the selector.
func staysSelected(m *v1alpha1.PodTemplateMetadata, podLabels map[string]string, s *metav1.LabelSelector, path *field.Path) field.ErrorList {
	selector, err := metav1.LabelSelectorAsSelector(s)
	if err != nil || !selector.Matches(labels.Set(podLabels)) {
		return nil // which is reported where it stands
	}
	var errs field.ErrorList
	for _, key := range sortedKeys(m.Labels) {
		worn := maps.Clone(podLabels)
		if worn == nil {
			worn = map[string]string{}
		}
		worn[key] = m.Labels[key]
		if !selector.Matches(labels.Set(worn)) {
			errs = append(errs, field.Invalid(path.Child("labels").Key(key), m.Labels[key], notSelecting))
		}
	}
	return errs
}

// rolesStaySelected checks the metadata of the roles against the pods of the workload that
// a Rollout refers to.
func rolesStaySelected(ro *v1alpha1.Rollout, podLabels map[string]string, s *metav1.LabelSelector) field.ErrorList {
	var errs field.ErrorList
	check := func(m *v1alpha1.PodTemplateMetadata, path *field.Path) {
		if m != nil {
			errs = append(errs, staysSelected(m, podLabels, s, path)...)
		}
	}
	if c := ro.Spec.Strategy.Canary; c != nil {
		check(c.CanaryMetadata, strategyPath.Child("canary", "canaryMetadata"))
		check(c.StableMetadata, strategyPath.Child("canary", "stableMetadata"))
	}
	if b := ro.Spec.Strategy.BlueGreen; b != nil {
		check(b.PreviewMetadata, strategyPath.Child("blueGreen", "previewMetadata"))
		check(b.ActiveMetadata, strategyPath.Child("blueGreen", "activeMetadata"))
	}
	return errs
}

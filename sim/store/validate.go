package store

import (
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/internal/equal"
)

// The paths of what every object has.
var (
	metadataPath = field.NewPath("metadata")
	ownersPath   = metadataPath.Child("ownerReferences")
	specPath     = field.NewPath("spec")
)

// validateCreate checks a new object as the API server does, in as far as a
// person or a controller is likely to get it wrong: names, labels, references,
// selectors, ports, containers.
func (s *Store) validateCreate(req request, obj client.Object) error {
	t := req.table
	var errs field.ErrorList
	if hasPlainNames(t, obj) && isPlain(obj) {
		errs = apivalidation.ValidateOwnerReferences(obj.GetOwnerReferences(), ownersPath)
	} else {
		errs = apivalidation.ValidateObjectMetaAccessor(obj, !t.facts.clusterScoped, nameRule(t), metadataPath)
	}
	errs = append(errs, validateContent(obj)...)
	return invalid(t, obj, errs)
}

// validateUpdate checks a change of an object. A write of a status is checked
// by nobody but the schema of a custom resource.
func (s *Store) validateUpdate(req request, cur, next client.Object, diff difference) error {
	if req.sub == "status" {
		return nil
	}
	var errs field.ErrorList
	switch {
	case diff.metadata && isPlain(next): // mergeParts has kept what may not change
		errs = apivalidation.ValidateOwnerReferences(next.GetOwnerReferences(), ownersPath)
	case diff.metadata:
		errs = apivalidation.ValidateObjectMetaAccessorUpdate(next, cur, metadataPath)
	}
	if diff.content {
		errs = append(errs, validateContent(next)...)
		errs = append(errs, validateChange(cur, next)...)
	}
	return invalid(req.table, next, errs)
}

func invalid(t *table, obj client.Object, errs field.ErrorList) error {
	if len(errs) == 0 {
		return nil
	}
	return apierrors.NewInvalid(t.gvk.GroupKind(), obj.GetName(), errs)
}

// nameRule is what a kind's names must look like: DNS labels where the name
// becomes a host name, DNS subdomains otherwise.
func nameRule(t *table) apivalidation.ValidateNameFunc {
	switch {
	case t.gvk.Group == "" && t.gvk.Kind == "Service":
		return apivalidation.NameIsDNS1035Label
	case t.gvk.Group == "" && t.gvk.Kind == "Namespace":
		return apivalidation.NameIsDNSLabel
	case t.gvk.Group == "rbac.authorization.k8s.io":
		return func(string, bool) []string { return nil }
	}
	return nameIsSubdomain
}

// nameIsSubdomain is apivalidation.NameIsDNSSubdomain, which asks a regular
// expression, without the question where the answer is plain to see: as it is for
// nearly all names.
func nameIsSubdomain(name string, prefix bool) []string {
	plain := name
	if prefix {
		plain = strings.TrimSuffix(name, "-")
	}
	if isPlainSubdomain(plain) {
		return nil
	}
	return apivalidation.NameIsDNSSubdomain(name, prefix)
}

// validateContent checks an object by itself.
func validateContent(obj client.Object) field.ErrorList {
	switch o := obj.(type) {
	case *corev1.Pod:
		return validatePodSpec(&o.Spec, specPath)
	case *corev1.Service:
		return validateService(&o.Spec, specPath)
	case *appsv1.ReplicaSet:
		return validateWorkload("replicaset", o.Spec.Replicas, o.Spec.Selector, &o.Spec.Template, specPath)
	case *appsv1.Deployment:
		return validateWorkload("deployment", o.Spec.Replicas, o.Spec.Selector, &o.Spec.Template, specPath)
	case *appsv1.StatefulSet:
		return validateWorkload("statefulset", o.Spec.Replicas, o.Spec.Selector, &o.Spec.Template, specPath)
	case *batchv1.Job:
		return validateJob(&o.Spec, specPath)
	case *autoscalingv2.HorizontalPodAutoscaler:
		return validateAutoscaler(&o.Spec, specPath)
	}
	return nil
}

// validateChange checks what may not change.
func validateChange(cur, next client.Object) field.ErrorList {
	switch o := next.(type) {
	case *corev1.Pod:
		return validatePodChange(&o.Spec, &cur.(*corev1.Pod).Spec, specPath)
	case *corev1.Service:
		return validateServiceChange(&o.Spec, &cur.(*corev1.Service).Spec, specPath)
	case *appsv1.ReplicaSet:
		return apivalidation.ValidateImmutableField(o.Spec.Selector, cur.(*appsv1.ReplicaSet).Spec.Selector, specPath.Child("selector"))
	case *appsv1.Deployment:
		return apivalidation.ValidateImmutableField(o.Spec.Selector, cur.(*appsv1.Deployment).Spec.Selector, specPath.Child("selector"))
	case *appsv1.StatefulSet:
		return apivalidation.ValidateImmutableField(o.Spec.Selector, cur.(*appsv1.StatefulSet).Spec.Selector, specPath.Child("selector"))
	case *batchv1.Job:
		old := cur.(*batchv1.Job)
		errs := apivalidation.ValidateImmutableField(o.Spec.Selector, old.Spec.Selector, specPath.Child("selector"))
		return append(errs, apivalidation.ValidateImmutableField(o.Spec.Template, old.Spec.Template, specPath.Child("template"))...)
	}
	return nil
}

// validateWorkload checks what ReplicaSets, Deployments and StatefulSets have
// in common; what names the kind in messages.
func validateWorkload(what string, replicas *int32, selector *metav1.LabelSelector, template *corev1.PodTemplateSpec, spec *field.Path) field.ErrorList {
	var errs field.ErrorList
	if replicas != nil {
		errs = append(errs, apivalidation.ValidateNonnegativeField(int64(*replicas), spec.Child("replicas"))...)
	}
	switch {
	case selector == nil:
		errs = append(errs, field.Required(spec.Child("selector"), ""))
	case len(selector.MatchLabels)+len(selector.MatchExpressions) == 0:
		errs = append(errs, field.Invalid(spec.Child("selector"), selector, "empty selector is invalid for "+what))
	default:
		s, err := metav1.LabelSelectorAsSelector(selector)
		if err != nil {
			errs = append(errs, field.Invalid(spec.Child("selector"), selector, "invalid label selector"))
		} else if !s.Matches(labels.Set(template.Labels)) {
			errs = append(errs, field.Invalid(spec.Child("template", "metadata", "labels"), template.Labels, "`selector` does not match template `labels`"))
		}
	}
	errs = append(errs, validatePodSpec(&template.Spec, spec.Child("template", "spec"))...)
	if policy := template.Spec.RestartPolicy; policy != corev1.RestartPolicyAlways {
		errs = append(errs, field.NotSupported(spec.Child("template", "spec", "restartPolicy"), policy, []corev1.RestartPolicy{corev1.RestartPolicyAlways}))
	}
	return errs
}

func validatePodSpec(spec *corev1.PodSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if len(spec.Containers) == 0 {
		errs = append(errs, field.Required(path.Child("containers"), ""))
	}
	seen := sets.New[string]()
	for _, list := range []struct {
		name       string
		containers []corev1.Container
	}{{"containers", spec.Containers}, {"initContainers", spec.InitContainers}} {
		for i := range list.containers {
			errs = append(errs, validateContainer(&list.containers[i], seen, path.Child(list.name).Index(i))...)
		}
	}
	return errs
}

func validateContainer(c *corev1.Container, seen sets.Set[string], path *field.Path) field.ErrorList {
	var errs field.ErrorList
	switch {
	case c.Name == "":
		errs = append(errs, field.Required(path.Child("name"), ""))
	case seen.Has(c.Name):
		errs = append(errs, field.Duplicate(path.Child("name"), c.Name))
	case !isPlainLabel(c.Name):
		for _, msg := range validation.IsDNS1123Label(c.Name) {
			errs = append(errs, field.Invalid(path.Child("name"), c.Name, msg))
		}
	}
	seen.Insert(c.Name)
	if strings.TrimSpace(c.Image) == "" {
		errs = append(errs, field.Required(path.Child("image"), ""))
	}
	for i, port := range c.Ports {
		for _, msg := range validation.IsValidPortNum(int(port.ContainerPort)) {
			errs = append(errs, field.Invalid(path.Child("ports").Index(i).Child("containerPort"), port.ContainerPort, msg))
		}
	}
	return errs
}

// mutablePodFields is the API server's own list, in its own words.
const mutablePodFields = "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"

// validatePodChange lets images and few other fields change. A node name may
// be set once, which on a real cluster is the binding subresource.
func validatePodChange(next, old *corev1.PodSpec, path *field.Path) field.ErrorList {
	munged := *next
	munged.Containers = withImages(next.Containers, old.Containers)
	munged.InitContainers = withImages(next.InitContainers, old.InitContainers)
	munged.ActiveDeadlineSeconds = old.ActiveDeadlineSeconds
	munged.Tolerations = old.Tolerations
	munged.TerminationGracePeriodSeconds = old.TerminationGracePeriodSeconds
	munged.SchedulingGates = old.SchedulingGates
	if old.NodeName == "" {
		munged.NodeName = ""
	}
	if equal.Objects(&munged, old) {
		return nil
	}
	return field.ErrorList{field.Forbidden(path, mutablePodFields)}
}

// withImages returns containers with the images of others.
func withImages(containers, others []corev1.Container) []corev1.Container {
	out := slices.Clone(containers)
	for i := range out {
		if i < len(others) {
			out[i].Image = others[i].Image
		}
	}
	return out
}

func validateService(spec *corev1.ServiceSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	ports := path.Child("ports")
	if len(spec.Ports) == 0 && spec.ClusterIP != corev1.ClusterIPNone && spec.Type != corev1.ServiceTypeExternalName {
		errs = append(errs, field.Required(ports, ""))
	}
	types := []corev1.ServiceType{corev1.ServiceTypeClusterIP, corev1.ServiceTypeExternalName, corev1.ServiceTypeLoadBalancer, corev1.ServiceTypeNodePort}
	if !sets.New(types...).Has(spec.Type) {
		errs = append(errs, field.NotSupported(path.Child("type"), spec.Type, types))
	}
	names, numbers := sets.New[string](), sets.New[string]()
	for i := range spec.Ports {
		port, at := &spec.Ports[i], ports.Index(i)
		if port.Name == "" && len(spec.Ports) > 1 {
			errs = append(errs, field.Required(at.Child("name"), ""))
		} else if port.Name != "" && names.Has(port.Name) {
			errs = append(errs, field.Duplicate(at.Child("name"), port.Name))
		}
		names.Insert(port.Name)
		for _, msg := range validation.IsValidPortNum(int(port.Port)) {
			errs = append(errs, field.Invalid(at.Child("port"), port.Port, msg))
		}
		number := fmt.Sprintf("%s/%d", port.Protocol, port.Port)
		if numbers.Has(number) {
			errs = append(errs, field.Duplicate(at, corev1.ServicePort{Protocol: port.Protocol, Port: port.Port}))
		}
		numbers.Insert(number)
	}
	return errs
}

func validateServiceChange(next, old *corev1.ServiceSpec, path *field.Path) field.ErrorList {
	if old.Type == corev1.ServiceTypeExternalName || next.Type == corev1.ServiceTypeExternalName || next.ClusterIP == old.ClusterIP {
		return nil
	}
	return field.ErrorList{field.Invalid(path.Child("clusterIPs").Index(0), []string{next.ClusterIP}, "may not change once set")}
}

func validateJob(spec *batchv1.JobSpec, path *field.Path) field.ErrorList {
	errs := validatePodSpec(&spec.Template.Spec, path.Child("template", "spec"))
	policies := []corev1.RestartPolicy{corev1.RestartPolicyOnFailure, corev1.RestartPolicyNever}
	if p := spec.Template.Spec.RestartPolicy; !sets.New(policies...).Has(p) {
		errs = append(errs, field.Required(path.Child("template", "spec", "restartPolicy"), "valid values: \"OnFailure\", \"Never\""))
	}
	return errs
}

func validateAutoscaler(spec *autoscalingv2.HorizontalPodAutoscalerSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if spec.MaxReplicas < 1 {
		errs = append(errs, field.Invalid(path.Child("maxReplicas"), spec.MaxReplicas, "must be greater than 0"))
	}
	if spec.MinReplicas != nil && spec.MaxReplicas < *spec.MinReplicas {
		errs = append(errs, field.Invalid(path.Child("maxReplicas"), spec.MaxReplicas, "must be greater than or equal to `minReplicas`"))
	}
	if spec.ScaleTargetRef.Name == "" {
		errs = append(errs, field.Required(path.Child("scaleTargetRef", "name"), ""))
	}
	return errs
}

package validate

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/aviary-rollouts/aviary/internal/podtemplate"
)

// template checks a selector and the pod template that it selects, after the
// API's defaults have been set in a copy. path is the parent of both.
func template(t *corev1.PodTemplateSpec, selector *metav1.LabelSelector, path *field.Path) field.ErrorList {
	t = t.DeepCopy()
	podtemplate.SetDefaults(&t.Spec)
	templatePath := path.Child("template")
	errs := selects(selector, t.Labels, path)
	errs = append(errs, metavalidation.ValidateLabels(t.Labels, templatePath.Child("metadata", "labels"))...)
	errs = append(errs, apivalidation.ValidateAnnotations(t.Annotations, templatePath.Child("metadata", "annotations"))...)
	return append(errs, podSpec(&t.Spec, templatePath.Child("spec"))...)
}

// selects checks the selector and that it matches the labels of the template.
func selects(s *metav1.LabelSelector, podLabels map[string]string, path *field.Path) field.ErrorList {
	selectorPath := path.Child("selector")
	errs := metavalidation.ValidateLabelSelector(s, metavalidation.LabelSelectorValidationOptions{}, selectorPath)
	if len(errs) > 0 {
		return errs
	}
	if s == nil || len(s.MatchLabels)+len(s.MatchExpressions) == 0 {
		return field.ErrorList{field.Invalid(selectorPath, s, "empty selector is invalid for rollout")}
	}
	selector, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		return field.ErrorList{field.Invalid(selectorPath, s, err.Error())}
	}
	if !selector.Matches(labels.Set(podLabels)) {
		return field.ErrorList{field.Invalid(path.Child("template", "metadata", "labels"), podLabels, "`selector` does not match template `labels`")}
	}
	return nil
}

// podSpec checks what makes a ReplicaSet's pods impossible.
func podSpec(s *corev1.PodSpec, path *field.Path) field.ErrorList {
	volumeNames, errs := volumes(s.Volumes, path.Child("volumes"))
	names := sets.New[string]()
	if len(s.Containers) == 0 {
		errs = append(errs, field.Required(path.Child("containers"), ""))
	}
	for i := range s.Containers {
		errs = append(errs, container(&s.Containers[i], names, volumeNames, path.Child("containers").Index(i))...)
	}
	for i := range s.InitContainers {
		errs = append(errs, container(&s.InitContainers[i], names, volumeNames, path.Child("initContainers").Index(i))...)
	}
	if s.RestartPolicy != corev1.RestartPolicyAlways {
		errs = append(errs, field.NotSupported(path.Child("restartPolicy"), s.RestartPolicy, []string{string(corev1.RestartPolicyAlways)}))
	}
	if s.ActiveDeadlineSeconds != nil {
		errs = append(errs, field.Forbidden(path.Child("activeDeadlineSeconds"), "activeDeadlineSeconds in ReplicaSet is not Supported"))
	}
	if grace := s.TerminationGracePeriodSeconds; grace != nil {
		errs = append(errs, notNegative(*grace, path.Child("terminationGracePeriodSeconds"))...)
	}
	policies := []corev1.DNSPolicy{corev1.DNSClusterFirst, corev1.DNSClusterFirstWithHostNet, corev1.DNSDefault, corev1.DNSNone}
	return append(errs, oneOf(s.DNSPolicy, policies, path.Child("dnsPolicy"))...)
}

// volumes checks the volumes and returns their names.
func volumes(list []corev1.Volume, path *field.Path) (sets.Set[string], field.ErrorList) {
	names := sets.New[string]()
	var errs field.ErrorList
	for i, v := range list {
		errs = append(errs, label(v.Name, names, path.Index(i).Child("name"))...)
	}
	return names, errs
}

func container(c *corev1.Container, names, volumeNames sets.Set[string], path *field.Path) field.ErrorList {
	errs := label(c.Name, names, path.Child("name"))
	switch {
	case c.Image == "":
		errs = append(errs, field.Required(path.Child("image"), ""))
	case c.Image != strings.TrimSpace(c.Image):
		errs = append(errs, field.Invalid(path.Child("image"), c.Image, "must not have leading or trailing whitespace"))
	}
	policies := []corev1.PullPolicy{corev1.PullAlways, corev1.PullIfNotPresent, corev1.PullNever}
	errs = append(errs, oneOf(c.ImagePullPolicy, policies, path.Child("imagePullPolicy"))...)
	errs = append(errs, ports(c.Ports, path.Child("ports"))...)
	errs = append(errs, environment(c.Env, path.Child("env"))...)
	errs = append(errs, mounts(c.VolumeMounts, volumeNames, path.Child("volumeMounts"))...)
	errs = append(errs, resources(c.Resources, path.Child("resources"))...)
	errs = append(errs, probe(c.LivenessProbe, true, path.Child("livenessProbe"))...)
	errs = append(errs, probe(c.ReadinessProbe, false, path.Child("readinessProbe"))...)
	return append(errs, probe(c.StartupProbe, true, path.Child("startupProbe"))...)
}

// label checks a required name that is a DNS label and not yet in taken, and
// adds it there.
func label(name string, taken sets.Set[string], path *field.Path) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	if taken.Has(name) {
		return field.ErrorList{field.Duplicate(path, name)}
	}
	taken.Insert(name)
	return invalid(path, name, validation.IsDNS1123Label(name))
}

func ports(list []corev1.ContainerPort, path *field.Path) field.ErrorList {
	names := sets.New[string]()
	protocols := []corev1.Protocol{corev1.ProtocolSCTP, corev1.ProtocolTCP, corev1.ProtocolUDP}
	var errs field.ErrorList
	for i, p := range list {
		at := path.Index(i)
		switch {
		case p.Name == "":
		case names.Has(p.Name):
			errs = append(errs, field.Duplicate(at.Child("name"), p.Name))
		default:
			names.Insert(p.Name)
			errs = append(errs, invalid(at.Child("name"), p.Name, validation.IsValidPortName(p.Name))...)
		}
		if p.ContainerPort == 0 {
			errs = append(errs, field.Required(at.Child("containerPort"), ""))
		} else {
			errs = append(errs, invalid(at.Child("containerPort"), p.ContainerPort, validation.IsValidPortNum(int(p.ContainerPort)))...)
		}
		if p.HostPort != 0 {
			errs = append(errs, invalid(at.Child("hostPort"), p.HostPort, validation.IsValidPortNum(int(p.HostPort)))...)
		}
		errs = append(errs, oneOf(p.Protocol, protocols, at.Child("protocol"))...)
	}
	return errs
}

func environment(list []corev1.EnvVar, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, e := range list {
		at := path.Index(i)
		if e.Name == "" {
			errs = append(errs, field.Required(at.Child("name"), ""))
		} else {
			errs = append(errs, invalid(at.Child("name"), e.Name, validation.IsRelaxedEnvVarName(e.Name))...)
		}
		if e.Value != "" && e.ValueFrom != nil {
			errs = append(errs, field.Invalid(at.Child("valueFrom"), "", "may not be specified when `value` is not empty"))
		}
	}
	return errs
}

func mounts(list []corev1.VolumeMount, volumeNames sets.Set[string], path *field.Path) field.ErrorList {
	taken := sets.New[string]()
	var errs field.ErrorList
	for i, m := range list {
		at := path.Index(i)
		switch {
		case m.Name == "":
			errs = append(errs, field.Required(at.Child("name"), ""))
		case !volumeNames.Has(m.Name):
			errs = append(errs, field.NotFound(at.Child("name"), m.Name))
		}
		switch {
		case m.MountPath == "":
			errs = append(errs, field.Required(at.Child("mountPath"), ""))
		case taken.Has(m.MountPath):
			errs = append(errs, field.Invalid(at.Child("mountPath"), m.MountPath, "must be unique"))
		}
		taken.Insert(m.MountPath)
	}
	return errs
}

// resources checks that nothing is negative and no request above its limit.
func resources(r corev1.ResourceRequirements, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, name := range sortedResources(r.Limits) {
		if limit := r.Limits[name]; limit.Sign() < 0 {
			errs = append(errs, field.Invalid(path.Child("limits").Key(string(name)), limit.String(), apivalidation.IsNegativeErrorMsg))
		}
	}
	for _, name := range sortedResources(r.Requests) {
		request, at := r.Requests[name], path.Child("requests")
		if request.Sign() < 0 {
			errs = append(errs, field.Invalid(at.Key(string(name)), request.String(), apivalidation.IsNegativeErrorMsg))
		}
		if limit, limited := r.Limits[name]; limited && request.Cmp(limit) > 0 {
			errs = append(errs, field.Invalid(at, request.String(), fmt.Sprintf("must be less than or equal to %s limit of %s", name, limit.String())))
		}
	}
	return errs
}

func sortedResources(list corev1.ResourceList) []corev1.ResourceName {
	return slices.Sorted(func(yield func(corev1.ResourceName) bool) {
		for name := range list {
			if !yield(name) {
				return
			}
		}
	})
}

// probe checks a probe; once is true for those that succeed by one success.
func probe(p *corev1.Probe, once bool, path *field.Path) field.ErrorList {
	if p == nil {
		return nil
	}
	var errs field.ErrorList
	switch handlers := countTrue(p.Exec != nil, p.HTTPGet != nil, p.TCPSocket != nil, p.GRPC != nil); {
	case handlers == 0:
		errs = append(errs, field.Required(path, "must specify a handler type"))
	case handlers > 1:
		errs = append(errs, field.Forbidden(path, "may not specify more than 1 handler type"))
	}
	for name, seconds := range map[string]int32{
		"initialDelaySeconds": p.InitialDelaySeconds, "timeoutSeconds": p.TimeoutSeconds, "periodSeconds": p.PeriodSeconds,
		"successThreshold": p.SuccessThreshold, "failureThreshold": p.FailureThreshold,
	} {
		errs = append(errs, notNegative(seconds, path.Child(name))...)
	}
	slices.SortFunc(errs, func(a, b *field.Error) int { return strings.Compare(a.Field, b.Field) })
	if once && p.SuccessThreshold != 1 {
		errs = append(errs, field.Invalid(path.Child("successThreshold"), p.SuccessThreshold, "must be 1"))
	}
	return errs
}

// invalid turns the complaints about a value into errors.
func invalid(path *field.Path, value any, complaints []string) field.ErrorList {
	var errs field.ErrorList
	for _, complaint := range complaints {
		errs = append(errs, field.Invalid(path, value, complaint))
	}
	return errs
}

// oneOf checks that value is in the list.
func oneOf[T ~string](value T, list []T, path *field.Path) field.ErrorList {
	if slices.Contains(list, value) {
		return nil
	}
	return field.ErrorList{field.NotSupported(path, value, list)}
}

func countTrue(facts ...bool) int {
	n := 0
	for _, fact := range facts {
		if fact {
			n++
		}
	}
	return n
}

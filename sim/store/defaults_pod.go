package store

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/aviary-rollouts/aviary/internal/podtemplate"
)

// orDefault sets *field to value if it is the zero value.
func orDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// orPointer points *field at value if it points nowhere.
func orPointer[T any](field **T, value T) {
	if *field == nil {
		*field = &value
	}
}

// defaultPod sets what pods have beyond what their template has.
func defaultPod(pod *corev1.Pod) {
	podtemplate.SetDefaults(&pod.Spec)
	orPointer(&pod.Spec.EnableServiceLinks, corev1.DefaultEnableServiceLinks)
	for i := range pod.Spec.InitContainers {
		defaultRequests(&pod.Spec.InitContainers[i].Resources)
	}
	for i := range pod.Spec.Containers {
		defaultRequests(&pod.Spec.Containers[i].Resources)
	}
}

// defaultRequests requests what is limited and not requested.
func defaultRequests(r *corev1.ResourceRequirements) {
	for name, limit := range r.Limits {
		if _, set := r.Requests[name]; !set {
			if r.Requests == nil {
				r.Requests = corev1.ResourceList{}
			}
			r.Requests[name] = limit.DeepCopy()
		}
	}
}

// qosClass computes the class that a pod has from its requests and limits:
// BestEffort without any, Guaranteed if every container limits both cpu and
// memory to what it requests, Burstable otherwise.
func qosClass(spec *corev1.PodSpec) corev1.PodQOSClass {
	any, all := false, true
	for _, list := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range list {
			for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
				request, limit := amount(list[i].Resources.Requests, name), amount(list[i].Resources.Limits, name)
				any = any || !request.IsZero() || !limit.IsZero()
				all = all && !limit.IsZero() && request.Cmp(limit) == 0
			}
		}
	}
	switch {
	case !any:
		return corev1.PodQOSBestEffort
	case all:
		return corev1.PodQOSGuaranteed
	}
	return corev1.PodQOSBurstable
}

func amount(list corev1.ResourceList, name corev1.ResourceName) resource.Quantity { return list[name] }

package mesh

import (
	"cmp"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/equal"
	"github.com/aviary-rollouts/aviary/sim/mesh/istiometric"
	"github.com/aviary-rollouts/aviary/sim/prom"
)

// pod is a pod as the mesh knows it. It outlives the object in the API, because
// proxies hear of its end later.
type pod struct {
	object   *corev1.Pod
	gone     time.Time // zero while it exists
	identity istiometric.Identity
	report   *reporter // nil until it has something to report
}

// hashOf is the hash that tells the pods of one template from those of another.
func hashOf(p *corev1.Pod) string {
	return cmp.Or(p.Labels[v1alpha1.DefaultRolloutUniqueLabelKey], p.Labels["pod-template-hash"])
}

// serves reports whether something listens: the container of a port runs. The
// application answers until its pod is gone, as a server that drains does.
func (p *pod) serves(port int32) bool {
	if !p.gone.IsZero() || p.object.Status.Phase != corev1.PodRunning {
		return false
	}
	c := containerOf(p.object, port)
	for _, s := range p.object.Status.ContainerStatuses {
		if c != nil && s.Name == c.Name {
			return s.State.Running != nil
		}
	}
	return true
}

// answersAlike reports whether a pod that changed still does with requests what it did.
func answersAlike(before, now *corev1.Pod) bool {
	return before.Status.Phase == now.Status.Phase && maps.Equal(before.Labels, now.Labels) &&
		equal.Objects(&before.Spec.Containers, &now.Spec.Containers) &&
		slices.EqualFunc(before.Status.ContainerStatuses, now.Status.ContainerStatuses, func(a, b corev1.ContainerStatus) bool {
			return a.Name == b.Name && (a.State.Running == nil) == (b.State.Running == nil)
		})
}

// containerOf returns the container that declares a port, or else the first.
func containerOf(p *corev1.Pod, port int32) *corev1.Container {
	for i := range p.Spec.Containers {
		declares := func(x corev1.ContainerPort) bool { return x.ContainerPort == port }
		if slices.ContainsFunc(p.Spec.Containers[i].Ports, declares) {
			return &p.Spec.Containers[i]
		}
	}
	if len(p.Spec.Containers) == 0 {
		return nil
	}
	return &p.Spec.Containers[0]
}

// image returns the image that answers on a port.
func (p *pod) image(port int32) string {
	if c := containerOf(p.object, port); c != nil {
		return c.Image
	}
	return ""
}

// scrapeLabels are those that a Prometheus puts on all series of a pod.
func scrapeLabels(key types.NamespacedName, ip string, labels map[string]string) prom.Labels {
	return prom.NewLabels(promLabels(istiometric.Scraped(key, ip, labels))...)
}

func promLabels(list []istiometric.Label) []prom.Label {
	out := make([]prom.Label, len(list))
	for i, l := range list {
		out[i] = prom.Label(l)
	}
	return out
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

package mesh

import (
	"cmp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/sim/prom"
)

// pod is a pod as the mesh knows it. It outlives the object in the API, because
// proxies hear of its end later.
type pod struct {
	object   *corev1.Pod
	gone     time.Time // zero while it exists
	identity identity
	report   *reporter // nil until it has something to report
}

// identity is how telemetry names the two ends of a request.
type identity struct {
	namespace, workload, app, version, service, revision, principal string
}

// identityOf names a pod as Istio does.
func identityOf(p *corev1.Pod) identity {
	workload := workloadOf(p)
	account := cmp.Or(p.Spec.ServiceAccountName, "default")
	return identity{
		namespace: p.Namespace, workload: workload,
		app:     p.Labels["app"],
		version: p.Labels["version"],
		service: cmp.Or(p.Labels["service.istio.io/canonical-name"], p.Labels["app.kubernetes.io/name"], p.Labels["app"], workload),
		revision: cmp.Or(p.Labels["service.istio.io/canonical-revision"], p.Labels["app.kubernetes.io/version"],
			p.Labels["version"], "latest"),
		principal: "spiffe://cluster.local/ns/" + p.Namespace + "/sa/" + account,
	}
}

// workloadOf is the name of what made a pod: that of its controller, without the
// hash if that is a ReplicaSet of a Deployment or of a Rollout.
//
//	ReplicaSet mock-server-6579c6cc98               mock-server
//	ReplicaSet mock-server-789cf554d9-2-0-stable    itself: it belongs to an Experiment
func workloadOf(p *corev1.Pod) string {
	owner := metav1.GetControllerOf(p)
	if owner == nil {
		return p.Name
	}
	for _, label := range []string{"pod-template-hash", v1alpha1.DefaultRolloutUniqueLabelKey} {
		if hash := p.Labels[label]; owner.Kind == "ReplicaSet" && hash != "" {
			if name, ok := strings.CutSuffix(owner.Name, "-"+hash); ok {
				return name
			}
		}
	}
	return owner.Name
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

// scrapeLabels are those that a Prometheus puts on all series of a pod: where it
// found it, and the labels of the pod.
func scrapeLabels(key types.NamespacedName, ip string, labels map[string]string) []prom.Label {
	found := []prom.Label{
		{Name: "job", Value: "kubernetes-pods"}, {Name: "instance", Value: cmp.Or(ip, "10.0.0.1") + ":15020"},
		{Name: "namespace", Value: key.Namespace}, {Name: "pod", Value: key.Name},
	}
	for _, name := range sortedKeys(labels) {
		found = append(found, prom.Label{Name: labelName(name), Value: labels[name]})
	}
	return found
}

// labelName replaces what a label of Prometheus cannot contain.
func labelName(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, name)
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

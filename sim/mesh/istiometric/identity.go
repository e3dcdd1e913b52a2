package istiometric

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// Identity is how telemetry names one end of a request. The zero value is
// somebody of whom nothing is known.
type Identity struct {
	Namespace, Workload, App, Version, Service, Revision, Principal string
}

// Of names a pod as Istio does.
func Of(p *corev1.Pod) Identity {
	workload := workloadOf(p)
	account := cmp.Or(p.Spec.ServiceAccountName, "default")
	return Identity{
		Namespace: p.Namespace, Workload: workload,
		App:     p.Labels["app"],
		Version: p.Labels["version"],
		Service: cmp.Or(p.Labels["service.istio.io/canonical-name"], p.Labels["app.kubernetes.io/name"], p.Labels["app"], workload),
		Revision: cmp.Or(p.Labels["service.istio.io/canonical-revision"], p.Labels["app.kubernetes.io/version"],
			p.Labels["version"], "latest"),
		Principal: "spiffe://cluster.local/ns/" + p.Namespace + "/sa/" + account,
	}
}

// Named names a client that is no pod like a pod of its name.
func Named(key types.NamespacedName) Identity {
	return Identity{
		Namespace: key.Namespace, Workload: key.Name, App: key.Name, Service: key.Name, Revision: "latest",
		Principal: "spiffe://cluster.local/ns/" + key.Namespace + "/sa/" + key.Name,
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

// endNames are the names of the labels of one end of a request.
type endNames struct{ workload, namespace, app, version, service, revision, principal string }

func namesOf(prefix string) *endNames {
	return &endNames{
		workload: prefix + "_workload", namespace: prefix + "_workload_namespace", app: prefix + "_app", version: prefix + "_version",
		service: prefix + "_canonical_service", revision: prefix + "_canonical_revision", principal: prefix + "_principal",
	}
}

var sourceNames, destinationNames = namesOf("source"), namesOf("destination")

// labels names one end of a request; what is not known is "unknown".
func (id *Identity) labels(names *endNames) [7]Label {
	labels := [7]Label{
		{names.workload, id.Workload}, {names.namespace, id.Namespace},
		{names.app, id.App}, {names.version, id.Version},
		{names.service, id.Service}, {names.revision, id.Revision},
		{names.principal, id.Principal},
	}
	for i := range labels {
		labels[i].Value = cmp.Or(labels[i].Value, "unknown")
	}
	return labels
}

// Scraped are the labels that a Prometheus puts on all series of a pod: where it
// found it, and the labels of the pod.
func Scraped(key types.NamespacedName, ip string, labels map[string]string) []Label {
	found := []Label{
		{"job", "kubernetes-pods"}, {"instance", cmp.Or(ip, "10.0.0.1") + ":15020"},
		{"namespace", key.Namespace}, {"pod", key.Name},
	}
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		found = append(found, Label{labelName(name), labels[name]})
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

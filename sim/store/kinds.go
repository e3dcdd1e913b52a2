package store

import (
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// facts are what the store has to know of a kind beyond its fields.
type facts struct {
	clusterScoped bool
	status        statusMode
	generation    bool // metadata.generation counts changes of the spec
	custom        bool // defined by a CRD: updates need a resourceVersion, no strategic patch
	grace         GraceFunc
}

// statusMode says how the status of a kind is written.
type statusMode uint8

const (
	// statusField: status is a field like any other, there is no subresource.
	statusField statusMode = iota
	// statusSubresource: the main resource ignores status, and the
	// subresource everything else.
	statusSubresource
	// statusEither: a foreign custom resource whose definition the store has
	// never seen; both ways of writing are let through.
	statusEither
)

func kinds(group string, names ...string) []schema.GroupKind {
	var out []schema.GroupKind
	for _, n := range names {
		out = append(out, schema.GroupKind{Group: group, Kind: n})
	}
	return out
}

func kindSet(lists ...[]schema.GroupKind) map[schema.GroupKind]bool {
	set := map[schema.GroupKind]bool{}
	for _, list := range lists {
		for _, gk := range list {
			set[gk] = true
		}
	}
	return set
}

// argoGroup is the group of the kinds under test.
const argoGroup = "argoproj.io"

var (
	clusterScoped = kindSet(
		kinds("", "Namespace", "Node", "PersistentVolume", "ComponentStatus"),
		kinds("rbac.authorization.k8s.io", "ClusterRole", "ClusterRoleBinding"),
		kinds("apiextensions.k8s.io", "CustomResourceDefinition"),
		kinds("apiregistration.k8s.io", "APIService"),
		kinds("storage.k8s.io", "StorageClass", "CSIDriver", "CSINode", "VolumeAttachment"),
		kinds("networking.k8s.io", "IngressClass", "IPAddress", "ServiceCIDR"),
		kinds("scheduling.k8s.io", "PriorityClass"),
		kinds("node.k8s.io", "RuntimeClass"),
		kinds("gateway.networking.k8s.io", "GatewayClass"),
		kinds("admissionregistration.k8s.io", "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration",
			"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"),
		kinds("certificates.k8s.io", "CertificateSigningRequest"),
		kinds(argoGroup, "ClusterAnalysisTemplate"),
	)
	withStatus = kindSet(
		kinds("", "Pod", "Service", "Node", "Namespace", "ReplicationController", "PersistentVolume",
			"PersistentVolumeClaim", "ResourceQuota"),
		kinds("apps", "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet"),
		kinds("batch", "Job", "CronJob"),
		kinds("autoscaling", "HorizontalPodAutoscaler"),
		kinds("networking.k8s.io", "Ingress"),
		kinds("policy", "PodDisruptionBudget"),
		kinds(argoGroup, "Rollout"),
	)
	withGeneration = kindSet(
		kinds("", "Pod", "ReplicationController"),
		kinds("apps", "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet"),
		kinds("batch", "Job", "CronJob"),
		kinds("networking.k8s.io", "Ingress", "NetworkPolicy", "IngressClass"),
		kinds("policy", "PodDisruptionBudget"),
		kinds("discovery.k8s.io", "EndpointSlice"),
		kinds("admissionregistration.k8s.io", "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"),
	)
)

// isCustom reports whether a group belongs to custom resources. Built-in
// groups have no dot, or end in .k8s.io; gateway.networking.k8s.io is the one
// group with that ending which is defined by CRDs.
func isCustom(group string) bool {
	if group == "gateway.networking.k8s.io" {
		return true
	}
	return strings.Contains(group, ".") && !strings.HasSuffix(group, ".k8s.io")
}

// factsOf gathers what is known of a kind.
func (s *Store) factsOf(gk schema.GroupKind) facts {
	f := facts{
		clusterScoped: clusterScoped[gk],
		custom:        isCustom(gk.Group),
		grace:         s.opts.GracefulKinds[gk],
	}
	if r, ok := s.resources[gk]; ok {
		f.clusterScoped = !r.Namespaced
	}
	f.generation = f.custom || withGeneration[gk]
	switch on, set := s.opts.StatusSubresource[gk]; {
	case set && on, !set && withStatus[gk]:
		f.status = statusSubresource
	case !set && f.custom && gk.Group != argoGroup:
		f.status = statusEither
	}
	return f
}

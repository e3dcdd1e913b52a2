package kubectl

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// resource is a kind that can be named on the command line.
type resource struct {
	gvk           schema.GroupVersionKind
	plural        string
	short         string
	clusterScoped bool
}

// prefix returns "rollout.argoproj.io" or "service", which kubectl puts before
// names.
func (r resource) prefix() string {
	kind := strings.ToLower(r.gvk.Kind)
	if r.gvk.Group == "" {
		return kind
	}
	return kind + "." + r.gvk.Group
}

// custom reports whether a CustomResourceDefinition defines the resource.
func (r resource) custom() bool {
	return r.gvk.Group == v1alpha1.GroupVersion.Group || strings.HasSuffix(r.gvk.Group, ".istio.io")
}

// called reports whether the word names the resource: plural, singular or
// short, with or without the group.
func (r resource) called(word string) bool {
	word = strings.ToLower(word)
	if word == r.short && word != "" {
		return true
	}
	for _, name := range []string{r.plural, strings.ToLower(r.gvk.Kind)} {
		if word == name || word == name+"."+r.gvk.Group || word == name+"."+r.gvk.Version+"."+r.gvk.Group {
			return true
		}
	}
	return false
}

// resources are the kinds that the command line knows, without asking the
// cluster.
var resources = []resource{
	kind("argoproj.io/v1alpha1", "Rollout", "rollouts", "ro"),
	kind("argoproj.io/v1alpha1", "AnalysisTemplate", "analysistemplates", "at"),
	clusterKind("argoproj.io/v1alpha1", "ClusterAnalysisTemplate", "clusteranalysistemplates", "cat"),
	kind("argoproj.io/v1alpha1", "AnalysisRun", "analysisruns", "ar"),
	kind("argoproj.io/v1alpha1", "Experiment", "experiments", "exp"),
	kind("v1", "Pod", "pods", "po"),
	kind("v1", "Service", "services", "svc"),
	kind("v1", "Endpoints", "endpoints", "ep"),
	kind("v1", "Event", "events", "ev"),
	kind("v1", "ConfigMap", "configmaps", "cm"),
	kind("v1", "Secret", "secrets", ""),
	kind("v1", "PodTemplate", "podtemplates", ""),
	kind("v1", "ServiceAccount", "serviceaccounts", "sa"),
	clusterKind("v1", "Namespace", "namespaces", "ns"),
	clusterKind("v1", "Node", "nodes", "no"),
	kind("apps/v1", "ReplicaSet", "replicasets", "rs"),
	kind("apps/v1", "Deployment", "deployments", "deploy"),
	kind("batch/v1", "Job", "jobs", ""),
	kind("discovery.k8s.io/v1", "EndpointSlice", "endpointslices", ""),
	kind("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", "hpa"),
	kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets", "pdb"),
	kind("networking.k8s.io/v1", "Ingress", "ingresses", "ing"),
	kind("networking.istio.io/v1", "VirtualService", "virtualservices", "vs"),
	kind("networking.istio.io/v1", "DestinationRule", "destinationrules", "dr"),
}

func kind(apiVersion, kind, plural, short string) resource {
	return resource{gvk: schema.FromAPIVersionAndKind(apiVersion, kind), plural: plural, short: short}
}

func clusterKind(apiVersion, kindName, plural, short string) resource {
	r := kind(apiVersion, kindName, plural, short)
	r.clusterScoped = true
	return r
}

// resourceNamed finds a kind by the word on the command line.
func resourceNamed(word string) (resource, error) {
	for _, r := range resources {
		if r.called(word) {
			return r, nil
		}
	}
	return resource{}, fmt.Errorf("error: the server doesn't have a resource type %q", word)
}

// ref names an object, or all objects of a kind if name is empty.
type ref struct {
	resource resource
	name     string
}

// parseRefs reads "KIND", "KIND,KIND", "KIND NAME..." or "KIND/NAME...".
func parseRefs(args []string) ([]ref, error) {
	if len(args) == 0 {
		return nil, fmt.Errorf("error: you must specify the type of resource, as in rollout, rs, pods or service/NAME")
	}
	if strings.Contains(args[0], "/") {
		return parseSlashRefs(args)
	}
	var refs []ref
	for word := range strings.SplitSeq(args[0], ",") {
		r, err := resourceNamed(word)
		if err != nil {
			return nil, err
		}
		if len(args) == 1 {
			refs = append(refs, ref{resource: r})
		}
		for _, name := range args[1:] {
			refs = append(refs, ref{r, name})
		}
	}
	return refs, nil
}

func parseSlashRefs(args []string) ([]ref, error) {
	var refs []ref
	for _, arg := range args {
		word, name, ok := strings.Cut(arg, "/")
		if !ok || name == "" {
			return nil, fmt.Errorf("error: there is no need to specify a resource type as a separate argument when passing arguments in resource/name form (e.g. 'kubectl get resource/<resource_name>' instead of 'kubectl get resource resource/<resource_name>')")
		}
		r, err := resourceNamed(word)
		if err != nil {
			return nil, err
		}
		refs = append(refs, ref{r, name})
	}
	return refs, nil
}

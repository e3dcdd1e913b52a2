package rehearse

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/manifest"
)

// What the controller says of a Rollout that it refuses.
var (
	// missing is what is not there: its kind, in words or as a resource, and name.
	missing = regexp.MustCompile(`(\w+?)s?(?:\.networking\.istio\.io)? ["']([^"']+)["'] not found`)
	// value is what stands in the field, mostly the name of another object.
	value = regexp.MustCompile(`Invalid value: "([^"]*)"`)
	// endlessMetric is the template and the metric that never ends.
	endlessMetric = regexp.MustCompile(`AnalysisTemplate (\S+) has metric (\S+) which runs indefinitely`)
	// wrongMetric is the place of a metric in the template that the field names.
	wrongMetric = regexp.MustCompile(`Invalid value: "([^"]*)": metrics\[(\d+)\]`)
)

// remedy says what to do about a message of the controller that a Rollout is
// invalid, in the light of the files.
func (e *evidence) remedy(message string) string {
	if m := endlessMetric.FindStringSubmatch(message); m != nil {
		return fmt.Sprintf("give metric %q a count at %s", m[2], e.placeOfMetric(m[1], func(_ int, metric v1alpha1.Metric) bool { return metric.Name == m[2] }))
	}
	if m := wrongMetric.FindStringSubmatch(message); m != nil {
		return "correct that metric at " + e.placeOfMetric(m[1], func(i int, _ v1alpha1.Metric) bool { return strconv.Itoa(i) == m[2] })
	}
	if strings.Contains(message, "missing analysis arguments") {
		return "give that argument a value under args there, or a default in the template"
	}
	if strings.Contains(message, ": the template declares ") {
		return "declare that argument in the template, or correct its name there"
	}
	m := missing.FindStringSubmatch(message)
	if m == nil {
		return "correct that field"
	}
	named := ""
	if v := value.FindStringSubmatch(message); v != nil {
		named = v[1]
	}
	switch kind, name := strings.ToLower(m[1]), m[2]; kind {
	case "route":
		return e.choose("route", named, "VirtualService", "http", "tls", "tcp")
	case "subset":
		return e.choose("subset", named, "DestinationRule", "subsets")
	default:
		return e.addOrMove(kind, name)
	}
}

// placeOfMetric is the file and line of a metric in a template of that name.
func (e *evidence) placeOfMetric(template string, is func(int, v1alpha1.Metric) bool) string {
	for _, o := range e.options.Objects {
		spec := templateSpec(o)
		if spec == nil || o.GetName() != template {
			continue
		}
		if i := indexOf(spec.Metrics, is); i >= 0 {
			path := fmt.Sprintf("spec.metrics[%d]", i)
			return fmt.Sprintf("%s:%d (%s of %s)", o.File, o.LineOf(path), path, o)
		}
	}
	return "the template " + template
}

func indexOf(metrics []v1alpha1.Metric, is func(int, v1alpha1.Metric) bool) int {
	for i, m := range metrics {
		if is(i, m) {
			return i
		}
	}
	return -1
}

// templateSpec is that of a template; nil if the object is something else.
func templateSpec(o manifest.Object) *v1alpha1.AnalysisTemplateSpec {
	switch t := o.Object.(type) {
	case *v1alpha1.AnalysisTemplate:
		return &t.Spec
	case *v1alpha1.ClusterAnalysisTemplate:
		return &t.Spec
	}
	return nil
}

// choose lists the named parts of an object of Istio: "name one of its routes:
// primary, canary".
func (e *evidence) choose(part, object, kind string, fields ...string) string {
	var names []string
	for _, o := range e.options.Objects {
		u, ok := o.Object.(*unstructured.Unstructured)
		if !ok || u.GetKind() != kind || u.GetName() != object {
			continue
		}
		for _, f := range fields {
			list, _, _ := unstructured.NestedSlice(u.Object, "spec", f)
			for _, item := range list {
				if m, ok := item.(map[string]any); ok {
					if name, _ := m["name"].(string); name != "" && !slices.Contains(names, name) {
						names = append(names, name)
					}
				}
			}
		}
	}
	if len(names) == 0 {
		return fmt.Sprintf("give the %s of %s %q that name", part, kind, object)
	}
	return fmt.Sprintf("write one of the %ss of %s %q (%s), or give one that name", part, kind, object, strings.Join(names, ", "))
}

// addOrMove says how an object that is not there comes to be there.
func (e *evidence) addOrMove(kind, name string) string {
	own := e.rollout.Namespace
	written := kind
	var others []string
	for _, o := range e.options.Objects {
		k := o.GetObjectKind().GroupVersionKind().Kind
		if strings.ToLower(k) != kind {
			continue
		}
		written = k
		switch ns := o.GetNamespace(); {
		case o.GetName() == name && ns != "" && ns != own:
			return fmt.Sprintf("%s has that %s in namespace %q, the Rollout is in %q: give both the same", o.Place(), k, ns, own)
		case o.GetName() == name && own != e.options.Namespace:
			return fmt.Sprintf("%s has that %s without a namespace, which means %q: give it the namespace %q, or write -n %s", o.Place(), k, e.options.Namespace, own, own)
		case ns == "" || ns == own:
			others = append(others, o.GetName())
		}
	}
	if known := properKinds[kind]; known != "" {
		written = known
	}
	add := "add the manifest of the " + written + " with -f"
	if len(others) > 0 {
		return fmt.Sprintf("%s, or correct the name: the files have %s", add, strings.Join(others, ", "))
	}
	return add
}

// properKinds are kinds as manifests write them.
var properKinds = map[string]string{
	"virtualservice": "VirtualService", "destinationrule": "DestinationRule", "service": "Service", "ingress": "Ingress",
	"analysistemplate": "AnalysisTemplate", "clusteranalysistemplate": "ClusterAnalysisTemplate",
	"deployment": "Deployment", "replicaset": "ReplicaSet", "podtemplate": "PodTemplate",
}

package lint

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/manifest"
)

// Finding is one thing that is wrong, or may be.
type Finding struct {
	Object manifest.Object
	// Field is the path of what is wrong, as the controller names it.
	Field string
	// Text is what is wrong with it.
	Text string
	// Warning is true if it may be right in the cluster.
	Warning bool
}

// String is `web.yaml:12: Rollout "web": spec.replicas: Invalid value: ...`.
func (f Finding) String() string {
	return fmt.Sprintf("%s:%d: %s: %s: %s", f.Object.File, LineOf(f.Object, f.Field), f.Object, f.Field, f.Text)
}

// LineOf is the line of a field that internal/validate complains about. The paths
// there leave canary out, see the package.
func LineOf(o manifest.Object, path string) int {
	line := o.LineOf(path)
	if rest, found := strings.CutPrefix(path, "spec.strategy."); found {
		line = max(line, o.LineOf("spec.strategy.canary."+rest))
	}
	return line
}

// Check looks at every object in the light of the others, in their order.
func Check(objects []manifest.Object) []Finding {
	var all []Finding
	for _, o := range objects {
		r := &report{all: objects, object: o}
		switch typed := o.Object.(type) {
		case *v1alpha1.Rollout:
			r.rollout(typed)
		case *v1alpha1.AnalysisTemplate:
			r.template(v1alpha1.AnalysisTemplateRef{TemplateName: typed.Name}, &typed.Spec)
		case *v1alpha1.ClusterAnalysisTemplate:
			r.template(v1alpha1.AnalysisTemplateRef{TemplateName: typed.Name, ClusterScope: true}, &typed.Spec)
		case *v1alpha1.AnalysisRun:
			r.run(typed)
		case *v1alpha1.Experiment:
			r.experiment(typed)
		}
		all = append(all, r.findings...)
	}
	return all
}

// report is what is found about one object.
type report struct {
	all      []manifest.Object
	object   manifest.Object
	findings []Finding
}

// add adds errors, apart from those about fields that were left aside because
// what they name is not in the files.
func (r *report) add(errs field.ErrorList, aside map[string]bool) {
	for _, err := range errs {
		if !aside[err.Field] {
			r.error(err.Field, "%s", err.ErrorBody())
		}
	}
}

func (r *report) error(path, format string, args ...any) {
	r.findings = append(r.findings, Finding{r.object, path, fmt.Sprintf(format, args...), false})
}

// warn adds what may be meant, and most likely is not.
func (r *report) warn(path, format string, args ...any) {
	r.findings = append(r.findings, Finding{r.object, path, fmt.Sprintf(format, args...), true})
}

// missing warns of a name that the files do not have, if they have others of
// its kind beside the one in question.
func (r *report) missing(path, kind, name string) {
	var others []string
	for _, o := range r.all {
		if kindOf(o) == kind && o.Object != r.object.Object && r.near(o) {
			others = append(others, o.GetName())
		}
	}
	if len(others) == 0 {
		return
	}
	slices.Sort(others)
	others = slices.Compact(others)
	if more := len(others) - few; more > 0 {
		others = append(others[:few], fmt.Sprintf("%d more", more))
	}
	r.warn(path, "there is no %s %q in these files, only %s", kind, name, strings.Join(others, ", "))
}

// few is how many names a warning lists.
const few = 8

// near says whether an object is where the one in question can use it. One that
// names no namespace is wherever it is applied.
func (r *report) near(o manifest.Object) bool {
	a, b := r.object.GetNamespace(), o.GetNamespace()
	return a == b || a == "" || b == ""
}

func kindOf(o manifest.Object) string { return o.GetObjectKind().GroupVersionKind().Kind }

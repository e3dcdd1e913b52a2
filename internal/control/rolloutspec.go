package control

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/podhash"
	"github.com/aviary-rollouts/aviary/internal/rollout"
	"github.com/aviary-rollouts/aviary/internal/traffic/istio"
	"github.com/aviary-rollouts/aviary/internal/validate"
)

// specFacts is what follows from one generation of the spec of a Rollout.
type specFacts struct {
	uid        types.UID
	generation int64
	problems   field.ErrorList
	services   []validate.ServiceRef // that the strategy names
	routes     []istio.Reference     // the same of Istio
	templates  []v1alpha1.AnalysisTemplateRef
	refers     workloadName // the workload; empty without one
	hashes     rollout.Hashes
	pods       labels.Selector // of spec.selector; nil without one, or if it is wrong
	outlook    *outlook        // for the reconciler alone, which looks at a Rollout once at a time
	workload   workloadHashes  // for it alone, too
}

// workloadName is what a Rollout takes its template from, in its own namespace.
type workloadName struct{ kind, name string }

// workloadHashes are the hashes of a Rollout whose pods are those of a workload.
type workloadHashes struct {
	of     version // the workload
	hashes rollout.Hashes
}

// rolloutSpecs remembers specs of Rollouts.
type rolloutSpecs = specs[*v1alpha1.Rollout, *specFacts]

// newRolloutSpecs derives the facts of each generation anew: they say which one they are
// of.
func newRolloutSpecs() *rolloutSpecs {
	return newSpecs(factsOf, collisionsOf, nil)
}

// collisionsOf is how often the hash of a template was taken: -1 if none was counted,
// which differs from 0.
func collisionsOf(ro *v1alpha1.Rollout) int32 { return ptr.Deref(ro.Status.CollisionCount, -1) }

func factsOf(ro *v1alpha1.Rollout) *specFacts {
	f := &specFacts{uid: ro.UID, generation: ro.Generation, problems: validate.Spec(ro), services: validate.Services(ro)}
	for _, a := range validate.Analyses(ro) {
		f.templates = append(f.templates, a.Spec.Templates...)
	}
	for _, a := range validate.ExperimentAnalyses(ro) {
		f.templates = append(f.templates, a.Templates()...)
	}
	f.routes = istio.References(ro)
	if ref := ro.Spec.WorkloadRef; ref != nil {
		f.refers = workloadName{ref.Kind, ref.Name}
	} else {
		f.hashes.Template = podhash.Of(ro.Spec.Template, ro.Status.CollisionCount)
	}
	if canary := ro.Spec.Strategy.Canary; canary != nil && len(canary.Steps) > 0 {
		f.hashes.Steps = podhash.OfSteps(canary.Steps)
	}
	if ro.Spec.Selector != nil {
		f.hashes.Selector = metav1.FormatLabelSelector(ro.Spec.Selector)
		if selector, err := metav1.LabelSelectorAsSelector(ro.Spec.Selector); err == nil {
			f.pods = selector
		}
	}
	return f
}

// ofWorkload returns the hashes of a Rollout that takes its template from a workload, and
// its selector if it has none, which o has by now.
func (f *specFacts) ofWorkload(workload version, o *rollout.Observed) rollout.Hashes {
	if f.workload.of == workload {
		return f.workload.hashes
	}
	hashes := f.hashes
	hashes.Template = podhash.Of(*o.Template, o.Rollout.Status.CollisionCount)
	if hashes.Selector == "" && o.Selector != nil {
		hashes.Selector = metav1.FormatLabelSelector(o.Selector)
	}
	f.workload = workloadHashes{of: workload, hashes: hashes}
	return hashes
}

// selector finds the pods of a Rollout: by the spec if it has a selector, or else
// by that of its workload. It is nil if there is none, or if it is wrong, which
// validation reports.
func (f *specFacts) selector(effective *metav1.LabelSelector) labels.Selector {
	if f.pods != nil || effective == nil {
		return f.pods
	}
	selector, err := metav1.LabelSelectorAsSelector(effective)
	if err != nil {
		return nil
	}
	return selector
}

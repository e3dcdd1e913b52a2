package experiment

import (
	"fmt"
	"maps"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/analysis"
	"github.com/aviary-rollouts/aviary/internal/podtemplate"
)

// Step is a canary step that wants an Experiment.
type Step struct {
	Rollout *v1alpha1.Rollout
	// Index of the step, counted from 0.
	Index int32
	// Revision is the number of the new revision.
	Revision string
	// Stable and Canary are the ReplicaSets of the two revisions, as stored:
	// their templates, with the API server's defaults, are what is run.
	Stable, Canary *appsv1.ReplicaSet
	// Templates are those of the analyses, as far as they exist.
	Templates analysis.Library
}

// Name is the name of the next Experiment of a step: the first of
//
//	<rollout>-<hash>-<revision>-<index>, the same with -1, -2, ...
//
// that no Experiment of the namespace has. A caller writes the name into
// status.canary.currentExperiment before it creates the Experiment, and creates
// it as long as there is none of that name: a crash between the two then cannot
// lead to a second one.
func (s Step) Name(existing []*v1alpha1.Experiment) string {
	taken := map[string]bool{}
	for _, e := range existing {
		taken[e.Name] = true
	}
	return freeName(fmt.Sprintf("%s-%s-%s-%d", s.Rollout.Name, hashOf(s.Canary), s.Revision, s.Index), "-", taken)
}

// ForStep makes the Experiment of a step, ready to be created.
func ForStep(s Step, name string) (*v1alpha1.Experiment, error) {
	step := s.Rollout.Spec.Strategy.Canary.Steps[s.Index].Experiment.DeepCopy()
	e := &v1alpha1.Experiment{ObjectMeta: s.meta(name)}
	e.Spec = v1alpha1.ExperimentSpec{
		Duration:                step.Duration,
		ProgressDeadlineSeconds: copyOf(s.Rollout.Spec.ProgressDeadlineSeconds),
		ScaleDownDelaySeconds:   step.ScaleDownDelaySeconds,
		DryRun:                  step.DryRun,
		AnalysisRunMetadata:     step.AnalysisRunMetadata,
	}
	for i := range step.Templates {
		t, err := s.Template(&step.Templates[i])
		if err != nil {
			return nil, fmt.Errorf("steps[%d].experiment.templates[%d]: %w", s.Index, i, err)
		}
		e.Spec.Templates = append(e.Spec.Templates, *t)
	}
	for i, a := range step.Analyses {
		args, err := s.arguments(&a)
		if err != nil {
			return nil, fmt.Errorf("steps[%d].experiment.analyses[%d]: %w", s.Index, i, err)
		}
		e.Spec.Analyses = append(e.Spec.Analyses, v1alpha1.ExperimentAnalysisTemplateRef{
			Name: a.Name, TemplateName: a.TemplateName, ClusterScope: a.ClusterScope, Args: args, RequiredForCompletion: a.RequiredForCompletion,
		})
	}
	return e, nil
}

func (s Step) meta(name string) metav1.ObjectMeta {
	ro := s.Rollout
	meta := metav1.ObjectMeta{
		Name:            name,
		Namespace:       ro.Namespace,
		Labels:          map[string]string{v1alpha1.DefaultRolloutUniqueLabelKey: hashOf(s.Canary)},
		Annotations:     map[string]string{v1alpha1.RevisionAnnotation: s.Revision},
		OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(ro, v1alpha1.SchemeGroupVersion.WithKind(v1alpha1.KindRollout))},
	}
	if id := ro.Labels[v1alpha1.LabelKeyControllerInstanceID]; id != "" {
		meta.Labels[v1alpha1.LabelKeyControllerInstanceID] = id
	}
	return meta
}

// Template is one version of the Experiment: the pods of a revision, with the
// labels and annotations that the step adds. A version with a weight needs a
// Service for its requests.
func (s Step) Template(from *v1alpha1.RolloutExperimentTemplate) (*v1alpha1.TemplateSpec, error) {
	rs := map[v1alpha1.ReplicaSetSpecRef]*appsv1.ReplicaSet{v1alpha1.StableSpecRef: s.Stable, v1alpha1.CanarySpecRef: s.Canary}[from.SpecRef]
	if rs == nil {
		return nil, fmt.Errorf("there is no ReplicaSet for specRef %q", from.SpecRef)
	}
	t := &v1alpha1.TemplateSpec{
		Name:            from.Name,
		Replicas:        ptr.To(ptr.Deref(from.Replicas, 1)),
		MinReadySeconds: s.Rollout.Spec.MinReadySeconds,
		Selector:        from.Selector,
		Template:        podtemplate.Plain(rs),
		Service:         from.Service,
	}
	if t.Selector == nil {
		t.Selector = rs.Spec.Selector.DeepCopy()
		delete(t.Selector.MatchLabels, v1alpha1.DefaultRolloutUniqueLabelKey)
		t.Selector.MatchLabels = merged(t.Selector.MatchLabels, from.Metadata.Labels)
	}
	t.Template.Labels = merged(t.Template.Labels, from.Metadata.Labels)
	t.Template.Annotations = merged(t.Template.Annotations, from.Metadata.Annotations)
	if from.Weight != nil && t.Service == nil {
		t.Service = &v1alpha1.TemplateService{}
	}
	return t, nil
}

// arguments gives the arguments that come from the Rollout their values, those whose
// default in the template does too. What they ask about the Experiment stays: it is not
// known yet.
func (s Step) arguments(a *v1alpha1.RolloutExperimentStepAnalysisTemplateRef) ([]v1alpha1.Argument, error) {
	order := analysis.Order{Rollout: s.Rollout, Hash: hashOf(s.Canary)}
	if s.Stable != nil {
		order.StableHash = hashOf(s.Stable)
	}
	args, err := order.Supply(a.Args)
	if err != nil {
		return nil, err
	}
	flat, err := analysis.Flatten(s.Templates, []v1alpha1.AnalysisTemplateRef{{TemplateName: a.TemplateName, ClusterScope: a.ClusterScope}})
	if err != nil {
		return args, nil // the Experiment, which reads them again, says what is wrong with them
	}
	return order.Complete(args, flat.Args)
}

// merged is a copy of base with the keys of over; nil if both are empty.
func merged(base, over map[string]string) map[string]string {
	if len(base)+len(over) == 0 {
		return nil
	}
	m := make(map[string]string, len(base)+len(over))
	maps.Copy(m, base)
	maps.Copy(m, over)
	return m
}

func copyOf[T any](p *T) *T {
	if p == nil {
		return nil
	}
	return ptr.To(*p)
}

package analysis

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// Role says what an AnalysisRun of a Rollout is for: the value of its label.
type Role string

// Roles of AnalysisRuns.
const (
	Step          Role = v1alpha1.RolloutTypeStepLabel
	Background    Role = v1alpha1.RolloutTypeBackgroundRunLabel
	PrePromotion  Role = v1alpha1.RolloutTypePrePromotionLabel
	PostPromotion Role = v1alpha1.RolloutTypePostPromotionLabel
)

// Order is an AnalysisRun that a Rollout wants.
type Order struct {
	Rollout *v1alpha1.Rollout
	Role    Role
	// Step is the index of the canary step, counted from 0, for the role Step.
	Step int32
	// Hash is that of the new revision, StableHash that of the stable one.
	Hash, StableHash string
	// Revision is the number of the new revision.
	Revision string
	// Analysis says which templates, with which arguments.
	Analysis v1alpha1.RolloutAnalysis
	// InstanceID is the label of the controller's share; empty without one.
	InstanceID string
}

// NewRun makes the AnalysisRun that a Rollout wants, ready to be created. existing
// are the runs of the Rollout. If one of them is already what is wanted and has
// not ended, it is returned as adopted and there is nothing to create: the run was
// made before, and whoever made it did not live to remember. Otherwise the name
// has not been used before: a run that ended keeps its own, and the next gets .1,
// .2 and so on.
func NewRun(o Order, l Library, existing []*v1alpha1.AnalysisRun) (run *v1alpha1.AnalysisRun, adopted bool, err error) {
	flat, err := Flatten(l, o.Analysis.Templates)
	if err != nil {
		return nil, false, err
	}
	args, err := o.arguments(flat.Args)
	if err != nil {
		return nil, false, err
	}
	spec, err := NewSpec(WithRules(flat, o.Analysis.DryRun, o.Analysis.MeasurementRetention), args)
	if err != nil {
		return nil, false, err
	}
	run, adopted = Place(&v1alpha1.AnalysisRun{ObjectMeta: o.meta(), Spec: spec}, existing)
	return run, adopted, nil
}

// NewSpec makes the spec of a run from a flattened template and the arguments that
// its user supplies. Arguments that the template does not declare are left out;
// one that it declares without a default must be supplied.
func NewSpec(flat v1alpha1.AnalysisTemplateSpec, supplied []v1alpha1.Argument) (v1alpha1.AnalysisRunSpec, error) {
	spec := v1alpha1.AnalysisRunSpec{Metrics: flat.Metrics, DryRun: flat.DryRun, MeasurementRetention: flat.MeasurementRetention}
	for _, arg := range flat.Args {
		for _, s := range supplied {
			if s.Name == arg.Name && hasValue(s) {
				arg = s
			}
		}
		if arg.Value == nil && (arg.ValueFrom == nil || arg.ValueFrom.SecretKeyRef == nil) {
			return v1alpha1.AnalysisRunSpec{}, fmt.Errorf("args.%s was not resolved", arg.Name)
		}
		spec.Args = append(spec.Args, *arg.DeepCopy())
	}
	return spec, uniqueNames(flat)
}

// Unasked lists, at the place of each argument that is supplied and that no template
// declares, its name; the others are empty. [NewSpec] leaves those arguments out.
func Unasked(declared, supplied []v1alpha1.Argument) []string {
	names := make([]string, len(supplied))
	for i, s := range supplied {
		if !slices.ContainsFunc(declared, func(d v1alpha1.Argument) bool { return d.Name == s.Name }) {
			names[i] = s.Name
		}
	}
	return names
}

// Place gives a run a name that is free, beginning with the one that it has, or
// returns the existing run that is the same and has not ended.
func Place(run *v1alpha1.AnalysisRun, existing []*v1alpha1.AnalysisRun) (placed *v1alpha1.AnalysisRun, adopted bool) {
	byName := map[string]*v1alpha1.AnalysisRun{}
	for _, r := range existing {
		byName[r.Name] = r
	}
	base := run.Name
	for n := 1; ; n++ {
		taken := byName[run.Name]
		if taken == nil {
			return run, false
		}
		if sameRun(taken, run) {
			return taken, true
		}
		run.Name = base + "." + strconv.Itoa(n)
	}
}

// sameRun says whether an existing run can stand for a wanted one. The existing
// one may have more fields: the API server adds defaults.
func sameRun(existing, wanted *v1alpha1.AnalysisRun) bool {
	return !existing.Status.Phase.Completed() && existing.DeletionTimestamp == nil &&
		owner(existing) == owner(wanted) && existing.Spec.Terminate == wanted.Spec.Terminate &&
		equality.Semantic.DeepDerivative(wanted.Spec, existing.Spec)
}

func owner(run *v1alpha1.AnalysisRun) string {
	if c := metav1.GetControllerOf(run); c != nil {
		return string(c.UID)
	}
	return ""
}

// meta is name, labels, annotations and owner of the run. What the user adds
// does not replace what the controller needs.
func (o Order) meta() metav1.ObjectMeta {
	ro := o.Rollout
	meta := metav1.ObjectMeta{
		Name: o.name(), Namespace: ro.Namespace,
		Labels: map[string]string{}, Annotations: map[string]string{},
		OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(ro, v1alpha1.SchemeGroupVersion.WithKind(v1alpha1.KindRollout))},
	}
	maps.Copy(meta.Annotations, o.Analysis.AnalysisRunMetadata.Annotations)
	meta.Annotations[v1alpha1.RevisionAnnotation] = o.Revision
	if ro.Spec.Selector != nil {
		maps.Copy(meta.Labels, ro.Spec.Selector.MatchLabels)
	}
	maps.Copy(meta.Labels, o.Analysis.AnalysisRunMetadata.Labels)
	meta.Labels[v1alpha1.DefaultRolloutUniqueLabelKey] = o.Hash
	meta.Labels[v1alpha1.RolloutTypeLabel] = string(o.Role)
	if o.Role == Step {
		meta.Labels[v1alpha1.RolloutCanaryStepIndexLabel] = strconv.Itoa(int(o.Step))
	}
	if o.InstanceID != "" {
		meta.Labels[v1alpha1.LabelKeyControllerInstanceID] = o.InstanceID
	}
	return meta
}

// name is <rollout>-<hash>-<revision>, and what tells the role.
func (o Order) name() string {
	base := fmt.Sprintf("%s-%s-%s", o.Rollout.Name, o.Hash, o.Revision)
	switch o.Role {
	case Step:
		return fmt.Sprintf("%s-%d", base, o.Step)
	case PrePromotion:
		return base + "-pre"
	case PostPromotion:
		return base + "-post"
	}
	return base
}

// Names says whether a name is one that the run of the order may have: its own, or
// that with .1, .2 and so on behind it.
func (o Order) Names(name string) bool {
	rest, ok := strings.CutPrefix(name, o.name())
	return ok && (rest == "" || rest[0] == '.')
}

// arguments are what the Rollout supplies, and the defaults of the templates that
// are fields of the Rollout, as values.
func (o Order) arguments(declared []v1alpha1.Argument) ([]v1alpha1.Argument, error) {
	args, err := o.Supply(o.Analysis.Args)
	if err != nil {
		return nil, err
	}
	return o.Complete(args, declared)
}

// Complete adds to arguments that are supplied the defaults of the templates that are
// fields of the Rollout, as values.
func (o Order) Complete(supplied, declared []v1alpha1.Argument) ([]v1alpha1.Argument, error) {
	for _, arg := range OfRollouts(supplied, declared) {
		value, err := Field(o.Rollout, arg.ValueFrom.FieldRef.FieldPath)
		if err != nil {
			return nil, fmt.Errorf("argument %q: %w", arg.Name, err)
		}
		supplied = append(supplied, v1alpha1.Argument{Name: arg.Name, Value: &value})
	}
	return supplied, nil
}

// OfRollouts lists the arguments of templates that are not supplied and whose default is
// a field of a Rollout.
func OfRollouts(supplied, declared []v1alpha1.Argument) []v1alpha1.Argument {
	var list []v1alpha1.Argument
	for _, arg := range declared {
		has := slices.ContainsFunc(supplied, func(a v1alpha1.Argument) bool { return a.Name == arg.Name })
		if !has && arg.Value == nil && arg.ValueFrom != nil && arg.ValueFrom.FieldRef != nil {
			list = append(list, arg)
		}
	}
	return list
}

// Supply gives arguments of a Rollout the values that they stand for.
func (o Order) Supply(args []v1alpha1.AnalysisRunArgument) ([]v1alpha1.Argument, error) {
	var supplied []v1alpha1.Argument
	for _, arg := range args {
		value, err := o.value(arg)
		if err != nil {
			return nil, fmt.Errorf("argument %q: %w", arg.Name, err)
		}
		supplied = append(supplied, v1alpha1.Argument{Name: arg.Name, Value: &value})
	}
	return supplied, nil
}

func (o Order) value(arg v1alpha1.AnalysisRunArgument) (string, error) {
	from := arg.ValueFrom
	switch {
	case from == nil:
		return arg.Value, nil
	case from.PodTemplateHashValue != nil && *from.PodTemplateHashValue == v1alpha1.Stable:
		return o.StableHash, nil
	case from.PodTemplateHashValue != nil && *from.PodTemplateHashValue == v1alpha1.Latest:
		return o.Hash, nil
	case from.PodTemplateHashValue != nil:
		return "", fmt.Errorf("podTemplateHashValue is %q, not Stable or Latest", *from.PodTemplateHashValue)
	case from.FieldRef != nil:
		return Field(o.Rollout, from.FieldRef.FieldPath)
	}
	return arg.Value, nil
}

package analysis

import (
	"fmt"
	"slices"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// Library holds the templates that can be referred to: AnalysisTemplates of one
// namespace and ClusterAnalysisTemplates.
type Library map[v1alpha1.AnalysisTemplateRef]*v1alpha1.AnalysisTemplateSpec

// Missing lists the templates that are needed for refs and that the library does
// not have yet, each once. Templates refer to others: whoever fills a library
// asks until nothing is missing.
func (l Library) Missing(refs []v1alpha1.AnalysisTemplateRef) []v1alpha1.AnalysisTemplateRef {
	var missing []v1alpha1.AnalysisTemplateRef
	for _, ref := range l.reach(refs) {
		if l[ref] == nil {
			missing = append(missing, ref)
		}
	}
	return missing
}

// reach lists refs and what they refer to, each once, a template before those
// that it refers to.
func (l Library) reach(refs []v1alpha1.AnalysisTemplateRef) []v1alpha1.AnalysisTemplateRef {
	var reached []v1alpha1.AnalysisTemplateRef
	var visit func(refs []v1alpha1.AnalysisTemplateRef)
	visit = func(refs []v1alpha1.AnalysisTemplateRef) {
		for _, ref := range refs {
			if slices.Contains(reached, ref) {
				continue
			}
			reached = append(reached, ref)
			if t := l[ref]; t != nil {
				visit(t.Templates)
			}
		}
	}
	visit(refs)
	return reached
}

// Flatten joins templates, and those that they refer to, into one without
// references. Two metrics, or two rules, of one name are an error, and so are two
// arguments of one name with different defaults.
func Flatten(l Library, refs []v1alpha1.AnalysisTemplateRef) (v1alpha1.AnalysisTemplateSpec, error) {
	var flat v1alpha1.AnalysisTemplateSpec
	for _, ref := range l.reach(refs) {
		t := l[ref]
		if t == nil {
			return v1alpha1.AnalysisTemplateSpec{}, fmt.Errorf("%s '%s' not found", refKind(ref), ref.TemplateName)
		}
		t = t.DeepCopy()
		flat.Metrics = append(flat.Metrics, t.Metrics...)
		flat.DryRun = append(flat.DryRun, t.DryRun...)
		flat.MeasurementRetention = append(flat.MeasurementRetention, t.MeasurementRetention...)
		args, err := joinArgs(flat.Args, t.Args)
		if err != nil {
			return v1alpha1.AnalysisTemplateSpec{}, err
		}
		flat.Args = args
	}
	if err := uniqueNames(flat); err != nil {
		return v1alpha1.AnalysisTemplateSpec{}, err
	}
	return flat, nil
}

// WithRules is a flattened template with the rules of its user behind its own. A rule
// that is there already, word for word, says nothing new and is left out: who adds a rule
// to a Rollout need not know which ones its templates have.
func WithRules(flat v1alpha1.AnalysisTemplateSpec, dryRun []v1alpha1.DryRun, retention []v1alpha1.MeasurementRetention) v1alpha1.AnalysisTemplateSpec {
	flat.DryRun = joinRules(flat.DryRun, dryRun)
	flat.MeasurementRetention = joinRules(flat.MeasurementRetention, retention)
	return flat
}

func joinRules[T comparable](rules, more []T) []T {
	joined := slices.Clone(rules)
	for _, rule := range more {
		if !slices.Contains(joined, rule) {
			joined = append(joined, rule)
		}
	}
	return joined
}

func refKind(ref v1alpha1.AnalysisTemplateRef) string {
	if ref.ClusterScope {
		return v1alpha1.KindClusterAnalysisTemplate
	}
	return v1alpha1.KindAnalysisTemplate
}

func uniqueNames(t v1alpha1.AnalysisTemplateSpec) error {
	if name, ok := repeated(t.Metrics, func(m v1alpha1.Metric) string { return m.Name }); ok {
		return fmt.Errorf("two metrics have the same name '%s'", name)
	}
	if name, ok := repeated(t.DryRun, func(d v1alpha1.DryRun) string { return d.MetricName }); ok {
		return fmt.Errorf("two Dry-Run metric rules have the same name '%s'", name)
	}
	if name, ok := repeated(t.MeasurementRetention, func(r v1alpha1.MeasurementRetention) string { return r.MetricName }); ok {
		return fmt.Errorf("two Measurement Retention metric rules have the same name '%s'", name)
	}
	return nil
}

// repeated is the first name that occurs twice.
func repeated[T any](list []T, name func(T) string) (string, bool) {
	seen := map[string]bool{}
	for _, v := range list {
		if seen[name(v)] {
			return name(v), true
		}
		seen[name(v)] = true
	}
	return "", false
}

// joinArgs adds the arguments of a template to those of the templates before it.
// A default fills an argument that had none.
func joinArgs(args, more []v1alpha1.Argument) ([]v1alpha1.Argument, error) {
	for _, arg := range more {
		i := slices.IndexFunc(args, func(a v1alpha1.Argument) bool { return a.Name == arg.Name })
		switch {
		case i < 0:
			args = append(args, arg)
		case !hasValue(arg):
		case !hasValue(args[i]):
			args[i] = arg
		case argText(args[i]) != argText(arg):
			//lint:ignore ST1005 the words of the original
			//lint:ignore ST1005 the original's words
			return nil, fmt.Errorf("Argument `%s` specified multiple times with different values: '%s', '%s'", arg.Name, argText(args[i]), argText(arg))
		}
	}
	return args, nil
}

func hasValue(a v1alpha1.Argument) bool { return a.Value != nil || a.ValueFrom != nil }

// argText is the value of an argument, or where it comes from.
func argText(a v1alpha1.Argument) string {
	switch {
	case a.Value != nil:
		return *a.Value
	case a.ValueFrom != nil && a.ValueFrom.SecretKeyRef != nil:
		return fmt.Sprintf("key %s of Secret %s", a.ValueFrom.SecretKeyRef.Key, a.ValueFrom.SecretKeyRef.Name)
	case a.ValueFrom != nil && a.ValueFrom.FieldRef != nil:
		return "field " + a.ValueFrom.FieldRef.FieldPath
	}
	return ""
}

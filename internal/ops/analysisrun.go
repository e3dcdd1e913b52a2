package ops

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/analysis"
	"github.com/aviary-rollouts/aviary/internal/library"
)

// RunOrder is an AnalysisRun that a person asks for.
type RunOrder struct {
	// Namespace is where it runs and where AnalysisTemplates are looked for.
	Namespace string
	// Template is what it measures.
	Template v1alpha1.AnalysisTemplateRef
	// Library holds templates that need not be in the cluster; nil for none.
	Library analysis.Library
	// Args are what the template asks for.
	Args []v1alpha1.Argument
	// Name is the name of the run. If it is empty, the API server makes one up
	// that begins with GenerateName, or else with the name of the template.
	Name, GenerateName string
	// InstanceID is the controller that is to carry it out; empty for the one
	// without an id.
	InstanceID string
}

// ParseArgument reads NAME=VALUE. The value may be empty and may contain "=".
func ParseArgument(s string) (v1alpha1.Argument, error) {
	name, value, ok := strings.Cut(s, "=")
	if !ok || name == "" {
		return v1alpha1.Argument{}, fmt.Errorf("%q is not of the form NAME=VALUE, for example service-name=web", s)
	}
	return v1alpha1.Argument{Name: name, Value: &value}, nil
}

// NewAnalysisRun makes the run that is asked for, ready to be created: templates
// are joined with those that they refer to, arguments are checked, and a run
// that would only end in Error is refused.
func NewAnalysisRun(ctx context.Context, c client.Reader, o RunOrder) (*v1alpha1.AnalysisRun, error) {
	spec, err := o.spec(ctx, c)
	if err != nil {
		return nil, err
	}
	run := &v1alpha1.AnalysisRun{Spec: spec}
	run.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(v1alpha1.KindAnalysisRun))
	run.Namespace, run.Name = o.Namespace, o.Name
	if run.Name == "" {
		run.GenerateName = cmp.Or(o.GenerateName, o.Template.TemplateName+"-")
	}
	if o.InstanceID != "" {
		run.Labels = map[string]string{v1alpha1.LabelKeyControllerInstanceID: o.InstanceID}
	}
	if problem := analysis.Read(run).Problem(); problem != "" {
		return nil, fmt.Errorf("%s: %s", o.name(), problem)
	}
	return run, nil
}

// kind is that of the template.
func (o RunOrder) kind() Kind {
	if o.Template.ClusterScope {
		return clusterAnalysisTemplates
	}
	return analysisTemplates
}

func (o RunOrder) name() string { return fmt.Sprintf("%s %q", o.kind().kind, o.Template.TemplateName) }

func (o RunOrder) spec(ctx context.Context, c client.Reader) (spec v1alpha1.AnalysisRunSpec, err error) {
	l := analysis.Library{}
	maps.Copy(l, o.Library)
	refs := []v1alpha1.AnalysisTemplateRef{o.Template}
	if err := library.Complete(ctx, c, o.Namespace, l, refs); err != nil {
		return spec, fmt.Errorf("%s: %w", o.name(), err)
	}
	if l[o.Template] == nil {
		return spec, o.missing(ctx, c)
	}
	flat, err := analysis.Flatten(l, refs)
	if err == nil {
		err = fitting(o.Args, flat.Args)
	}
	if err != nil {
		return spec, fmt.Errorf("%s: %w", o.name(), err)
	}
	if spec, err = analysis.NewSpec(flat, o.Args); err != nil {
		return spec, fmt.Errorf("%s: %w; give it a value with -a NAME=VALUE", o.name(), err)
	}
	return spec, nil
}

// missing is an error like the API server's, with the names of the templates
// that there are.
func (o RunOrder) missing(ctx context.Context, c client.Reader) error {
	key := types.NamespacedName{Namespace: o.Namespace, Name: o.Template.TemplateName}
	if o.Template.ClusterScope {
		key.Namespace = ""
	}
	kind := o.kind()
	return kind.explain(ctx, c, key, "get", apierrors.NewNotFound(v1alpha1.Resource(kind.Name+"s"), key.Name))
}

// fitting refuses an argument that is given twice or that the template does not
// ask for: it would change nothing.
func fitting(given, asked []v1alpha1.Argument) error {
	var known []string
	for _, arg := range asked {
		known = append(known, arg.Name)
	}
	seen := map[string]bool{}
	for _, arg := range given {
		switch {
		case seen[arg.Name]:
			return fmt.Errorf("the argument %q is given twice", arg.Name)
		case !slices.Contains(known, arg.Name) && len(known) == 0:
			return fmt.Errorf("there is no argument %q: the template has none", arg.Name)
		case !slices.Contains(known, arg.Name):
			return fmt.Errorf("there is no argument %q: the template has %s", arg.Name, enumerate(known))
		}
		seen[arg.Name] = true
	}
	return nil
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/analysis"
	"github.com/aviary-rollouts/aviary/internal/lint"
	"github.com/aviary-rollouts/aviary/internal/ops"
)

const createAnalysisRunExample = `  # Create an AnalysisRun from a local AnalysisTemplate file
  kubectl argo rollouts create analysisrun --from-file my-analysis-template.yaml

  # Create an AnalysisRun from a AnalysisTemplate in the cluster
  kubectl argo rollouts create analysisrun --from my-analysis-template

  # Create an AnalysisRun from a local ClusterAnalysisTemplate file
  kubectl argo rollouts create analysisrun --global --from-file my-analysis-cluster-template.yaml

  # Create an AnalysisRun from a ClusterAnalysisTemplate in the cluster
  kubectl argo rollouts create analysisrun --global --from my-analysis-cluster-template`

// runCreation is one call of `create analysisrun`.
type runCreation struct {
	*plugin
	from, file string
	global     bool
	args       []string
	order      ops.RunOrder
}

func (p *plugin) createAnalysisRun() *cobra.Command {
	n := &runCreation{plugin: p}
	c := &cobra.Command{
		Use:     "analysisrun",
		Aliases: []string{"ar"},
		Short:   "Create an AnalysisRun from an AnalysisTemplate or a ClusterAnalysisTemplate",
		Long:    "This command creates a new AnalysisRun from an existing AnalysisTemplate resources or from an AnalysisTemplate file.",
		Example: createAnalysisRunExample,
		Args:    needs(0, 0, "flags"),
		RunE:    func(c *cobra.Command, _ []string) error { return n.run(c.Context()) },
	}
	f := c.Flags()
	f.StringArrayVarP(&n.args, "argument", "a", nil, "Arguments to the parameter template")
	f.StringVar(&n.from, "from", "", "Create an AnalysisRun from an AnalysisTemplate or ClusterAnalysisTemplate in the cluster")
	f.StringVar(&n.file, "from-file", "", "Create an AnalysisRun from an AnalysisTemplate or ClusterAnalysisTemplate in a local file")
	f.StringVar(&n.order.GenerateName, "generate-name", "", "Use the specified generateName for the run")
	f.BoolVar(&n.global, "global", false, "Use a ClusterAnalysisTemplate instead of a AnalysisTemplate")
	f.StringVar(&n.order.InstanceID, "instance-id", "", "Instance-ID for the AnalysisRun")
	f.StringVar(&n.order.Name, "name", "", "Use the specified name for the run")
	return c
}

func (n *runCreation) run(ctx context.Context) error {
	cluster, namespace, err := n.cluster()
	if err != nil {
		return err
	}
	n.order.Namespace, n.order.Args = namespace, nil
	for _, text := range n.args {
		arg, err := ops.ParseArgument(text)
		if err != nil {
			return fmt.Errorf("--argument %w", err)
		}
		n.order.Args = append(n.order.Args, arg)
	}
	if err := n.choose(cluster); err != nil {
		return err
	}
	run, err := ops.NewAnalysisRun(ctx, cluster, n.order)
	if err != nil {
		return err
	}
	return n.add(ctx, cluster, run)
}

// choose finds the template: by name in the cluster, or in a file.
func (n *runCreation) choose(cluster client.Client) error {
	switch {
	case (n.from == "") == (n.file == ""):
		return errors.New("create analysisrun needs one of --from NAME, a template of the cluster, and --from-file FILE")
	case n.from != "":
		n.order.Template, n.order.Library = v1alpha1.AnalysisTemplateRef{TemplateName: n.from, ClusterScope: n.global}, nil
		return nil
	}
	objects, err := n.read([]string{n.file}, cluster.Scheme())
	if err != nil {
		return err
	}
	n.order.Library = lint.Templates(objects, "")
	if n.order.Template, err = n.top(n.order.Library); err != nil {
		return fmt.Errorf("%s: %w", n.file, err)
	}
	return nil
}

// top is the one template that no other refers to. With --global it must be a
// ClusterAnalysisTemplate.
func (n *runCreation) top(l analysis.Library) (v1alpha1.AnalysisTemplateRef, error) {
	var used []v1alpha1.AnalysisTemplateRef
	for _, t := range l {
		used = append(used, t.Templates...)
	}
	var tops []v1alpha1.AnalysisTemplateRef
	var names []string
	for ref := range l {
		if !slices.Contains(used, ref) {
			tops, names = append(tops, ref), append(names, ref.TemplateName)
		}
	}
	slices.Sort(names)
	switch {
	case len(tops) == 0:
		return v1alpha1.AnalysisTemplateRef{}, errors.New("there is no AnalysisTemplate or ClusterAnalysisTemplate in it that others do not refer to")
	case len(tops) > 1:
		return v1alpha1.AnalysisTemplateRef{}, fmt.Errorf("there are several templates in it: %s; keep one, or one that refers to the others", strings.Join(names, ", "))
	case n.global && !tops[0].ClusterScope:
		return v1alpha1.AnalysisTemplateRef{}, fmt.Errorf("%s is an AnalysisTemplate; leave out --global", names[0])
	}
	return tops[0], nil
}

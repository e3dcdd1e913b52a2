package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/manifest"
	"github.com/aviary-rollouts/aviary/internal/ops"
)

// creation is one call of `create`.
type creation struct {
	*plugin
	files          []string
	watch, noColor bool
	// namespace is that of objects which name none; named is true if the
	// command line says so.
	namespace string
	named     bool
}

func (p *plugin) create() *cobra.Command {
	n := &creation{plugin: p}
	c := group("create", "Create a Rollout, Experiment, AnalysisTemplate, ClusterAnalysisTemplate, or AnalysisRun resource",
		`  # Create an experiment and watch it
  kubectl argo rollouts create -f my-experiment.yaml -w`)
	c.Long = "This command creates a new Rollout, Experiment, AnalysisTemplate, ClusterAnalysisTemplate, or AnalysisRun resource from a file."
	explain := c.RunE
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) > 0 || len(n.files) == 0 && c.Flags().NFlag() == 0 {
			return explain(c, args)
		}
		n.named = c.Flag("namespace").Changed
		return n.run(c.Context())
	}
	c.Flags().StringArrayVarP(&n.files, "filename", "f", nil, "Files to use to create the resource")
	c.Flags().BoolVar(&n.noColor, "no-color", false, "Do not colorize output")
	c.Flags().BoolVarP(&n.watch, "watch", "w", false, "Watch live updates to the resource after creating")
	c.AddCommand(p.createAnalysisRun())
	return c
}

// run creates everything that the files hold, if all of it can be understood.
func (n *creation) run(ctx context.Context) error {
	cluster, namespace, err := n.cluster()
	if err != nil {
		return err
	}
	n.namespace = namespace
	objects, err := n.read(n.files, cluster.Scheme())
	if err != nil {
		return err
	}
	var problems []error
	for _, o := range objects {
		problems = append(problems, n.place(o))
	}
	if err := errors.Join(problems...); err != nil {
		return err
	}
	watched, err := n.watched(objects)
	if err != nil {
		return err
	}
	var failed []error
	for _, o := range objects {
		failed = append(failed, n.add(ctx, cluster, o.Object))
	}
	if err := errors.Join(failed...); err != nil || watched == nil {
		return err
	}
	look := rolloutTree
	if _, is := watched.(*v1alpha1.Experiment); is {
		look = experimentTree
	}
	key := client.ObjectKeyFromObject(watched)
	return n.watchTree(ctx, func(ctx context.Context) (drawing, error) { return look(ctx, cluster, key, n.Terminal && !n.noColor) }, 0)
}

// read opens and decodes files. The error names everything that is wrong.
func (p *plugin) read(names []string, scheme *runtime.Scheme) ([]manifest.Object, error) {
	if len(names) == 0 {
		return nil, errors.New("-f is missing; name a manifest, a folder of manifests, or - for standard input")
	}
	files, err := p.Files(names)
	if err != nil {
		return nil, err
	}
	objects, errs := manifest.ReadAll(files, scheme)
	return objects, errors.Join(errs...)
}

// place refuses objects of other kinds and gives the rest a namespace.
func (n *creation) place(o manifest.Object) error {
	kind := o.GetObjectKind().GroupVersionKind()
	switch o.Object.(type) {
	case *v1alpha1.ClusterAnalysisTemplate:
		o.SetNamespace("")
		return nil
	case *v1alpha1.Rollout, *v1alpha1.Experiment, *v1alpha1.AnalysisTemplate, *v1alpha1.AnalysisRun:
	default:
		return o.Problem("kind", fmt.Sprintf("a %s is not created here", kind.Kind), "use kubectl create for it")
	}
	switch own := o.GetNamespace(); {
	case own == "":
		o.SetNamespace(n.namespace)
	case n.named && own != n.namespace:
		return o.Problem("metadata.namespace", fmt.Sprintf("%s belongs to namespace %q, the command line says %q", o, own, n.namespace),
			"leave out one of the two")
	}
	return nil
}

// watched is the object whose tree is to be shown; nil if none is.
func (n *creation) watched(objects []manifest.Object) (client.Object, error) {
	if !n.watch {
		return nil, nil
	}
	var found []client.Object
	for _, o := range objects {
		switch o.Object.(type) {
		case *v1alpha1.Rollout, *v1alpha1.Experiment:
			found = append(found, o.Object)
		}
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("--watch follows one Rollout or Experiment, and the files hold %d: leave it out, or create the others before", len(found))
	}
	return found[0], nil
}

// add creates an object and says so.
func (p *plugin) add(ctx context.Context, c client.Client, o client.Object) error {
	if err := ops.Create(ctx, c, o); err != nil {
		return err
	}
	kind := o.GetObjectKind().GroupVersionKind()
	fmt.Fprintf(p.Out, "%s.%s/%s created\n", strings.ToLower(kind.Kind), kind.Group, o.GetName())
	return nil
}

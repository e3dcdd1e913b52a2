package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/internal/ops"
	"github.com/aviary-rollouts/aviary/internal/view"
)

const (
	getExample = `  # Get a rollout
  kubectl argo rollouts get rollout guestbook

  # Watch a rollouts progress
  kubectl argo rollouts get rollout guestbook -w

  # Get an experiment
  kubectl argo rollouts get experiment my-experiment`
	getRolloutExample = `  # Get a rollout
  kubectl argo rollouts get rollout guestbook

  # Watch progress of a rollout
  kubectl argo rollouts get rollout guestbook -w`
	getExperimentExample = `  # Get an experiment
  kubectl argo rollouts get experiment my-experiment

  # Watch experiment progress
  kubectl argo rollouts get experiment my-experiment -w`
)

const treeLong = `Get details about and visual representation of %s. It returns a bunch of metadata on a resource and a tree view of the child resources created by the parent.

Tree view icons

| Icon | Kind |
|:----:|:-----------:|
| ⟳ | Rollout |
| Σ | Experiment |
| α | AnalysisRun |
| # | Revision |
| ⧉ | ReplicaSet |
| □ | Pod |
| ⊞ | Job |`

func (p *plugin) get() *cobra.Command {
	c := group("get <rollout|experiment> RESOURCE_NAME", "Get details about rollouts and experiments", getExample)
	c.Long = "This command consists of multiple subcommands which can be used to get extended information about a rollout or experiment."
	c.AddCommand(p.getRollout(), p.getExperiment())
	return c
}

func (p *plugin) getRollout() *cobra.Command {
	var timeout int
	c := p.showing(rollout, rolloutTree, &timeout)
	c.Use, c.Short, c.Example = "rollout ROLLOUT_NAME", "Get details about a rollout", getRolloutExample
	c.Flags().IntVar(&timeout, "timeout-seconds", 0, "Timeout after specified seconds")
	return c
}

func (p *plugin) getExperiment() *cobra.Command {
	c := p.showing(experiment, experimentTree, new(int))
	c.Use, c.Short, c.Example = "experiment EXPERIMENT_NAME", "Get details about an Experiment", getExperimentExample
	return c
}

// showing is a command that shows the tree of one object. timeout is in seconds.
func (p *plugin) showing(n noun, look looking, timeout *int) *cobra.Command {
	var watch, noColor bool
	c := &cobra.Command{
		Aliases:           n.aliases(),
		Long:              fmt.Sprintf(treeLong, n.phrase),
		Args:              needs(1, 1, n.one()),
		ValidArgsFunction: p.complete(n, true),
		RunE: func(c *cobra.Command, args []string) error {
			cluster, namespace, err := p.cluster()
			if err != nil {
				return err
			}
			key, err := n.key(namespace, args[0])
			if err != nil {
				return err
			}
			draw := func(ctx context.Context) (drawing, error) { return look(ctx, cluster, key, p.Terminal && !noColor) }
			limit := time.Duration(*timeout) * time.Second
			if watch {
				return p.watchTree(c.Context(), draw, limit)
			}
			_, err = p.within(c.Context(), limit, limit, func(ctx context.Context) (bool, error) {
				t, err := draw(ctx)
				if err != nil {
					return false, err
				}
				return true, t(p.Out, p.Clock.Now())
			})
			return err
		},
	}
	c.Flags().BoolVarP(&watch, "watch", "w", false, "Watch live updates to the rollout")
	c.Flags().BoolVar(&noColor, "no-color", false, "Do not colorize output")
	return c
}

// drawing writes what was seen, with ages counted to a time.
type drawing func(w io.Writer, at time.Time) error

// looking looks at an object and what belongs to it.
type looking func(ctx context.Context, c client.Client, key types.NamespacedName, color bool) (drawing, error)

func rolloutTree(ctx context.Context, c client.Client, key types.NamespacedName, color bool) (drawing, error) {
	o, err := fetchRollout(ctx, c, key)
	return func(w io.Writer, at time.Time) error { return view.Render(w, view.Rollout(o, at), color) }, err
}

func experimentTree(ctx context.Context, c client.Client, key types.NamespacedName, color bool) (drawing, error) {
	e, err := ops.GetExperiment(ctx, c, key)
	if err != nil {
		return nil, err
	}
	o, err := children(ctx, c, experiment, key)
	return func(w io.Writer, at time.Time) error {
		return view.RenderExperiment(w, view.OneExperiment(e, o, at), color)
	}, err
}

// clearScreen moves to the upper left corner and erases what is there.
const clearScreen = "\x1b[H\x1b[2J"

// watchTree paints a tree once a second on a terminal. Elsewhere it writes the
// tree anew whenever more than the ages changed. A timeout of 0 is none.
func (p *plugin) watchTree(ctx context.Context, draw func(context.Context) (drawing, error), timeout time.Duration) error {
	began := p.Clock.Now()
	var last string
	return endless(p.watch(ctx, timeout, func(ctx context.Context) (bool, error) {
		t, err := draw(ctx)
		if err != nil {
			return false, err
		}
		var now, timeless bytes.Buffer
		if err := t(&now, p.Clock.Now()); err != nil {
			return false, err
		}
		if p.Terminal {
			_, err := fmt.Fprint(p.Out, clearScreen, now.String())
			return false, err
		}
		if err := t(&timeless, began); err != nil {
			return false, err
		}
		if timeless.String() == last {
			return false, nil
		}
		if last != "" {
			fmt.Fprintln(p.Out)
		}
		last = timeless.String()
		_, err = p.Out.Write(now.Bytes())
		return false, err
	}))
}

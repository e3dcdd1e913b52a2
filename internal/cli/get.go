package cli

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/internal/view"
)

const getExample = `  # Get a rollout
  kubectl argo rollouts get rollout guestbook

  # Watch progress of a rollout
  kubectl argo rollouts get rollout guestbook -w`

const getRolloutLong = `Get details about and visual representation of a rollout. It returns a bunch of metadata on a resource and a tree view of the child resources created by the parent.

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

func (p *plugin) getRollout() *cobra.Command {
	var (
		watch, noColor bool
		timeout        int
	)
	c := &cobra.Command{
		Use:               "rollout ROLLOUT_NAME",
		Aliases:           []string{"ro", "rollouts"},
		Short:             "Get details about a rollout",
		Long:              getRolloutLong,
		Example:           getExample,
		Args:              needs(1, 1, aRollout),
		ValidArgsFunction: p.completeRollouts(true),
		RunE: func(c *cobra.Command, args []string) error {
			cluster, namespace, err := p.cluster()
			if err != nil {
				return err
			}
			key, err := rolloutKey(namespace, args[0])
			if err != nil {
				return err
			}
			color := p.Terminal && !noColor
			if watch {
				return p.watchTree(c.Context(), cluster, key, color, time.Duration(timeout)*time.Second)
			}
			o, err := fetch(c.Context(), cluster, key)
			if err != nil {
				return err
			}
			return view.Render(p.Out, view.Rollout(o, p.Clock.Now()), color)
		},
	}
	c.Flags().BoolVarP(&watch, "watch", "w", false, "Watch live updates to the rollout")
	c.Flags().BoolVar(&noColor, "no-color", false, "Do not colorize output")
	c.Flags().IntVar(&timeout, "timeout-seconds", 0, "Timeout after specified seconds")
	return c
}

// clearScreen moves to the upper left corner and erases what is there.
const clearScreen = "\x1b[H\x1b[2J"

// watchTree paints the tree once a second on a terminal. Elsewhere it writes
// the tree anew whenever more than the ages changed.
func (p *plugin) watchTree(ctx context.Context, c client.Client, key types.NamespacedName, color bool, timeout time.Duration) error {
	began := p.Clock.Now()
	var last string
	return endless(p.watch(ctx, timeout, func() (bool, error) {
		o, err := fetch(ctx, c, key)
		if err != nil {
			return false, err
		}
		var now, timeless bytes.Buffer
		if err := view.Render(&now, view.Rollout(o, p.Clock.Now()), color); err != nil {
			return false, err
		}
		if p.Terminal {
			_, err := fmt.Fprint(p.Out, clearScreen, now.String())
			return false, err
		}
		if err := view.Render(&timeless, view.Rollout(o, began), color); err != nil {
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

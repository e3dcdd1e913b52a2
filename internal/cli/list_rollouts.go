package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/ops"
	"github.com/aviary-rollouts/aviary/internal/view"
)

const listRolloutsExample = `  # List rollouts
  kubectl argo rollouts list rollouts

  # List rollouts from all namespaces
  kubectl argo rollouts list rollouts --all-namespaces

  # List rollouts and watch for changes
  kubectl argo rollouts list rollouts --watch`

func (p *plugin) listRollouts() *cobra.Command {
	var name string
	l := &lister{
		plugin:  p,
		columns: []string{"STRATEGY", "STATUS", "STEP", "SET-WEIGHT", "READY", "DESIRED", "UP-TO-DATE", "AVAILABLE"},
		read: func(ctx context.Context, c client.Client, namespace string) ([]entry, error) {
			return rolloutEntries(ctx, c, namespace, name)
		},
	}
	c := l.command(&cobra.Command{
		Use:     "rollouts",
		Aliases: []string{"ro", "rollout"},
		Short:   "List rollouts",
		Long:    "This command lists all of the rollouts for a specified namespace (uses current namespace context if namespace not specified).",
		Example: listRolloutsExample,
	})
	c.Flags().StringVar(&name, "name", "", "Only show rollout with specified name")
	c.Flags().BoolVar(&l.timestamps, "timestamps", false, "Print timestamps on updates")
	return c
}

// rolloutEntries are the Rollouts of a namespace, or of all if it is empty. A
// name leaves out all others.
func rolloutEntries(ctx context.Context, c client.Client, namespace, name string) ([]entry, error) {
	var list v1alpha1.RolloutList
	if err := ops.Rollouts.List(ctx, c, namespace, &list); err != nil {
		return nil, err
	}
	var entries []entry
	for i := range list.Items {
		ro := &list.Items[i]
		if name != "" && ro.Name != name {
			continue
		}
		w, err := workload(ctx, c, ro)
		if err != nil {
			return nil, err
		}
		cells := rolloutCells(view.Summarize(ro, w))
		entries = append(entries, entry{ro.Namespace, ro.Name, cells, strings.Join(cells, " ")})
	}
	return entries, nil
}

// rolloutCells are what the columns say: STEP and SET-WEIGHT mean nothing to
// blue/green.
func rolloutCells(s view.Summary) []string {
	number := func(n int32) string { return strconv.Itoa(int(n)) }
	step, weight := "-", "-"
	if s.Strategy == view.Canary {
		weight = number(s.SetWeight)
		if s.Step.Count > 0 {
			step = s.Step.String()
		}
	}
	return []string{
		s.Strategy, string(s.Phase), step, weight, fmt.Sprintf("%d/%d", s.Ready, s.Current),
		number(s.Desired), number(s.Updated), number(s.Available),
	}
}

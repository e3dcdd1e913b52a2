package cli

import (
	"cmp"
	"context"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/ops"
	"github.com/aviary-rollouts/aviary/internal/view"
)

const listExperimentsExample = `  # List rollouts
  kubectl argo rollouts list experiments

  # List rollouts from all namespaces
  kubectl argo rollouts list experiments --all-namespaces

  # List rollouts and watch for changes
  kubectl argo rollouts list experiments --watch`

func (p *plugin) listExperiments() *cobra.Command {
	l := &lister{
		plugin:  p,
		columns: []string{"STATUS", "DURATION", "REMAINING", "AGE"},
		read: func(ctx context.Context, c client.Client, namespace string) ([]entry, error) {
			return experimentEntries(ctx, c, namespace, p.Clock.Now())
		},
	}
	return l.command(&cobra.Command{
		Use:     "experiments",
		Aliases: []string{"exp", "experiment"},
		Short:   "List experiments",
		Long:    "This command lists all of the experiments for a specified namespace (uses current namespace context if namespace not specified).",
		Example: listExperimentsExample,
	})
}

// experimentEntries are the Experiments of a namespace, or of all if it is
// empty. That time passes is no reason to print one again.
func experimentEntries(ctx context.Context, c client.Client, namespace string, now time.Time) ([]entry, error) {
	var list v1alpha1.ExperimentList
	if err := ops.Experiments.List(ctx, c, namespace, &list); err != nil {
		return nil, err
	}
	var entries []entry
	for i := range list.Items {
		s := view.SummarizeExperiment(&list.Items[i], now)
		remaining := "-"
		if s.Remaining >= 0 {
			remaining = view.FormatAge(s.Remaining)
		}
		duration := cmp.Or(s.Duration, "-")
		entries = append(entries, entry{s.Namespace, s.Name, []string{s.Status, duration, remaining, view.FormatAge(s.Age)}, s.Status + " " + duration})
	}
	return entries, nil
}

package cli

import (
	"github.com/spf13/cobra"

	"github.com/aviary-rollouts/aviary/internal/ops"
)

const (
	retryRolloutExample = `  # Retry an aborted rollout
  kubectl argo rollouts retry rollout guestbook`
	retryExample = retryRolloutExample + `

  # Retry a failed experiment
  kubectl argo rollouts retry experiment my-experiment`
)

func (p *plugin) retry() *cobra.Command {
	c := group("retry <rollout|experiment> RESOURCE_NAME", "Retry a rollout or experiment", retryExample)
	c.Long = "This command consists of multiple subcommands which can be used to restart an aborted rollout or a failed experiment."
	c.AddCommand(p.retryRollout(), p.retryExperiment())
	return c
}

func (p *plugin) retryRollout() *cobra.Command {
	return &cobra.Command{
		Use:               "rollout ROLLOUT_NAME",
		Aliases:           rollout.aliases(),
		Short:             "Retry an aborted rollout",
		Long:              "This command starts an aborted update again, from its first step.",
		Example:           retryRolloutExample,
		Args:              needs(1, unlimited, rollout.some()),
		ValidArgsFunction: p.complete(rollout, false),
		RunE: func(c *cobra.Command, args []string) error {
			return p.onEach(c, rollout, args, "retried", ops.Retry)
		},
	}
}

func (p *plugin) retryExperiment() *cobra.Command {
	return &cobra.Command{
		Use:     "experiment EXPERIMENT_NAME",
		Aliases: experiment.aliases(),
		Short:   "Retry an experiment",
		Long:    "Retry a failed experiment.",
		Example: `  # Retry an experiment
  kubectl argo rollouts retry experiment my-experiment`,
		Args:              needs(1, unlimited, experiment.some()),
		ValidArgsFunction: p.complete(experiment, false),
		RunE: func(c *cobra.Command, args []string) error {
			return p.onEach(c, experiment, args, "retried", ops.RetryExperiment)
		},
	}
}

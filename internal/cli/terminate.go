package cli

import (
	"github.com/spf13/cobra"

	"github.com/aviary-rollouts/aviary/internal/ops"
)

func (p *plugin) terminate() *cobra.Command {
	c := group("terminate <analysisrun|experiment> RESOURCE_NAME", "Terminate an AnalysisRun or Experiment", `  # Terminate an analysisRun
  kubectl argo rollouts terminate analysisrun guestbook-877894d5b-4-success-rate.1

  # Terminate a failed experiment
  kubectl argo rollouts terminate experiment my-experiment`)
	c.Long = "This command consists of multiple subcommands which can be used to terminate an AnalysisRun or Experiment that is in progress."
	c.AddCommand(p.terminateAnalysisRun(), p.terminateExperiment())
	return c
}

func (p *plugin) terminateAnalysisRun() *cobra.Command {
	return &cobra.Command{
		Use:     "analysisrun ANALYSISRUN_NAME",
		Aliases: analysisRun.aliases(),
		Short:   "Terminate an AnalysisRun",
		Long: `This command ends an AnalysisRun now: it measures no more, and what it has
measured so far decides.`,
		Example: `  # Terminate an AnalysisRun
  kubectl argo rollouts terminate analysisrun guestbook-877894d5b-4-success-rate.1`,
		Args:              needs(1, unlimited, analysisRun.some()),
		ValidArgsFunction: p.complete(analysisRun, false),
		RunE: func(c *cobra.Command, args []string) error {
			return p.onEach(c, analysisRun, args, "terminated", ops.TerminateAnalysisRun)
		},
	}
}

func (p *plugin) terminateExperiment() *cobra.Command {
	return &cobra.Command{
		Use:     "experiment EXPERIMENT_NAME",
		Aliases: experiment.aliases(),
		Short:   "Terminate an experiment",
		Long:    "This command ends an Experiment now, with its AnalysisRuns; its pods go after their delay.",
		Example: `  # Terminate an experiment
  kubectl argo rollouts terminate experiment my-experiment`,
		Args:              needs(1, unlimited, experiment.some()),
		ValidArgsFunction: p.complete(experiment, false),
		RunE: func(c *cobra.Command, args []string) error {
			return p.onEach(c, experiment, args, "terminated", ops.TerminateExperiment)
		},
	}
}

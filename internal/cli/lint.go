package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/aviary-rollouts/aviary/internal/lint"
	"github.com/aviary-rollouts/aviary/internal/manifest"
)

func (p *plugin) lint() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:   "lint",
		Short: "Lint and validate a Rollout",
		Long: `This command looks for mistakes in a file before it reaches a cluster: unknown
fields, values that cannot be, Rollouts that do not fit the Services, Ingresses,
workloads, VirtualServices, DestinationRules and templates of the same file,
AnalysisTemplates, AnalysisRuns and Experiments that would end in Error, queries,
conditions and paths of metrics that cannot be read.

It reads no cluster. What is named and is not in the file is not checked; if the
file has others of its kind, there is a warning. FILE may be a folder, or - for
standard input. The command fails if anything is wrong, with one line for each
mistake.`,
		Example: `  # Lint a rollout
  kubectl argo rollouts lint -f my-rollout.yaml`,
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case len(args) > 0:
				return needs(0, 0, "-f FILE")(c, args)
			case file == "":
				return needs(1, 1, "-f FILE")(c, args)
			}
			return p.lintFile(file)
		},
	}
	c.Flags().StringVarP(&file, "filename", "f", "", "File to lint")
	return c
}

func (p *plugin) lintFile(name string) error {
	scheme, err := manifest.Scheme()
	if err != nil {
		return err
	}
	files, err := p.Files([]string{name})
	if err != nil {
		return err
	}
	objects, errs := manifest.ReadAll(files, scheme)
	for _, f := range lint.Check(objects) {
		if f.Warning {
			fmt.Fprintln(p.ErrOut, "Warning:", f)
			continue
		}
		errs = append(errs, errors.New(f.String()))
	}
	return errors.Join(errs...)
}

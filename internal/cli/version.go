package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

// Version says what was built, from what, and how.
type Version struct {
	// Version is like v1.2.3.
	Version      string
	BuildDate    string
	GitCommit    string
	GitTreeState string
	GoVersion    string
	Compiler     string
	// Platform is like linux/amd64.
	Platform string
}

func (p *plugin) version() *cobra.Command {
	var short bool
	c := &cobra.Command{
		Use:   "version",
		Short: "Print version",
		Long:  "Show the version and build information of the Argo Rollouts plugin.",
		Example: `  # Get full version info
  kubectl argo rollouts version

  # Get just plugin version number
  kubectl argo rollouts version --short`,
		Args: needs(0, 0, "flags"),
		RunE: func(c *cobra.Command, _ []string) error {
			v := p.Version
			fmt.Fprintf(p.Out, "%s: %s\n", c.Root().Name(), v.Version)
			if !short {
				fmt.Fprintf(p.Out, "  BuildDate: %s\n  GitCommit: %s\n  GitTreeState: %s\n  GoVersion: %s\n  Compiler: %s\n  Platform: %s\n",
					v.BuildDate, v.GitCommit, v.GitTreeState, v.GoVersion, v.Compiler, v.Platform)
			}
			return nil
		},
	}
	c.Flags().BoolVar(&short, "short", false, "print just the version number")
	return c
}

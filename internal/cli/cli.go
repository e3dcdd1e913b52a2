package cli

import (
	"context"
	"io"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/internal/manifest"
)

// Options is what the commands need of the world.
type Options struct {
	// Connect finds the cluster when a command needs it. If it is nil, Client
	// and Namespace are used.
	Connect Connection
	// Client reads and writes the cluster.
	Client client.Client
	// Namespace is used by commands without -n; empty means default.
	Namespace string
	// Clock tells the time that ages are counted to.
	Clock clock.Clock
	// Wait lets time pass between two looks at the cluster and returns early,
	// with an error, when ctx is done. Without it nothing can be watched.
	Wait func(ctx context.Context, d time.Duration) error
	// Files opens what -f names: files, folders, "-" for standard input.
	Files func(names []string) ([]manifest.File, error)
	// In, Out and ErrOut are the standard streams of the commands.
	In          io.Reader
	Out, ErrOut io.Writer
	// Terminal says that Out is one: colours are used, and --watch paints the
	// same screen over and over.
	Terminal bool
	// Version is what `version` prints.
	Version Version
}

// plugin is what all commands share.
type plugin struct{ Options }

const rootExample = `  # Get guestbook rollout and watch progress
  kubectl argo rollouts get rollout guestbook -w

  # Pause the guestbook rollout
  kubectl argo rollouts pause guestbook

  # Promote the guestbook rollout
  kubectl argo rollouts promote guestbook

  # Abort the guestbook rollout
  kubectl argo rollouts abort guestbook

  # Retry the guestbook rollout
  kubectl argo rollouts retry rollout guestbook`

// New builds the command tree. Execute it with ExecuteContext; errors are
// returned and not printed.
func New(o Options) *cobra.Command {
	if o.Connect == nil {
		o.Connect = &fixed{client: o.Client, namespace: o.Namespace}
	}
	p := &plugin{o}
	root := group("kubectl-argo-rollouts COMMAND", "Manage argo rollouts", rootExample)
	root.Long = "This command consists of multiple subcommands which can be used to manage Argo Rollouts."
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetIn(o.In)
	root.SetOut(o.Out)
	root.SetErr(o.ErrOut)
	root.SetFlagErrorFunc(flagError)
	o.Connect.AddFlags(root.PersistentFlags())
	set := group("set COMMAND", "Update various values on resources", setImageExample)
	set.AddCommand(p.setImage())
	root.AddCommand(p.abort(), p.create(), p.get(), p.lint(), p.list(), p.pause(), p.promote(), p.restart(), p.retry(), set,
		p.status(), p.terminate(), p.undo(), p.version())
	return root
}

// group is a command that only has others. Alone it explains itself.
func group(use, short, example string) *cobra.Command {
	return &cobra.Command{
		Use:     use,
		Short:   short,
		Example: example,
		Args:    cobra.ArbitraryArgs,

		SuggestionsMinimumDistance: 2,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(c, args[0])
			}
			return c.Help()
		},
	}
}

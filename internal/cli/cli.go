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
	// Limit ends a context after d, as context.WithTimeout does, and with it every
	// request that is made from now on: an API server that does not answer is then
	// given up. Without it nobody has to be, as where the cluster is simulated.
	Limit func(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc)
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

// commands are those of the root, in the order of their names.
var commands = []struct {
	name  string
	build func(*plugin) *cobra.Command
}{
	{"abort", (*plugin).abort},
	{"create", (*plugin).create},
	{"get", (*plugin).get},
	{"lint", (*plugin).lint},
	{"list", (*plugin).list},
	{"pause", (*plugin).pause},
	{"promote", (*plugin).promote},
	{"restart", (*plugin).restart},
	{"retry", (*plugin).retry},
	{"set", (*plugin).set},
	{"status", (*plugin).status},
	{"terminate", (*plugin).terminate},
	{"undo", (*plugin).undo},
	{"version", (*plugin).version},
}

// New builds the command tree. Execute it with ExecuteContext; errors are
// returned and not printed.
func New(o Options) *cobra.Command {
	p, root := newRoot(o)
	for _, c := range commands {
		root.AddCommand(c.build(p))
	}
	return root
}

// Run runs one command line in process, as New and ExecuteContext do. It builds
// no other command than the one that the first argument names, which takes a
// sixth of the time.
func Run(ctx context.Context, o Options, args ...string) error {
	p, root := newRoot(o)
	for _, c := range commands {
		if len(args) > 0 && c.name == args[0] {
			root.AddCommand(c.build(p))
			root.CompletionOptions.DisableDefaultCmd = true
		}
	}
	if !root.HasSubCommands() {
		root = New(o)
	}
	root.SetArgs(args)
	return root.ExecuteContext(ctx)
}

// newRoot returns the root without its commands.
func newRoot(o Options) (*plugin, *cobra.Command) {
	if o.Connect == nil {
		o.Connect = &fixed{client: o.Client, namespace: o.Namespace}
	}
	root := group("kubectl-argo-rollouts COMMAND", "Manage argo rollouts", rootExample)
	root.Long = "This command consists of multiple subcommands which can be used to manage Argo Rollouts."
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetIn(o.In)
	root.SetOut(o.Out)
	root.SetErr(o.ErrOut)
	root.SetFlagErrorFunc(flagError)
	o.Connect.AddFlags(root.PersistentFlags())
	return &plugin{o}, root
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

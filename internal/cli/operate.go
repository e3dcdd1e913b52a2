package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/internal/ops"
)

const unlimited = -1

// operation does something to one object.
type operation func(ctx context.Context, c client.Client, key types.NamespacedName) error

// onEach runs an operation on every object that is named and says so in a
// sentence with the name in it. A failure does not keep it from the others.
func (p *plugin) onEach(c *cobra.Command, n noun, args []string, done string, do operation) error {
	cluster, namespace, err := p.cluster()
	if err != nil {
		return err
	}
	var failed []error
	for _, arg := range args {
		key, err := n.key(namespace, arg)
		if err == nil {
			err = do(c.Context(), cluster, key)
		}
		if err != nil {
			failed = append(failed, err)
			continue
		}
		fmt.Fprintf(p.Out, "%s '%s' %s\n", n.Name, key.Name, done)
	}
	return errors.Join(failed...)
}

func (p *plugin) abort() *cobra.Command {
	return &cobra.Command{
		Use:   "abort ROLLOUT_NAME",
		Short: "Abort a rollout",
		Long: `This command ends an update and takes traffic and pods back to the stable version.

spec.template stays what it was, so that the rollout is Degraded until its
template is the stable one again ('undo') or the update is tried again
('retry rollout').`,
		Example: `  # Abort a rollout
  kubectl argo rollouts abort guestbook`,
		Args:              needs(1, unlimited, rollout.some()),
		ValidArgsFunction: p.complete(rollout, false),
		RunE: func(c *cobra.Command, args []string) error {
			return p.onEach(c, rollout, args, "aborted", ops.Abort)
		},
	}
}

func (p *plugin) pause() *cobra.Command {
	return &cobra.Command{
		Use:   "pause ROLLOUT_NAME",
		Short: "Pause a rollout",
		Long:  "This command sets spec.paused: the rollout stays where it is until it is promoted.",
		Example: `  # Pause a rollout
  kubectl argo rollouts pause guestbook`,
		Args:              needs(1, unlimited, rollout.some()),
		ValidArgsFunction: p.complete(rollout, false),
		RunE: func(c *cobra.Command, args []string) error {
			return p.onEach(c, rollout, args, "paused", ops.Pause)
		},
	}
}

// Flags of promote that old scripts give. A plain promotion has come to do what
// the first asks for, and a full one what the second does.
const (
	skipStep  = "skip-current-step"
	skipSteps = "skip-all-steps"
)

func (p *plugin) promote() *cobra.Command {
	var full, step, steps bool
	c := &cobra.Command{
		Use:   "promote ROLLOUT_NAME",
		Short: "Promote a rollout",
		Long: `This command ends the pause of a rollout. A canary that is not paused skips the
step that it is at.`,
		Example: `  # Promote a paused rollout
  kubectl argo rollouts promote guestbook

  # Fully promote a rollout to desired version, skipping analysis, pauses, and steps
  kubectl argo rollouts promote guestbook --full`,
		Args:              needs(1, unlimited, rollout.some()),
		ValidArgsFunction: p.complete(rollout, false),
		RunE: func(c *cobra.Command, args []string) error {
			if steps && step {
				return fmt.Errorf("--%s and --%s exclude each other: leave out one of the two", skipStep, skipSteps)
			}
			p.deprecated(step, skipStep, "promote without it does the same")
			p.deprecated(steps, skipSteps, "use --full")
			full, done := full || steps, "promoted"
			if full {
				done = "fully promoted"
			}
			return p.onEach(c, rollout, args, done, func(ctx context.Context, c client.Client, key types.NamespacedName) error {
				return ops.Promote(ctx, c, key, full)
			})
		},
	}
	c.Flags().BoolVar(&full, "full", false, "Perform a full promotion, skipping analysis, pauses, and steps")
	c.Flags().BoolVarP(&step, skipStep, "c", false, "Skip the step that the canary is at")
	c.Flags().BoolVarP(&steps, skipSteps, "a", false, "Skip all steps")
	c.Flags().Lookup(skipStep).Hidden, c.Flags().Lookup(skipSteps).Hidden = true, true
	return c
}

// deprecated says on the error stream what to write instead of a flag that is
// given. The flag library would say it where scripts read the answer.
func (p *plugin) deprecated(given bool, flag, instead string) {
	if given {
		fmt.Fprintf(p.ErrOut, "Flag --%s has been deprecated, %s\n", flag, instead)
	}
}

func (p *plugin) restart() *cobra.Command {
	var in string
	c := &cobra.Command{
		Use:   "restart ROLLOUT",
		Short: "Restart the pods of a rollout",
		Example: `  # Restart the pods of a rollout in now
  kubectl argo rollouts restart ROLLOUT_NAME

  # Restart the pods of a rollout in ten seconds
  kubectl argo rollouts restart ROLLOUT_NAME --in 10s`,
		Args:              needs(1, unlimited, rollout.some()),
		ValidArgsFunction: p.complete(rollout, false),
		RunE: func(c *cobra.Command, args []string) error {
			if in == "" {
				in = "0s"
			}
			after, err := time.ParseDuration(in)
			if err != nil || after < 0 {
				return fmt.Errorf("--in %q: give an amount of time such as 30s, 5m or 1h", in)
			}
			at := p.Clock.Now().Add(after)
			return p.onEach(c, rollout, args, "restarts in "+in, func(ctx context.Context, c client.Client, key types.NamespacedName) error {
				return ops.Restart(ctx, c, key, at)
			})
		},
	}
	c.Flags().StringVarP(&in, "in", "i", "", "Amount of time before a restart. (e.g. 30s, 5m, 1h)")
	return c
}

func (p *plugin) undo() *cobra.Command {
	var revision int64
	c := &cobra.Command{
		Use:   "undo ROLLOUT_NAME",
		Short: "Undo a rollout",
		Long:  "This command brings the pod template of an earlier revision back, which starts an update to it.",
		Example: `  # Undo a rollout
  kubectl argo rollouts undo guestbook

  # Undo a rollout revision 3
  kubectl argo rollouts undo guestbook --to-revision=3`,
		Args:              needs(1, 1, rollout.one()),
		ValidArgsFunction: p.complete(rollout, true),
		RunE: func(c *cobra.Command, args []string) error {
			if revision < 0 {
				return fmt.Errorf("--to-revision %d: revisions count from 1; 0 is the one before the newest", revision)
			}
			return p.onEach(c, rollout, args, "undo", func(ctx context.Context, c client.Client, key types.NamespacedName) error {
				return ops.Undo(ctx, c, key, revision)
			})
		},
	}
	c.Flags().Int64Var(&revision, "to-revision", 0, "The revision to rollback to. Default to 0 (last revision).")
	return c
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// The sentences that scripts look for.
const (
	degradedSentence = "The rollout is in a degraded state with message"
	timeoutSentence  = "Rollout status watch exceeded timeout"
)

func (p *plugin) status() *cobra.Command {
	var (
		watch   bool
		timeout time.Duration
	)
	c := &cobra.Command{
		Use:   "status ROLLOUT_NAME",
		Short: "Show the status of a rollout",
		Long: `This command prints the status of a rollout, and whatever it changes to, until the
rollout is Healthy. It fails when the rollout is Degraded.`,
		Example: `  # Watch the rollout until it succeeds
  kubectl argo rollouts status guestbook

  # Watch the rollout until it succeeds, fail if it takes more than 60 seconds
  kubectl argo rollouts status --timeout 60s guestbook`,
		Args:              needs(1, 1, rollout.one()),
		ValidArgsFunction: p.complete(rollout, true),
		RunE: func(c *cobra.Command, args []string) error {
			look, err := p.statusLook(args[0])
			if err != nil {
				return err
			}
			if watch {
				err = p.watch(c.Context(), timeout, look)
			} else {
				_, err = p.within(c.Context(), timeout, timeout, look)
			}
			if up := (timeUp{}); !errors.As(err, &up) {
				return err
			} else if up.silent {
				return fmt.Errorf("%s: %w", timeoutSentence, up)
			}
			return errors.New(timeoutSentence) //lint:ignore ST1005 the sentence is known as it is
		},
	}
	c.Flags().BoolVarP(&watch, "watch", "w", true, "Watch the status of the rollout until it's done")
	c.Flags().DurationVarP(&timeout, "timeout", "t", 0, "The length of time to watch before giving up. "+
		"Non-zero values should contain a corresponding time unit (e.g. 1s, 2m, 3h). Zero means wait forever")
	return c
}

// statusLook returns a function that prints the status if it is a new one. It
// is done when the rollout is Healthy and fails when it is Degraded.
func (p *plugin) statusLook(arg string) (look, error) {
	cluster, namespace, err := p.cluster()
	if err != nil {
		return nil, err
	}
	key, err := rollout.key(namespace, arg)
	if err != nil {
		return nil, err
	}
	var last string
	return func(ctx context.Context) (bool, error) {
		s, err := summary(ctx, cluster, key)
		if err != nil {
			return false, err
		}
		text := string(s.Phase)
		if s.Message != "" {
			text += " - " + s.Message
		}
		if text != last {
			fmt.Fprintln(p.Out, text)
			last = text
		}
		if s.Phase == v1alpha1.RolloutPhaseDegraded {
			return false, fmt.Errorf("%s: %s", degradedSentence, s.Message)
		}
		return s.Phase == v1alpha1.RolloutPhaseHealthy, nil
	}, nil
}

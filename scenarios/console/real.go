package console

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/aviary-rollouts/aviary/scenarios/kubectl"
)

// verb runs a verb of kubectl.
func verb(v kubectl.Verb) func(ctx context.Context, c *call) error {
	return func(ctx context.Context, c *call) error {
		b := c.console.Backend
		return v(ctx, &kubectl.Kubectl{
			Client: b.Client(), Clock: b.Clock(), Files: c.console.Files, Out: c.out,
			Namespace: cmp.Or(c.namespace, corev1.NamespaceDefault), EnforceNamespace: c.namespace != "",
		}, c.args)
	}
}

// sleep lets the cluster's time pass.
func sleep(ctx context.Context, c *call) error {
	if len(c.args) != 1 {
		return fmt.Errorf("sleep: give one duration, as in sleep 30s")
	}
	d, err := parseDuration(c.args[0])
	if err != nil || d < 0 {
		return fmt.Errorf("sleep: %q is not a duration: write 30s, 5m or 1h30m", c.args[0])
	}
	return c.console.Backend.Sleep(ctx, d)
}

// parseDuration reads "30", which is seconds, or "1h30m".
func parseDuration(text string) (time.Duration, error) {
	if seconds, err := strconv.Atoi(text); err == nil {
		return time.Duration(seconds) * time.Second, nil
	}
	return time.ParseDuration(text)
}

package console

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/aviary-rollouts/aviary/internal/cli"
	"github.com/aviary-rollouts/aviary/internal/manifest"
)

func pluginCommands() []Command {
	return []Command{
		{Name: "kubectl argo rollouts get", Syntax: "rollout|experiment NAME", Kind: Reads, run: plugin("get"),
			Help: "Shows a Rollout or an Experiment with the tree of its ReplicaSets, pods and AnalysisRuns."},
		{Name: "kubectl argo rollouts list", Syntax: "rollouts|experiments [-A]", Kind: Reads, run: plugin("list"),
			Help: "Lists Rollouts or Experiments."},
		{Name: "kubectl argo rollouts lint", Syntax: "-f FILE", Kind: Reads, run: plugin("lint"),
			Help: "Says what is wrong with a manifest, without looking at the cluster."},
		{Name: "kubectl argo rollouts version", Syntax: "[--short]", Kind: Reads, run: plugin("version"),
			Help: "Says which version the plugin has."},
		{Name: "kubectl argo rollouts status", Syntax: "NAME [--watch=false] [--timeout 60s]", Kind: Waits, run: plugin("status"),
			Help: "Prints how a Rollout is, and what it changes to, until it is Healthy; fails when it is Degraded. It waits for an hour at most."},
		{Name: "kubectl argo rollouts", Syntax: "set image | promote | abort | retry | undo | pause | restart | create | terminate ...", Kind: Writes, run: plugin(),
			Help: "Every other command of the plugin, as its --help describes it."},
	}
}

// plugin runs the commands of the kubectl plugin in process. The words are
// those of the command that the table's name ends in.
func plugin(words ...string) func(ctx context.Context, c *call) error {
	return func(ctx context.Context, c *call) error {
		b := c.console.Backend
		options := cli.Options{
			Client: b.Client(), Clock: b.Clock(), Wait: c.waitFor(time.Hour), Out: c.out, ErrOut: c.out,
			Namespace: cmp.Or(c.namespace, corev1.NamespaceDefault), Files: c.manifests,
		}
		if err := cli.Run(ctx, options, slices.Concat(words, c.args)...); err != nil {
			return fmt.Errorf("Error: %w", err)
		}
		return nil
	}
}

// manifests opens what the plugin's -f names.
func (c *call) manifests(names []string) ([]manifest.File, error) {
	var all []manifest.File
	for _, name := range names {
		files, err := c.console.Files(name)
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			all = append(all, manifest.File{Name: f.Name, Data: f.Data})
		}
	}
	return all, nil
}

// waitFor returns a function that lets time pass, for so long in all.
func (c *call) waitFor(limit time.Duration) func(ctx context.Context, d time.Duration) error {
	return func(ctx context.Context, d time.Duration) error {
		if limit -= d; limit < 0 {
			return fmt.Errorf("nothing came of waiting for so long; give --timeout")
		}
		return c.console.Backend.Sleep(ctx, d)
	}
}

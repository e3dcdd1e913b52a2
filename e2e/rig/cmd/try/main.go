// Command try starts a local rig for a person: a real control plane with nodes, a mesh,
// Prometheus and the controller, to be driven with kubectl and its plugin until ctrl-c
// ends it. See package rig for what it consists of.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/aviary-rollouts/aviary/e2e/rig"
	"github.com/aviary-rollouts/aviary/internal/interrupt"
)

func main() {
	ctx, cancel := interrupt.Context()
	defer cancel()
	ctrllog.SetLogger(logr.Discard()) // what matters comes back as an error
	if err := command().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

func command() *cobra.Command {
	options := rig.Options{Progress: os.Stderr}
	c := &cobra.Command{
		Use:           "try",
		Short:         "Start a real control plane on this machine with nodes, a mesh, Prometheus and the controller",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          func(c *cobra.Command, _ []string) error { return run(c.Context(), options) },
	}
	f := c.Flags()
	f.StringVar(&options.Dir, "dir", "", "folder for state and logs, wiped at the start and kept at the end (default: a temporary one)")
	f.StringVar(&options.Controller, "controller", "", "binary of another controller, which gets --kubeconfig (default: ours, built from the checkout)")
	return c
}

// run starts everything, says how to use it, and waits for ctrl-c.
func run(ctx context.Context, options rig.Options) (err error) {
	l, err := rig.StartLocal(ctx, options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Stop()) }()
	plugin, err := l.Plugin(ctx)
	if err != nil {
		return err
	}
	fmt.Printf(`
export KUBECONFIG=%s
export PATH=%s:%s:$PATH   # kubectl, and its plugin argo rollouts
curl -x http://default:shell@%s http://mock-server.default:8080/   # as a client with a sidecar
Prometheus    %s
logs          %s

ctrl-c ends it
`, l.Plane.Kubeconfig(), plugin, filepath.Dir(l.Plane.Kubectl()), l.Front(), l.Plane.Prometheus(), filepath.Join(l.Plane.Dir(), "logs"))
	return l.Wait(ctx)
}

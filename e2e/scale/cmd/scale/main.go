// Command scale measures what many Rollouts cost on the local control plane. See
// package scale.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"k8s.io/klog/v2"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/aviary-rollouts/aviary/e2e/scale"
	"github.com/aviary-rollouts/aviary/internal/interrupt"
)

func main() {
	ctx, cancel := interrupt.Context()
	defer cancel()
	if err := command().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

func command() *cobra.Command {
	options := scale.Options{Progress: os.Stderr}
	var check, asJSON bool
	c := &cobra.Command{
		Use:           "scale",
		Short:         "Measure what many Rollouts cost the controller and the API server",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(c *cobra.Command, _ []string) error {
			if options.Rollouts < 1 || options.Namespaces < 1 {
				return fmt.Errorf("--rollouts %d, --namespaces %d: there must be at least one of each", options.Rollouts, options.Namespaces)
			}
			ctrllog.SetLogger(logr.Discard()) // what matters comes back as an error
			klog.SetLogger(logr.Discard())
			report, err := scale.Run(c.Context(), options)
			if err != nil {
				return err
			}
			if asJSON {
				e := json.NewEncoder(c.OutOrStdout())
				e.SetIndent("", "  ")
				err = e.Encode(report)
			} else {
				err = report.Write(c.OutOrStdout())
			}
			if err != nil || !check {
				return err
			}
			return missed(report)
		},
	}
	f := c.Flags()
	f.IntVarP(&options.Rollouts, "rollouts", "n", 200, "how many Rollouts")
	f.IntVar(&options.Namespaces, "namespaces", 10, "how many namespaces they are spread over")
	f.StringVar(&options.Dir, "dir", "", "folder for state and logs, wiped at the start and kept at the end (default: a temporary one)")
	f.StringVar(&options.Controller, "controller", "", "the binary to measure (default: ours, built from the checkout)")
	f.StringArrayVar(&options.ControllerArgs, "controller-arg", nil, "another argument for it; may be repeated")
	f.BoolVar(&check, "check", false, "fail if a goal is missed")
	f.BoolVar(&asJSON, "json", false, "write JSON")
	return c
}

// missed lists the goals that were not reached, as an error.
func missed(report scale.Report) error {
	var names []string
	for _, l := range report.Lines() {
		if l.Missed() {
			names = append(names, l.What)
		}
	}
	if names == nil {
		return nil
	}
	return fmt.Errorf("goals were missed: %q", names)
}

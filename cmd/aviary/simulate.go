package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/aviary-rollouts/aviary/internal/manifest"
	"github.com/aviary-rollouts/aviary/internal/ops"
	"github.com/aviary-rollouts/aviary/sim"
	"github.com/aviary-rollouts/aviary/sim/rehearse"
)

// tableWidth is how wide a table may be before its texts are wrapped.
const tableWidth = 120

// simulateFlags is what a person asks aviary simulate.
type simulateFlags struct {
	files   []string
	images  []string
	output  string
	options rehearse.Options
}

func newSimulateCommand() *cobra.Command {
	f := simulateFlags{output: "table"}
	cmd := &cobra.Command{
		Use:   "simulate -f FILE...",
		Short: "Show what a manifest would do: the timeline of an update, and what to watch out for",
		Long: `Show what a manifest would do.

The objects of the files are applied to a simulated cluster with the controllers
of this project. After the first deploy a new image is set, and every change is
shown with its simulated time until the update has ended. Where the manifest
cannot do what it says, a warning says so with the numbers.

The exit code is 2 if the input is wrong, and 1 if the first deploy fails, so
that there is no update to show.`,
		Example: `  aviary simulate -f rollout.yaml -f services.yaml
  aviary simulate -f manifests/ --set-image web=web:2.0.0 --promote-after 2m
  kustomize build . | aviary simulate -f - -o json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.simulate(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
	flagsAreUsage(cmd)
	f.define(cmd)
	return cmd
}

func (f *simulateFlags) define(cmd *cobra.Command) {
	o := &f.options
	o.Until, o.ReadyAfter = 30*time.Minute, 4*time.Second
	cmd.Flags().StringArrayVarP(&f.files, "filename", "f", nil, "a manifest, a folder of manifests, or - for standard input; may be repeated")
	cmd.Flags().StringArrayVar(&f.images, "set-image", nil, "start the update with CONTAINER=IMAGE (default: another tag for the first container); may be repeated")
	cmd.Flags().Var((*timeFlag)(&o.PromoteAfter), "promote-after", "a person promotes this long after each pause without end (default: nobody does)")
	cmd.Flags().Var((*timeFlag)(&o.AbortAfter), "abort-after", "a person aborts the update this long after its start (default: nobody does)")
	cmd.Flags().Var((*timeFlag)(&o.Until), "until", "end the simulation after this time")
	cmd.Flags().Var((*timeFlag)(&o.ReadyAfter), "ready-after", "how long a pod takes to become ready")
	cmd.Flags().StringVar(&o.Rollout, "rollout", "", "the Rollout to update, if the files hold several")
	cmd.Flags().StringVarP(&o.Namespace, "namespace", "n", "default", "the namespace of objects that name none")
	cmd.Flags().Uint64Var(&o.Seed, "seed", 1, "seed of the simulator's randomness")
	cmd.Flags().StringVarP(&f.output, "output", "o", "table", "output format: table or json")
}

func (f *simulateFlags) simulate(ctx context.Context, stdin io.Reader, out io.Writer) error {
	if err := f.check(); err != nil {
		return err
	}
	files, err := readManifests(f.files, stdin)
	if err != nil {
		return err
	}
	scheme, err := sim.Scheme()
	if err != nil {
		return err
	}
	if f.options.Objects, err = manifest.Read(files, scheme); err != nil {
		return usageError{err}
	}
	report, err := rehearse.Run(ctx, f.options)
	var input *rehearse.InputError
	switch {
	case errors.As(err, &input):
		return usageError{err}
	case err != nil:
		return err
	}
	if err := f.write(out, report); err != nil {
		return err
	}
	if why := report.Failure(); why != "" {
		return errors.New(why)
	}
	return nil
}

// check refuses an unknown format and reads the images.
func (f *simulateFlags) check() error {
	if f.output != "table" && f.output != "json" {
		return usagef("--output %q is unknown; write -o table or -o json", f.output)
	}
	f.options.Images = nil
	for _, text := range f.images {
		image, err := ops.ParseContainerImage(text)
		if err != nil {
			return usagef("--set-image: %w", err)
		}
		f.options.Images = append(f.options.Images, image)
	}
	return nil
}

func (f *simulateFlags) write(out io.Writer, report *rehearse.Report) error {
	if f.output == "table" {
		return report.WriteText(out, tableWidth)
	}
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(report)
}

// timeFlag is a span of time.
type timeFlag time.Duration

// Set reads the flag.
func (f *timeFlag) Set(s string) error {
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return errors.New("write a time above 0, for example 90s, 2m or 1h30m")
	}
	*f = timeFlag(d)
	return nil
}

// String is the span, empty if there is none.
func (f *timeFlag) String() string {
	if *f == 0 {
		return ""
	}
	return rehearse.Duration(*f).String()
}

// Type is the word for the value in the help text.
func (f *timeFlag) Type() string { return "TIME" }

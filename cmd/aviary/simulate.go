package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aviary-rollouts/aviary/internal/manifest"
	"github.com/aviary-rollouts/aviary/internal/ops"
	"github.com/aviary-rollouts/aviary/sim/rehearse"
	"github.com/aviary-rollouts/aviary/sim/rehearse/picture"
)

// tableWidth is how wide a table may be before its texts are wrapped.
const tableWidth = 120

// simulateFlags is what a person asks aviary simulate.
type simulateFlags struct {
	files   []string
	images  []string
	with    string
	load    string
	fail    []string
	latency []string
	outputs []string
	options rehearse.Options
}

func newSimulateCommand() *cobra.Command {
	f := simulateFlags{}
	cmd := &cobra.Command{
		Use:   "simulate -f FILE...",
		Short: "Show what a manifest would do: the timeline of an update, and what to watch out for",
		Long: `Show what a manifest would do.

The objects of the files are applied to a simulated cluster with the controllers
of this project. After the first deploy a new image is set, and every change is
shown with its simulated time until the update has ended. Where the manifest
cannot do what it says, a warning says so with the numbers.

With --load, users send requests, and an analysis asks its queries of a real
PromQL engine over what Istio's proxies count of them; --fail and --latency make
a version misbehave. An analysis that needs numbers gets a load by itself. The end
says what users saw: how many requests failed, and how many because of the new
version.

The exit code is 2 if the input is wrong, be it that the update shows a condition
or a query which cannot be understood, and 1 if the first deploy fails, so that
there is no update to show.`,
		Example: `  aviary simulate -f rollout.yaml -f services.yaml
  aviary simulate -f manifests/ --set-image web=web:2.0.0 --promote-after 2m
  aviary simulate -f manifests/ --fail new=10%@1m --load 200@web:8080/checkout
  aviary simulate -f manifests/ --fail new=10% -o html=report.html
  kustomize build . | aviary simulate -f - -o json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(cmd.Flags().Changed); err != nil {
				return err
			}
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
	cmd.Flags().StringVar(&f.load, "load", "", "users send RATE[@HOST:PORT/PATH] requests a second; 0 for none (default: 50, if an analysis asks Prometheus or a version misbehaves)")
	cmd.Flags().StringArrayVar(&f.fail, "fail", nil, "an image fails requests: new=10%, old=1%, IMAGE=5%@2m (2 minutes after the start); may be repeated")
	cmd.Flags().StringArrayVar(&f.latency, "latency", nil, "an image answers slowly: new=200ms, or new=200ms,p99=1s, also with @TIME; may be repeated")
	cmd.Flags().StringVar(&f.with, "with", "", "a file with these settings, and with series and answers for metrics; see docs/simulate.md")
	cmd.Flags().Var((*timeFlag)(&o.PromoteAfter), "promote-after", "a person promotes this long after each pause without end (default: nobody does)")
	cmd.Flags().Var((*timeFlag)(&o.AbortAfter), "abort-after", "a person aborts the update this long after its start (default: nobody does)")
	cmd.Flags().Var((*timeFlag)(&o.Until), "until", "end the simulation after this time")
	cmd.Flags().Var((*timeFlag)(&o.ReadyAfter), "ready-after", "how long a pod takes to become ready")
	cmd.Flags().StringVar(&o.Rollout, "rollout", "", "the Rollout to update, if the files hold several")
	cmd.Flags().StringVarP(&o.Namespace, "namespace", "n", "default", "the namespace of objects that name none")
	cmd.Flags().Uint64Var(&o.Seed, "seed", 1, "seed of the simulator's randomness")
	cmd.Flags().StringArrayVarP(&f.outputs, "output", "o", nil, "output: table (the default), json, html=FILE for a page with charts, svg=FILE for the charts alone; may be repeated")
}

func (f *simulateFlags) simulate(ctx context.Context, stdin io.Reader, out io.Writer) error {
	found, err := readManifests(f.files, stdin)
	if err != nil {
		return err
	}
	scheme, err := manifest.Scheme()
	if err != nil {
		return err
	}
	if f.options.Objects, err = manifest.Read(found, scheme); err != nil {
		return usageError{err}
	}
	report, err := rehearse.Run(ctx, f.options)
	var input *rehearse.InputError
	switch {
	case ctx.Err() != nil:
		return errors.New("interrupted")
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
	if mistakes := report.Mistakes(); len(mistakes) > 0 {
		return usagef("%s", strings.Join(mistakes, "\n"))
	}
	return nil
}

// check reads the file of --with and then the flags, which override it. changed
// tells which flags were given.
func (f *simulateFlags) check(changed func(string) bool) error {
	if err := checkOutputs(f.outputs); err != nil {
		return err
	}
	given := f.options
	if err := f.readWith(); err != nil {
		return err
	}
	for name, span := range map[string][2]*time.Duration{
		"promote-after": {&f.options.PromoteAfter, &given.PromoteAfter}, "abort-after": {&f.options.AbortAfter, &given.AbortAfter},
		"until": {&f.options.Until, &given.Until}, "ready-after": {&f.options.ReadyAfter, &given.ReadyAfter},
	} {
		if changed(name) {
			*span[0] = *span[1]
		}
	}
	return f.checkTraffic()
}

func (f *simulateFlags) readWith() error {
	if f.with == "" {
		return nil
	}
	data, err := os.ReadFile(f.with)
	if err != nil {
		return usagef("--with: %w", err)
	}
	if err := rehearse.ReadSettings(manifest.File{Name: f.with, Data: data}, &f.options); err != nil {
		return usagef("--with: %w", err)
	}
	return nil
}

// checkTraffic reads the flags about images and requests.
func (f *simulateFlags) checkTraffic() error {
	o := &f.options
	if len(f.images) > 0 {
		o.Images = nil
	}
	for _, text := range f.images {
		image, err := ops.ParseContainerImage(text)
		if err != nil {
			return usagef("--set-image: %w", err)
		}
		o.Images = append(o.Images, image)
	}
	if f.load != "" {
		load, err := rehearse.ParseLoad(f.load)
		if err != nil {
			return usagef("--load: %w", err)
		}
		o.Load = &load
	}
	for _, text := range f.fail {
		b, err := rehearse.ParseFail(text)
		if err != nil {
			return usagef("--fail: %w", err)
		}
		o.Behaviours = append(o.Behaviours, b)
	}
	for _, text := range f.latency {
		b, err := rehearse.ParseLatency(text)
		if err != nil {
			return usagef("--latency: %w", err)
		}
		o.Behaviours = append(o.Behaviours, b)
	}
	return nil
}

// simulateOutput is one value of --output.
type simulateOutput struct{ format, file string }

func readOutput(text string) (simulateOutput, error) {
	format, file, toFile := strings.Cut(text, "=")
	switch format {
	case "table", "json":
		if !toFile {
			return simulateOutput{format, ""}, nil
		}
	case "html", "svg":
		if file != "" {
			return simulateOutput{format, file}, writable(file)
		}
		return simulateOutput{}, usagef("--output %s needs a file; write -o %s=report.%s", text, format, format)
	}
	return simulateOutput{}, usagef("--output %q is unknown; write -o table, -o json, -o html=FILE or -o svg=FILE", text)
}

// checkOutputs refuses two outputs to one place.
func checkOutputs(texts []string) error {
	taken := map[string]string{} // by file, or empty for what is printed
	for _, text := range texts {
		o, err := readOutput(text)
		if err != nil {
			return err
		}
		other, both := taken[o.file]
		switch {
		case both && o.file != "":
			return usagef("--output %s and --output %s write to the same file; name another", other, text)
		case both && other != text:
			return usagef("--output %s and --output %s cannot both be printed; leave one out", other, text)
		}
		taken[o.file] = text
	}
	return nil
}

// write prints what was asked for, and the table unless there is JSON.
func (f *simulateFlags) write(out io.Writer, report *rehearse.Report) error {
	asJSON := false
	for _, text := range f.outputs {
		o, err := readOutput(text)
		if err != nil {
			return err
		}
		switch o.format {
		case "json":
			asJSON = true
		case "html":
			err = os.WriteFile(o.file, picture.HTML(report), 0o644)
		case "svg":
			err = os.WriteFile(o.file, picture.SVG(report), 0o644)
		}
		if err != nil {
			return usagef("--output: %w", err)
		}
	}
	if !asJSON {
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

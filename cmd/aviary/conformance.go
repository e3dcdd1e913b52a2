package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/aviary-rollouts/aviary/e2e/kindcluster"
	"github.com/aviary-rollouts/aviary/e2e/rig"
	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/scenarios/backend"
	"github.com/aviary-rollouts/aviary/scenarios/replay"
	"github.com/aviary-rollouts/aviary/sim"
)

// conformanceFlags is what a person asks aviary conformance.
type conformanceFlags struct {
	on, controller, run string
	outputs             []string
	workers             int
	longest, patience   time.Duration
	kill                time.Duration
	ready               time.Duration
	dir                 string
}

func newConformanceCommand() *cobra.Command {
	var f conformanceFlags
	cmd := &cobra.Command{
		Use:   "conformance [PATH...]",
		Short: "Play scenarios on a cluster, and say by feature how many pass",
		Long: `Play scenarios on a cluster, and say by feature how many pass.

--on names the cluster:
  sim      the simulator (default)
  local    a real control plane on this machine: etcd, kube-apiserver,
           controller-manager, scheduler, istiod and Prometheus, built from their
           Go modules at the first use (a quarter of an hour on two cores), with
           processes for pods. It needs Linux, root, and a checkout of Aviary.
  kind     a cluster of kind with three nodes, made and deleted: it needs Docker,
           a checkout of Aviary, and images (make images IMAGES=-e2e).
           $E2E_NODE_IMAGE names the image of its nodes.
  FILE     the cluster that a kubeconfig reaches. What is missing is installed, and
           stays: definitions, controller, istiod with our data plane, Prometheus. What
           somebody else has installed there is not changed.

--controller judges another controller than ours: on local a binary, which gets
--kubeconfig and the flags of Argo Rollouts' controller, on kind a static binary or an
image, elsewhere an image, or "installed": the one that the cluster has. The simulator
runs ours alone.

On a live cluster time costs time: a sleep of a scenario takes as long as the
simulator says that something can happen in it. A scenario that takes longer than
--longest is skipped, and so is one that needs what the cluster cannot do.

The exit code is 1 if a scenario failed, 2 if the call or a path is wrong.`,
		Example: `  aviary conformance
  aviary conformance --on local --run canary
  aviary conformance --on local -o markdown=report.md -o junit=report.xml`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, paths []string) error {
			return f.judge(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), paths)
		},
	}
	flagsAreUsage(cmd)
	cmd.Flags().StringVar(&f.on, "on", "sim", "the cluster: sim, local, kind or the path of a kubeconfig")
	cmd.Flags().StringVar(&f.controller, "controller", "", "the controller to judge, a path or an image; empty: $E2E_CONTROLLER, or ours")
	cmd.Flags().StringVar(&f.run, "run", "", "play only scenarios whose name matches this regular expression")
	cmd.Flags().StringArrayVarP(&f.outputs, "output", "o", nil, "also report as FORM=FILE: markdown, json or junit; may be repeated")
	cmd.Flags().IntVar(&f.workers, "workers", 0, "how many scenarios to play at a time on a live cluster; 0: 24 on local, 8 elsewhere")
	cmd.Flags().DurationVar(&f.longest, "longest", 20*time.Minute, "skip scenarios that take longer on a live cluster; 0: none")
	cmd.Flags().DurationVar(&f.patience, "patience", 0, "how late what a scenario expects may be on a live cluster; 0: 30s on local, a minute elsewhere")
	cmd.Flags().DurationVar(&f.kill, "kill", 0, "on local, kill the controller and start it again, at random moments that are so far apart on average; 0: never")
	cmd.Flags().DurationVar(&f.ready, "ready", 0, "on local, how long a pod takes to become ready; 0: 4s, which scenarios expect. More shows which of them judge the machine")
	cmd.Flags().StringVar(&f.dir, "dir", "", "folder for state and logs of local, and for what is left of scenarios that fail; kept afterwards; empty: a temporary one")
	return cmd
}

// liveMemory is what simMemory is, on a live cluster: the data plane, the nodes and the
// records of dozens of scenarios live in it.
const liveMemory = 3 << 30

// venue is where scenarios are played.
type venue struct {
	open func() (backend.Backend, error)
	stop func() error
	// keep writes down what happened in a scenario, and says where; nil if there
	// is no folder for it.
	keep func(scenario string, b backend.Backend) (path string, err error)
}

func (f *conformanceFlags) judge(ctx context.Context, out, progress io.Writer, paths []string) error {
	reports, err := parseConformanceReports(f.outputs)
	if err != nil {
		return err
	}
	found, err := (&replayFlags{run: f.run}).scenarios(paths)
	if err != nil {
		return err
	}
	if err := f.complete(); err != nil {
		return err
	}
	if f.kill < 0 || f.kill > 0 && f.on != "local" {
		return usagef("--kill %s: give a duration, and --on local, where the controller is a process of ours", f.kill)
	}
	if f.ready < 0 || f.ready > 0 && f.on != "local" {
		return usagef("--ready %s: give a duration, and --on local, where pods are ours", f.ready)
	}
	ctrllog.SetLogger(logr.Discard()) // what matters comes back as an error
	if f.on != backend.SimName {
		collectBy(liveMemory)
	}
	rehearsed := f.rehearse(ctx, found)
	v, err := f.venue(ctx, progress)
	if err != nil {
		return err
	}
	outcomes, err := f.play(ctx, v, out, progress, found, <-rehearsed)
	if stopErr := v.stop(); err == nil {
		err = stopErr
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(out)
	if err := replay.WriteTable(out, replay.Features(outcomes)); err != nil {
		return err
	}
	for _, r := range reports {
		if err := r.write(f.on, outcomes); err != nil {
			return err
		}
	}
	for i := range outcomes {
		if outcomes[i].Verdict() == replay.Failed {
			return errScenariosFailed
		}
	}
	return nil
}

// complete fills in what depends on where scenarios are played, and refuses what has no
// meaning there.
func (f *conformanceFlags) complete() error {
	if f.on == backend.SimName && f.controller != "" {
		return usagef("--controller %s: the simulator runs our controller alone: give --on local, kind or a kubeconfig", f.controller)
	}
	workers, patience := 24, 30*time.Second
	if f.on != "local" { // real kubelets take their time
		workers, patience = 8, time.Minute
	}
	f.workers, f.patience = cmp.Or(f.workers, workers), cmp.Or(f.patience, patience)
	if f.workers < 0 || f.longest < 0 || f.patience < 0 {
		return usagef("--workers %d, --longest %s, --patience %s: none can be negative", f.workers, f.longest, f.patience)
	}
	f.controller = cmp.Or(f.controller, os.Getenv("E2E_CONTROLLER"))
	return nil
}

// rehearse makes the timetables of scenarios while the cluster starts; none for the
// simulator.
func (f *conformanceFlags) rehearse(ctx context.Context, found []replay.Scenario) <-chan []*replay.Timetable {
	rehearsed := make(chan []*replay.Timetable, 1)
	if f.on == backend.SimName {
		close(rehearsed)
		return rehearsed
	}
	go func() { rehearsed <- replay.Timetables(ctx, found) }()
	return rehearsed
}

// venue starts the cluster that --on names.
func (f *conformanceFlags) venue(ctx context.Context, progress io.Writer) (venue, error) {
	switch f.on {
	case backend.SimName:
		return venue{
			open: func() (backend.Backend, error) { return backend.NewSim(sim.Options{Seed: 1, Interrupt: ctx.Err}) },
			stop: func() error { return nil },
		}, nil
	case "local":
		return f.local(ctx, progress)
	case "kind":
		return f.kind(ctx, progress)
	}
	if _, err := os.Stat(f.on); err != nil {
		return venue{}, usagef("--on %s: give sim, local, kind or the path of a kubeconfig", f.on)
	}
	return f.found(ctx, progress)
}

// local starts a control plane on this machine.
func (f *conformanceFlags) local(ctx context.Context, progress io.Writer) (venue, error) {
	o := rig.Options{Dir: f.dir, Controller: f.controller, Patience: f.patience, Killed: f.kill > 0, Progress: progress}
	o.Nodes.Timing.Ready = f.ready
	if f.dir == "" { // what is in the plane's own folder goes with it
		folder, err := f.folder()
		if err != nil {
			return venue{}, err
		}
		o.Records = folder
	}
	l, err := rig.StartLocal(ctx, o)
	if err != nil {
		f.leave(o.Records)
		return venue{}, err
	}
	stop := f.killing(ctx, l, progress)
	return venue{open: l.Open, keep: l.Keep, stop: func() error {
		defer f.leave(o.Records)
		return stop()
	}}, nil
}

// killing kills the controller of the local cluster from now on, if that was asked for.
// It returns what ends that, and the cluster.
func (f *conformanceFlags) killing(ctx context.Context, l *rig.Local, progress io.Writer) (stop func() error) {
	if f.kill == 0 {
		return l.Stop
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error)
	go func() {
		kills, err := l.Controller.KillAtRandom(ctx, f.kill, rand.New(rand.NewPCG(1, 0)))
		fmt.Fprintf(progress, "the controller was killed %d times\n", kills)
		ended <- err
	}()
	return func() error {
		cancel()
		return errors.Join(<-ended, l.Stop())
	}
}

// kind makes a cluster of kind, and installs what has to be there.
func (f *conformanceFlags) kind(ctx context.Context, progress io.Writer) (venue, error) {
	options := f.remoteOptions(progress)
	archives, err := options.Complete(ctx, "")
	if err != nil {
		return venue{}, err
	}
	folder, err := f.folder()
	if err != nil {
		return venue{}, err
	}
	c := kindcluster.Cluster{
		Name: "aviary-conformance", Image: os.Getenv("E2E_NODE_IMAGE"), Kubeconfig: filepath.Join(folder, "kubeconfig"), Progress: progress,
	}
	remove := func() error {
		if os.Getenv("E2E_KEEP") == "1" {
			fmt.Fprintf(progress, "the cluster %s stays; its kubeconfig is %s\n", c.Name, c.Kubeconfig)
			return nil
		}
		err := errors.Join(c.Delete(), os.RemoveAll(c.Kubeconfig))
		f.leave(folder)
		return err
	}
	v, err := f.fill(ctx, &c, options, archives)
	if err != nil {
		return venue{}, errors.Join(err, remove())
	}
	stop := v.stop
	v.stop = func() error { return errors.Join(stop(), remove()) }
	return v, nil
}

// folder returns the folder that was asked for, or a temporary one.
func (f *conformanceFlags) folder() (string, error) {
	if f.dir == "" {
		return os.MkdirTemp("", "aviary-conformance-")
	}
	return f.dir, os.MkdirAll(f.dir, 0o755)
}

// leave removes a temporary folder, unless it holds what is left of a scenario.
func (f *conformanceFlags) leave(folder string) {
	if f.dir == "" {
		_ = os.Remove(folder) // which removes none with something in it
	}
}

// fill creates a cluster, loads images, and installs what has to be there.
func (f *conformanceFlags) fill(ctx context.Context, c *kindcluster.Cluster, o rig.RemoteOptions, archives []string) (venue, error) {
	if err := c.Create(ctx); err != nil {
		return venue{}, err
	}
	for _, archive := range archives {
		if err := c.Load(ctx, archive); err != nil {
			return venue{}, err
		}
	}
	o.Kubeconfig, o.Artifacts = c.Kubeconfig, filepath.Dir(c.Kubeconfig)
	return f.remote(ctx, o)
}

// found installs what is missing on a cluster that is there.
func (f *conformanceFlags) found(ctx context.Context, progress io.Writer) (venue, error) {
	folder, err := f.folder()
	if err != nil {
		return venue{}, err
	}
	o := f.remoteOptions(progress)
	o.Kubeconfig, o.Artifacts = f.on, folder
	v, err := f.remote(ctx, o)
	if err != nil {
		f.leave(folder)
		return venue{}, err
	}
	stop := v.stop
	v.stop = func() error {
		f.leave(folder)
		return stop()
	}
	return v, nil
}

// remoteOptions are what a person asked of a cluster with containers, whichever it is.
func (f *conformanceFlags) remoteOptions(progress io.Writer) rig.RemoteOptions {
	return rig.RemoteOptions{
		Controller: f.controller, Mesh: os.Getenv("E2E_ISTIO"), Istio: os.Getenv("E2E_ISTIO_MANIFESTS"), Patience: f.patience, Progress: progress,
	}
}

// remote connects to a cluster with containers.
func (f *conformanceFlags) remote(ctx context.Context, o rig.RemoteOptions) (venue, error) {
	r, err := rig.StartRemote(ctx, o)
	if err != nil {
		return venue{}, err
	}
	stop := func() error { return errors.Join(r.Panicked(ctx), r.Stop()) }
	return venue{open: r.Open, stop: stop, keep: r.Keep}, nil
}

// play plays all scenarios: one after the other in the simulator, many at a time
// elsewhere.
func (f *conformanceFlags) play(ctx context.Context, v venue, out, progress io.Writer, found []replay.Scenario, tables []*replay.Timetable) ([]replay.Outcome, error) {
	player := replay.Player{Open: v.open, Clock: clock.Real{}, Longest: f.longest, Tables: tables}
	if v.keep != nil {
		player.Closing = func(o *replay.Outcome, b backend.Backend) { v.keepFailed(o, b, progress) }
	}
	text := replay.Text{Out: out, NameWidth: nameWidth(found)}
	workers := f.workers
	if f.on == backend.SimName {
		workers = 1
	} else {
		text.Time = "real"
	}
	outcomes := player.PlayAll(ctx, found, workers, text.Write)
	for i := range outcomes {
		if outcomes[i].Broken() {
			return nil, usageError{outcomes[i].Err}
		}
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("interrupted")
	}
	return outcomes, nil
}

// keepFailed keeps what happened in a scenario that failed.
func (v *venue) keepFailed(o *replay.Outcome, b backend.Backend, progress io.Writer) {
	if o.Verdict() != replay.Failed {
		return
	}
	path, err := v.keep(o.Scenario.Name, b)
	if err != nil {
		fmt.Fprintln(progress, err)
		return
	}
	fmt.Fprintf(progress, "what happened in %s: %s\n", o.Scenario.Name, path)
}

// conformanceReportFile is a report that was asked for.
type conformanceReportFile struct{ form, file string }

func parseConformanceReports(outputs []string) ([]conformanceReportFile, error) {
	var reports []conformanceReportFile
	for _, o := range outputs {
		form, file, _ := strings.Cut(o, "=")
		switch form {
		case "markdown", "json", "junit":
			if file != "" {
				if err := writable(file); err != nil {
					return nil, err
				}
				reports = append(reports, conformanceReportFile{form, file})
				continue
			}
		}
		return nil, usagef("-o %s: give markdown=FILE, json=FILE or junit=FILE", o)
	}
	return reports, nil
}

func (r conformanceReportFile) write(on string, outcomes []replay.Outcome) error {
	return writeReport(nil, r.file, func(w io.Writer) error {
		switch r.form {
		case "markdown":
			return replay.WriteMarkdown(w, replay.Features(outcomes))
		case "json":
			return replay.WriteConformance(w, on, outcomes)
		}
		return replay.WriteJUnit(w, outcomes)
	})
}

// Command rollouts-controller controls Rollouts, AnalysisRuns and Experiments in
// a cluster.
//
// It is wiring only: flags.go holds the flags, log.go the log, collector.go how much memory
// is spent to save time, resident_linux.go how some is saved, lateness_linux.go how late
// threads may be woken, and internal/manager runs the controllers of internal/control.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/pflag"
	"k8s.io/klog/v2"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/aviary-rollouts/aviary/internal/build"
	"github.com/aviary-rollouts/aviary/internal/heap"
	"github.com/aviary-rollouts/aviary/internal/manager"
)

// version is set when a release is linked: -ldflags "-X main.version=v1.2.3".
var version string

// atOnce is how many threads run Go code at a time. A controller waits for answers and
// changes, and works for some microseconds in between: a second thread is awake before
// it finds that nothing is left to do, which costs a tenth of the processor's time.
// GOMAXPROCS decides where it is set.
const atOnce = 1

// started is after how long a controller has read what there is, and only follows it.
const started = 30 * time.Second

func main() {
	f, err := read(os.Args[1:], os.Stdout)
	if err == nil && f != nil {
		err = start(f)
	}
	switch {
	case errors.Is(err, pflag.ErrHelp):
	case err != nil:
		report(os.Stderr, f, err)
		os.Exit(1)
	}
}

// report says why the controller ends: in its log, so that who reads that need not read
// anything else, or in plain words if it is not known how to log.
func report(w io.Writer, f *flags, err error) {
	if f != nil {
		if log, unknown := newLog(w, f.logLevel, f.logFormat); unknown == nil {
			log.Error(err, "Failed")
			return
		}
	}
	fmt.Fprintln(w, "rollouts-controller:", err)
}

// read reads the arguments, and answers those that only ask for the version: then there
// are no flags. What can be answered at once is, before the process is prepared for work.
func read(args []string, out io.Writer) (*flags, error) {
	f := newFlags()
	if err := f.parse(args, out); err != nil {
		return nil, err
	}
	if f.showVersion {
		_, err := fmt.Fprintln(out, "rollouts-controller", build.Version(version))
		return nil, err
	}
	return f, nil
}

// start prepares the process, and controls until it is asked to stop.
func start(f *flags) error {
	wakeLate()
	letGo()
	time.AfterFunc(started, letGo)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if os.Getenv("GOGC") == "" {
		heap.Collect(percentFor)
	}
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(atOnce)
	}
	return run(ctx, f, os.Stderr)
}

// run is the controller without the process around it.
func run(ctx context.Context, f *flags, errOut io.Writer) error {
	log, err := newLog(errOut, f.logLevel, f.logFormat)
	if err != nil {
		return err
	}
	if err := setLogs(log, f.klogLevel); err != nil {
		return err
	}
	config, options, err := f.options()
	if err != nil {
		return err
	}
	options.Log, options.Version = log, build.Version(version)
	log.Info("Starting", "version", options.Version, "namespace", options.Namespace, "instance-id", options.InstanceID, "go", runtime.Version())
	if err := manager.Run(ctx, config, options); err != nil {
		return err
	}
	log.Info("Stopped")
	return nil
}

// setLogs makes the libraries log through ours.
func setLogs(log logr.Logger, klogLevel int) error {
	ctrllog.SetLogger(log)
	klog.SetLogger(log)
	var level klog.Level
	if err := level.Set(fmt.Sprint(klogLevel)); err != nil {
		return fmt.Errorf("--kloglevel %d: %w", klogLevel, err)
	}
	return nil
}

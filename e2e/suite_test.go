//go:build e2e

package e2e

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"
	"sigs.k8s.io/e2e-framework/pkg/env"
	"sigs.k8s.io/e2e-framework/pkg/envconf"
	"sigs.k8s.io/e2e-framework/pkg/envfuncs"

	"github.com/aviary-rollouts/aviary/e2e/rig"
	"github.com/aviary-rollouts/aviary/internal/interrupt"
	"github.com/aviary-rollouts/aviary/scenarios"
	"github.com/aviary-rollouts/aviary/scenarios/replay"
)

// settings are what the environment says; see docs/e2e.md.
type settings struct {
	kubeconfig string // of a cluster that is there; empty: one of kind is made
	nodeImage  string
	mesh       string
	istio      string         // file with the manifests of Istio
	controller string         // image, or program
	images     string         // folder with archives
	artifacts  string         // folder
	only       *regexp.Regexp // names of scenarios
	workers    int
	longest    time.Duration // of a scenario, by its timetable; 0: any
	keep       bool
}

// ask is what was asked for, cluster what is judged. TestMain sets both.
var (
	ask     settings
	cluster *rig.Remote
)

func readSettings() (settings, error) {
	root, err := filepath.Abs("..")
	if err != nil {
		return settings{}, err
	}
	s := settings{
		kubeconfig: os.Getenv("KUBECONFIG"), nodeImage: os.Getenv("E2E_NODE_IMAGE"), mesh: cmp.Or(os.Getenv("E2E_ISTIO"), rig.MeshXDS),
		istio: os.Getenv("E2E_ISTIO_MANIFESTS"), controller: os.Getenv("E2E_CONTROLLER"),
		images:    cmp.Or(os.Getenv("E2E_IMAGES"), filepath.Join(root, "bin", "images")),
		artifacts: cmp.Or(os.Getenv("E2E_ARTIFACTS"), filepath.Join(root, "bin", "e2e")),
		keep:      os.Getenv("E2E_KEEP") == "1",
	}
	if err := s.remote().Check(); err != nil {
		return s, err
	}
	if s.only, err = playable(os.Getenv("E2E_RUN")); err != nil {
		return s, fmt.Errorf("E2E_RUN=%q: %w", os.Getenv("E2E_RUN"), err)
	}
	if s.workers, err = strconv.Atoi(cmp.Or(os.Getenv("E2E_WORKERS"), "8")); err != nil || s.workers < 1 {
		return s, fmt.Errorf("E2E_WORKERS=%q: give how many scenarios to play at a time", os.Getenv("E2E_WORKERS"))
	}
	if s.longest, err = time.ParseDuration(cmp.Or(os.Getenv("E2E_LONGEST"), "20m")); err != nil || s.longest < 0 {
		return s, fmt.Errorf("E2E_LONGEST=%q: give how long a scenario may take, as in 5m", os.Getenv("E2E_LONGEST"))
	}
	if s.artifacts, err = filepath.Abs(s.artifacts); err != nil {
		return s, err
	}
	return s, os.MkdirAll(s.artifacts, 0o755)
}

// remote describes the cluster; of one that is made only what is known before it is.
func (s *settings) remote() rig.RemoteOptions {
	return rig.RemoteOptions{
		Name: "kind", Kubeconfig: s.kubeconfig, Mesh: s.mesh, Istio: s.istio, Controller: s.controller,
		Loaded: s.kubeconfig == "", Artifacts: s.artifacts, Progress: os.Stderr,
	}
}

// playable reads the regular expression of E2E_RUN, and refuses one that names no scenario.
func playable(expression string) (*regexp.Regexp, error) {
	only, err := regexp.Compile(expression)
	if err != nil {
		return nil, err
	}
	found, err := replay.All(scenarios.FS)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(found, func(s replay.Scenario) bool { return only.MatchString(s.Name) }) {
		return nil, fmt.Errorf("no scenario of %d has such a name", len(found))
	}
	return only, nil
}

// name is that of the cluster which the suite makes.
const name = "aviary-e2e"

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (int, error) {
	var err error
	if ask, err = readSettings(); err != nil {
		return 1, err
	}
	// Until specs run, for which ginkgo hears of signals: what is half made is taken away.
	ctx, stop := interrupt.Context()
	defer stop()
	world, err := env.NewWithContext(ctx, envconf.New())
	if err != nil {
		return 1, err
	}
	provider, options := newProvider(filepath.Join(ask.artifacts, "kubeconfig"), ask.nodeImage, os.Stderr), ask.remote()
	if ask.kubeconfig == "" {
		world.Setup(envfuncs.CreateCluster(provider, name))
		archives, err := options.Complete(ctx, ask.images)
		if err != nil {
			return 1, err
		}
		for _, archive := range archives {
			world.Setup(envfuncs.LoadImageArchiveToCluster(name, archive))
		}
	} else {
		world.Setup(func(ctx context.Context, c *envconf.Config) (context.Context, error) {
			c.WithKubeconfigFile(ask.kubeconfig)
			return ctx, nil
		})
	}
	world.Setup(func(ctx context.Context, c *envconf.Config) (context.Context, error) {
		ctx, err := install(ctx, c, options)
		stop()
		go hangup()
		return ctx, err
	})
	world.Finish(func(ctx context.Context, _ *envconf.Config) (context.Context, error) {
		if cluster == nil {
			return ctx, nil // it was not reached
		}
		return ctx, cluster.RecordController(ctx, filepath.Join(ask.artifacts, "controller"))
	})
	if ask.kubeconfig == "" && !ask.keep {
		// envfuncs.DestroyCluster knows no cluster that was not ready in time.
		world.Finish(anyway(envfuncs.ExportClusterLogs(name, filepath.Join(ask.artifacts, "nodes"))), anyway(func(ctx context.Context, _ *envconf.Config) (context.Context, error) {
			return ctx, provider.WithName(name).Destroy(ctx)
		}))
	}
	return world.Run(m), nil
}

// anyway says what went wrong and lets what comes after it happen: a node that lacks a
// program for its logs is no reason to leave the cluster behind.
func anyway(do env.Func) env.Func {
	return func(ctx context.Context, c *envconf.Config) (context.Context, error) {
		ctx, err := do(ctx, c)
		if err != nil {
			fmt.Fprintln(os.Stderr, "e2e:", err)
		}
		return ctx, nil
	}
}

// hangup lets the end of a terminal be what ctrl-c is, of which alone ginkgo knows.
func hangup() {
	if signal.Ignored(syscall.SIGHUP) {
		return
	}
	heard := make(chan os.Signal, 1)
	signal.Notify(heard, syscall.SIGHUP)
	<-heard
	_ = syscall.Kill(os.Getpid(), syscall.SIGTERM) // we are there
}

// install puts on the cluster what scenarios need.
func install(ctx context.Context, c *envconf.Config, o rig.RemoteOptions) (context.Context, error) {
	o.Kubeconfig = c.KubeconfigFile()
	var err error
	cluster, err = rig.StartRemote(ctx, o)
	// What comes after it is not over with the signal that ends its start.
	return context.WithoutCancel(ctx), err
}

// What a controller recovers from fails no spec: the log has to be asked.
var _ = ginkgo.AfterSuite(func(ctx ginkgo.SpecContext) {
	gomega.Expect(cluster.Panicked(ctx)).To(gomega.Succeed())
})

// TestE2E runs all suites.
func TestE2E(t *testing.T) {
	gomega.RegisterFailHandler(ginkgo.Fail)
	suite, reporter := ginkgo.GinkgoConfiguration()
	reporter.JUnitReport = cmp.Or(reporter.JUnitReport, filepath.Join(ask.artifacts, "junit.xml"))
	ginkgo.RunSpecs(t, "rollouts", suite, reporter)
}

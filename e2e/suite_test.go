//go:build e2e

package e2e

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"
	"sigs.k8s.io/e2e-framework/pkg/env"
	"sigs.k8s.io/e2e-framework/pkg/envconf"
	"sigs.k8s.io/e2e-framework/pkg/envfuncs"

	"github.com/aviary-rollouts/aviary/e2e/rig"
)

// settings are what the environment says; see docs/e2e.md.
type settings struct {
	kubeconfig string // of a cluster that is there; empty: one of kind is made
	nodeImage  string
	mesh       string
	istio      string // file with the manifests of Istio
	controller string // image, or program
	images     string // folder with archives
	artifacts  string // folder
	run        string // regular expression
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
		run:       os.Getenv("E2E_RUN"), keep: os.Getenv("E2E_KEEP") == "1",
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
	world := env.NewWithConfig(envconf.New())
	if ask.kubeconfig == "" {
		provider := newProvider(filepath.Join(ask.artifacts, "kubeconfig"), ask.nodeImage, os.Stderr)
		world.Setup(envfuncs.CreateCluster(provider, name))
		if ask.controller, err = rig.PackController(context.Background(), ask.controller, ask.images); err != nil {
			return 1, err
		}
		archives, err := rig.Images(ask.images)
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
	world.Setup(install)
	world.Finish(func(ctx context.Context, _ *envconf.Config) (context.Context, error) {
		if cluster == nil {
			return ctx, nil // it was not reached
		}
		return ctx, cluster.RecordController(ctx, filepath.Join(ask.artifacts, "controller"))
	})
	if ask.kubeconfig == "" && !ask.keep {
		world.Finish(anyway(envfuncs.ExportClusterLogs(name, filepath.Join(ask.artifacts, "nodes"))), anyway(envfuncs.DestroyCluster(name)))
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

// install puts on the cluster what scenarios need.
func install(ctx context.Context, c *envconf.Config) (context.Context, error) {
	var err error
	cluster, err = rig.StartRemote(ctx, rig.RemoteOptions{
		Name: "kind", Kubeconfig: c.KubeconfigFile(), Mesh: ask.mesh, Istio: ask.istio, Controller: ask.controller,
		Loaded: ask.kubeconfig == "", Progress: os.Stderr,
	})
	return ctx, err
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

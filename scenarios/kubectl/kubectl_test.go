package kubectl_test

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/scenarios/backend"
	"github.com/aviary-rollouts/aviary/scenarios/console"
	"github.com/aviary-rollouts/aviary/scenarios/transcript"
	"github.com/aviary-rollouts/aviary/sim/kernel"
	"github.com/aviary-rollouts/aviary/sim/store"
)

var update = flag.Bool("update", false, "rewrite the expected outputs in testdata")

// cluster is an API server without controllers.
type cluster struct {
	kernel *kernel.Kernel
	client client.WithWatch
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	k := kernel.New(1, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	return &cluster{k, store.New(k, scheme, store.Options{}).Client("kubectl", store.AsUser())}
}

func (c *cluster) Name() string                 { return "sim" }
func (c *cluster) Is(word string) bool          { return word == c.Name() }
func (c *cluster) Client() client.WithWatch     { return c.client }
func (c *cluster) Clock() clock.Clock           { return clock.Func(c.kernel.Now) }
func (c *cluster) Settle(context.Context) error { return c.kernel.Settle() }
func (c *cluster) Close() error                 { return nil }
func (c *cluster) Tools() backend.Tools         { return backend.Tools{} }

func (c *cluster) Await(ctx context.Context, read func(context.Context) bool) error {
	read(ctx)
	return nil
}

func (c *cluster) Sleep(_ context.Context, d time.Duration) error {
	return c.kernel.RunUntil(c.kernel.Now().Add(d))
}

// TestTranscripts plays testdata/*.txtar, which show every verb with its
// output and its errors.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts in testdata (%v)", err)
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) { playTranscript(t, name) })
	}
}

func playTranscript(t *testing.T, name string) {
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	f, err := transcript.Parse(name, data)
	if err != nil {
		t.Fatal(err)
	}
	c := newCluster(t)
	runner := transcript.Runner{Backend: c, Commands: console.New(c, console.SectionFiles(f)), Update: *update}
	result, err := runner.Run(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	for i := range result.Failures {
		t.Error(result.Failures[i].String())
	}
	for _, step := range result.Steps {
		if step.Unchecked && !*update {
			t.Errorf("%s:%d: the output is not checked", name, step.Command.Line)
		}
	}
	if result.Updated {
		if err := os.WriteFile(name, f.Format(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

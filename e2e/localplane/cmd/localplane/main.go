// Command localplane starts a control plane on this machine, says how to use it,
// and ends it with ctrl-c. See package localplane for what it consists of.
package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/aviary-rollouts/aviary/e2e/localplane"
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
	options := localplane.Options{Progress: os.Stderr, CallerHandlesSignals: true}
	var manifests, scrape []string
	c := &cobra.Command{
		Use:           "localplane",
		Short:         "Start a real control plane on this machine: etcd, Kubernetes, istiod, Prometheus",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(c *cobra.Command, _ []string) error {
			for i, address := range scrape {
				options.Scrape = append(options.Scrape, localplane.Target{Job: fmt.Sprintf("target-%d", i+1), Address: address})
			}
			return run(c.Context(), options, manifests)
		},
	}
	f := c.Flags()
	f.StringVar(&options.Dir, "dir", "", "folder for state and logs, wiped at the start and kept at the end (default: a temporary one)")
	f.BoolVar(&options.Istio, "istio", true, "with the CRDs of Istio and istiod")
	f.BoolVar(&options.Prometheus, "prometheus", true, "with Prometheus")
	f.BoolVar(&options.ScrapePods, "scrape-pods", true, "let Prometheus scrape pods annotated with prometheus.io/scrape")
	f.StringArrayVar(&scrape, "scrape", nil, "let Prometheus scrape HOST:PORT/metrics; may be repeated")
	f.DurationVar(&options.ScrapeInterval, "scrape-interval", 5*time.Second, "time between two scrapes")
	f.StringArrayVar(&options.AuditUsers, "audit", nil, "write the API requests of this user to the audit log; may be repeated")
	f.IntVar(&options.GOGC, "apiserver-gogc", 0, "GOGC of the apiserver: 300 saves CPU under load, and costs memory")
	f.StringArrayVar(&manifests, "apply", nil, "apply these manifests (glob patterns) at the start; may be repeated")
	return c
}

// run starts a plane and waits for its end.
func run(ctx context.Context, options localplane.Options, manifests []string) error {
	if !options.Prometheus {
		options.ScrapePods = false
	}
	begin := time.Now()
	plane, err := localplane.Start(ctx, options)
	if err != nil {
		return err
	}
	defer plane.Stop()
	if err := applyAll(ctx, plane, manifests); err != nil {
		return err
	}
	fmt.Printf("ready after %.1fs\n\n%s\nctrl-c ends it\n", time.Since(begin).Seconds(), usage(plane))
	if err := plane.Wait(); ctx.Err() == nil {
		return err
	}
	return plane.Stop()
}

// applyAll applies the files that patterns match, all at once: CRDs take their
// time to be served.
func applyAll(ctx context.Context, plane *localplane.Plane, patterns []string) error {
	var documents bytes.Buffer
	for _, pattern := range patterns {
		files, err := filepath.Glob(pattern)
		if err == nil && len(files) == 0 {
			err = os.ErrNotExist
		}
		if err != nil {
			return fmt.Errorf("--apply %s: %w", pattern, err)
		}
		for _, name := range files {
			content, err := os.ReadFile(name)
			if err != nil {
				return fmt.Errorf("--apply %s: %w", pattern, err)
			}
			documents.WriteString("\n---\n")
			documents.Write(content)
		}
	}
	if err := plane.Apply(ctx, &documents); err != nil {
		return fmt.Errorf("--apply %q: %w", patterns, err)
	}
	return nil
}

// usage says how to use a plane from a shell.
func usage(plane *localplane.Plane) string {
	text := fmt.Sprintf("export KUBECONFIG=%s\nexport PATH=%s:$PATH   # its kubectl\n", plane.Kubeconfig(), filepath.Dir(plane.Kubectl()))
	if plane.Istiod() != "" {
		text += fmt.Sprintf("istiod (xDS)  %s\n", plane.Istiod())
	}
	if plane.Prometheus() != "" {
		text += fmt.Sprintf("Prometheus    %s\n", plane.Prometheus())
	}
	return text + fmt.Sprintf("logs          %s\n", filepath.Join(plane.Dir(), "logs"))
}

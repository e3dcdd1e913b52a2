// Command dataplane carries requests through a mesh as istiod says, without
// Envoy: an HTTP forward proxy that stands for all sidecars. See package
// e2e/dataplane.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/aviary-rollouts/aviary/e2e/dataplane"
	"github.com/aviary-rollouts/aviary/e2e/dataplane/directory"
)

const usage = `dataplane is an HTTP forward proxy that sends requests where istiod tells the
sidecar of their source to send them.

  dataplane --kubeconfig K --istiod 127.0.0.1:15010
  curl -x http://default:shell@127.0.0.1:3128 http://mock-server:8080/status/200

The source is the user and password of the proxy's URL (namespace and pod), or
the header X-Aviary-Source: NAMESPACE/POD, or gateway/NAME for requests from
outside. Its own /metrics wants to be scraped with honor_labels: true.

Flags:
`

// flags are what the command is told.
type flags struct {
	address, istiod, kubeconfig string
	mapped                      []string
	seed                        uint64
	verbose                     bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			return
		}
		fmt.Fprintln(os.Stderr, "dataplane:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	f, err := parse(args)
	if err != nil {
		return err
	}
	level := slog.LevelWarn
	if f.verbose {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	o := dataplane.Options{Istiod: f.istiod, Seed: f.seed, Map: map[string]string{}, Log: log}
	for _, m := range f.mapped {
		host, address, ok := strings.Cut(m, "=")
		if !ok {
			return fmt.Errorf("--map %s: write HOST:PORT=ADDRESS:PORT", m)
		}
		o.Map[host] = address
	}
	listener, err := net.Listen("tcp", f.address)
	if err != nil {
		return fmt.Errorf("listen (--address): %w", err)
	}
	defer listener.Close()
	if o.Directory, err = follow(ctx, f.kubeconfig); err != nil {
		return err
	}
	plane, err := dataplane.New(o)
	if err != nil {
		return err
	}
	fmt.Printf("dataplane: listening on %s\n", listener.Addr())
	return errors.Join(dataplane.Serve(ctx, listener, plane.Proxy()), plane.Close())
}

func parse(args []string) (f flags, err error) {
	set := pflag.NewFlagSet("dataplane", pflag.ContinueOnError)
	set.StringVar(&f.address, "address", "127.0.0.1:3128", "listen here")
	set.StringVar(&f.istiod, "istiod", "", "host:port of istiod's xDS in the clear; without it all hosts are Services")
	set.StringVar(&f.kubeconfig, "kubeconfig", "", "the cluster; by default $KUBECONFIG, or the one that the process runs in")
	set.StringArrayVar(&f.mapped, "map", nil, "HOST:PORT=ADDRESS:PORT: send requests for a host to an address; may be repeated")
	set.Uint64Var(&f.seed, "seed", uint64(time.Now().UnixNano()), "decides the draws of weights and endpoints")
	set.BoolVar(&f.verbose, "verbose", false, "log more")
	set.Usage = func() { fmt.Fprint(os.Stderr, usage, set.FlagUsages()) }
	if err := set.Parse(args); err != nil {
		return f, err
	}
	if set.NArg() > 0 {
		return f, fmt.Errorf("argument %q: there are only flags (see --help)", set.Arg(0))
	}
	return f, nil
}

// follow starts to follow the cluster.
func follow(ctx context.Context, kubeconfig string) (dataplane.Directory, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = kubeconfig
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("find the cluster (--kubeconfig, or $KUBECONFIG): %w", err)
	}
	config = rest.AddUserAgent(config, "aviary-dataplane")
	config.QPS = -1
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make a client of the cluster: %w", err)
	}
	pods, err := directory.New(client)
	if err != nil {
		return nil, err
	}
	return pods, pods.Start(ctx)
}

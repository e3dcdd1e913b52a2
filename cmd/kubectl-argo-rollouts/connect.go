package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/pflag"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/aviary-rollouts/aviary/internal/manifest"
)

// kubeconfig is the cluster that kubectl's own flags, environment and
// configuration file name.
type kubeconfig struct {
	bounds    *bounds
	flags     *genericclioptions.ConfigFlags
	set       *pflag.FlagSet
	kloglevel int
	loglevel  string
}

// requestTimeout is for how long an answer is waited for where --request-timeout says
// nothing. kubectl waits for ever; a pipeline that aborts an update must not.
const requestTimeout = "30s"

// newKubeconfig makes no request that outlives ctx.
func newKubeconfig(ctx context.Context) *kubeconfig {
	k := &kubeconfig{flags: genericclioptions.NewConfigFlags(true), bounds: newBounds(ctx)}
	k.flags.WrapConfigFn = func(c *rest.Config) *rest.Config {
		c.Wrap(k.bounds.around)
		return c
	}
	return k
}

// limit is a function such as context.WithTimeout.
type limit func(context.Context, time.Duration) (context.Context, context.CancelFunc)

// within is a limit that bounds all requests, too.
func (k *kubeconfig) within(limit limit) limit {
	return func(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
		limited, cancel := limit(ctx, d)
		k.bounds.set(limited)
		return limited, cancel
	}
}

// AddFlags registers kubectl's connection flags and the two log levels.
func (k *kubeconfig) AddFlags(flags *pflag.FlagSet) {
	k.flags.AddFlags(flags)
	k.set = flags
	flags.Lookup("request-timeout").Usage += " If it is not given, a request is given up after " + requestTimeout + "."
	flags.IntVarP(&k.kloglevel, "kloglevel", "v", 0, "Log level for kubernetes client library")
	flags.StringVar(&k.loglevel, "loglevel", "info", "Log level for kubectl argo rollouts")
}

// Namespace returns that of -n or of the current context.
func (k *kubeconfig) Namespace() (string, error) {
	namespace, _, err := k.flags.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return "", fmt.Errorf("read the kubeconfig: %w", err)
	}
	return namespace, nil
}

// Client connects to the cluster. The kinds that it serves are looked up in
// kubectl's cache.
func (k *kubeconfig) Client() (client.Client, error) {
	if err := k.setUpLogs(); err != nil {
		return nil, err
	}
	if k.set == nil || !k.set.Changed("request-timeout") {
		k.flags.Timeout = ptr.To(requestTimeout)
	}
	config, err := k.flags.ToRESTConfig()
	if err != nil {
		return nil, fmt.Errorf("read the kubeconfig: %w", err)
	}
	config.WarningHandler = rest.NewWarningWriter(os.Stderr, rest.WarningWriterOptions{Deduplicate: true})
	mapper, err := k.flags.ToRESTMapper()
	if err != nil {
		return nil, fmt.Errorf("read the kubeconfig: %w", err)
	}
	scheme, err := manifest.Scheme()
	if err != nil {
		return nil, fmt.Errorf("set up the client: %w", err)
	}
	c, err := client.New(config, client.Options{Scheme: scheme, Mapper: mapper})
	if err != nil {
		return nil, fmt.Errorf("connect to the cluster: %w", err)
	}
	return c, nil
}

// silence drops what the client library logs: what matters comes back as an error. It
// does so once, since requests that were given up may log for a while.
var silence = sync.OnceFunc(func() { klog.SetLogger(logr.Discard()) })

// setUpLogs applies the log levels. The plugin has nothing of its own to log
// but the requests that it makes: those appear from debug on.
func (k *kubeconfig) setUpLogs() error {
	levels := []string{"trace", "debug", "info", "warn", "warning", "error", "fatal", "panic"}
	level := slices.Index(levels, strings.ToLower(k.loglevel))
	if level < 0 {
		return fmt.Errorf("--loglevel %q: choose one of %s", k.loglevel, strings.Join(levels, ", "))
	}
	const requests = 6 // klog's verbosity from which client-go names each request
	if level <= slices.Index(levels, "debug") {
		k.kloglevel = max(k.kloglevel, requests)
	}
	if k.kloglevel == 0 {
		silence()
	}
	flags := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(flags)
	if err := flags.Set("v", strconv.Itoa(k.kloglevel)); err != nil {
		return fmt.Errorf("--kloglevel %d: %w", k.kloglevel, err)
	}
	ctrllog.SetLogger(klog.Background())
	return nil
}

// advise adds to a connection that was refused, or leads nowhere, what may be wrong.
func advise(err error) error {
	switch {
	case utilnet.IsConnectionRefused(err):
		return fmt.Errorf("%w; is the cluster up, and do --kubeconfig and --context name the right one?", err)
	case utilnet.IsTimeout(err):
		return fmt.Errorf("%w; the API server does not answer: --request-timeout says for how long to wait", err)
	}
	return err
}

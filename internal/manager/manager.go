package manager

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	ctrl "sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/internal/control"
	"github.com/aviary-rollouts/aviary/internal/metric"
	"github.com/aviary-rollouts/aviary/internal/telemetry"
)

// shutdownTimeout is how long reconciles that run may take to end.
const shutdownTimeout = 20 * time.Second

// Options say which objects are controlled and how.
type Options struct {
	// Namespace is the only one that is looked at; empty means all.
	Namespace string
	// InstanceID is the share of the objects that this controller has, by their
	// label argo-rollouts.argoproj.io/controller-instance-id; empty means those
	// without the label.
	InstanceID string
	// Resync is how often each object under control is looked at although
	// nothing has changed; zero means never.
	Resync time.Duration
	// StatusDelay is how far numbers of pods in the status of a Rollout may be
	// behind. If it is about what a pod takes to start, the step which waits for
	// it writes them too. Zero means not at all.
	StatusDelay time.Duration
	// Workers is how many objects are reconciled at a time, by the name of the
	// controller; 1 where it says nothing.
	Workers map[string]int
	// OnlyAnalysis leaves all but AnalysisRuns to others.
	OnlyAnalysis bool
	// Metrics, Probes and Profiles are addresses to listen on ("host:port",
	// ":port"); empty means not at all.
	Metrics, Probes, Profiles string
	// Election makes only one of several processes work; nil means that this
	// one is alone.
	Election *Election
	// Settings are those of metric providers.
	Settings metric.Settings
	// HTTP carries the requests of metric providers; nil means the transport of
	// net/http.
	HTTP http.RoundTripper
	// Version is told in the metrics.
	Version string
	// Log receives what the controllers do.
	Log logr.Logger
}

// Election describes the lease of the leader.
type Election struct {
	// Namespace is where the lease is.
	Namespace string
	// Lease is how long others wait for a leader that is silent, Renew how long
	// the leader tries to renew before it gives up, Retry the time between tries.
	Lease, Renew, Retry time.Duration
}

// Run runs the controllers until ctx ends, and lets go of the lease. The error
// says what cannot be had to begin with, or that the lease was lost. It is none if
// ctx ends before everything is there: to be asked to stop is no failure.
func Run(ctx context.Context, config *rest.Config, o Options) error {
	scheme, err := newScheme()
	if err != nil {
		return err
	}
	meters := telemetry.New(o.Version)
	config = rest.CopyConfig(config)
	// Servers compress each change that a watch tells of. Those are small, and near: to
	// unpack them takes longer than to read them.
	config.DisableCompression = true
	config.Wrap(meters.CountRequests)
	if err := awaitServer(ctx, config, o.Log); err != nil {
		return unlessStopped(ctx, err)
	}
	m, err := ctrl.New(config, managerOptions(scheme, o))
	if none := (*meta.NoKindMatchError)(nil); errors.As(err, &none) {
		return noSuchKind(none.GroupKind)
	}
	if err != nil {
		return fmt.Errorf("set up the manager: %w", err)
	}
	if err := metrics.Registry.Register(meters); err != nil {
		return fmt.Errorf("set up the metrics: %w", err)
	}
	defer metrics.Registry.Unregister(meters)
	r := &runner{Manager: m, options: o, meters: meters, clock: clock.Real{}}
	if err := r.prepare(ctx, config); err != nil {
		return unlessStopped(ctx, err)
	}
	return m.Start(ctx)
}

// unlessStopped is the error of what comes before the start, none after ctx has ended.
func unlessStopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func newScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return nil, fmt.Errorf("build the scheme: %w", err)
	}
	return scheme, nil
}

// runner is one manager and what its parts share.
type runner struct {
	ctrl.Manager
	options Options
	meters  *telemetry.Meters
	clock   clock.Clock
}

// prepare mounts the controllers and what watches over them.
func (r *runner) prepare(ctx context.Context, config *rest.Config) error {
	events, err := newRecorder(config, r.GetHTTPClient(), r.GetScheme(), r.meters, r.options.Log.WithName("events"))
	if err != nil {
		return err
	}
	kinds, err := newOptionalKinds(config, r.GetHTTPClient(), r.GetCache(), r.options.Log.WithName("kinds"))
	if err != nil {
		return err
	}
	view := clusterView{Client: r.GetClient(), kinds: kinds, namespace: r.options.Namespace}
	controllers := control.Controllers(control.Deps{
		Client: view, Live: r.GetAPIReader(), Share: share(r.options.InstanceID), Clock: r.clock, Events: events, HTTP: r.options.HTTP, Metrics: r.options.Settings, Patience: r.options.StatusDelay,
		Ended: r.meters.Ended,
	})
	if r.options.OnlyAnalysis {
		controllers = analysisAlone(controllers)
	} else if err := indexOwners(ctx, r.GetFieldIndexer()); err != nil {
		return err
	}
	if err := r.mount(ctx, controllers, kinds); err != nil {
		return err
	}
	leads := func(context.Context) error { // those who only wait would have every object counted twice
		r.meters.Observe(r.GetCache(), r.options.Namespace == "")
		return nil
	}
	return errors.Join(
		r.Add(events), r.Add(kinds), r.Add(ctrl.RunnableFunc(leads)),
		r.AddHealthzCheck("ping", healthz.Ping),
		r.AddReadyzCheck("caches", r.synced),
	)
}

// synced is true once everything that is watched has been read.
func (r *runner) synced(req *http.Request) error {
	ctx, cancel := context.WithTimeout(req.Context(), time.Second)
	defer cancel()
	if !r.GetCache().WaitForCacheSync(ctx) {
		return errors.New("the caches are not filled yet; if this stays so, look into the log for what cannot be listed")
	}
	return nil
}

func managerOptions(scheme *runtime.Scheme, o Options) ctrl.Options {
	options := ctrl.Options{
		Scheme:   scheme,
		Logger:   o.Log,
		Cache:    cacheOptions(o),
		NewCache: newUnreadable(scheme, o.Log.WithName("cache")).newCache,
		Client:   client.Options{Cache: &client.CacheOptions{DisableFor: Uncached(), Unstructured: true}},

		Metrics:                 metricsserver.Options{BindAddress: orNone(o.Metrics)},
		HealthProbeBindAddress:  orNone(o.Probes),
		PprofBindAddress:        orNone(o.Profiles),
		GracefulShutdownTimeout: ptr.To(shutdownTimeout),
	}
	options.Controller.EnableWarmup = ptr.To(true) // who takes over has everything in memory
	options.Controller.SkipNameValidation = ptr.To(true)
	if e := o.Election; e != nil {
		options.LeaderElection, options.LeaderElectionReleaseOnCancel = true, true
		options.LeaderElectionNamespace, options.LeaderElectionID = e.Namespace, lockOf(o.InstanceID)
		options.LeaseDuration, options.RenewDeadline, options.RetryPeriod = &e.Lease, &e.Renew, &e.Retry
	}
	return options
}

// orNone is how controller-runtime is told not to listen.
func orNone(address string) string {
	if address == "" {
		return "0"
	}
	return address
}

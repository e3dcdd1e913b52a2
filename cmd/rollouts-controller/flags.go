package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/aviary-rollouts/aviary/internal/build"
	"github.com/aviary-rollouts/aviary/internal/manager"
	"github.com/aviary-rollouts/aviary/internal/manifest"
	"github.com/aviary-rollouts/aviary/internal/metric"
)

// flags are those of the controller of Argo Rollouts, so that its Deployment can
// stay as it is. Where we have no use for one it is taken and ignored, and its
// help says so.
type flags struct {
	set       *pflag.FlagSet
	overrides clientcmd.ConfigOverrides
	file      string

	resync                    int64
	statusDelay               time.Duration
	namespaced                bool
	instanceID                string
	qps                       float32
	burst                     int
	threads                   map[string]*int
	controllers               []string
	metricsPort, healthzPort  int
	profiles                  string
	logLevel, logFormat       string
	klogLevel                 int
	elect                     bool
	electionNamespace         string
	lease, renew, retryPeriod time.Duration
	showVersion               bool
}

// onlyAnalysis is what --controllers may say.
const onlyAnalysis = "analysis"

// highestPort is that of TCP.
const highestPort = 65535

func newFlags() *flags {
	f := &flags{set: pflag.NewFlagSet("rollouts-controller", pflag.ContinueOnError), threads: map[string]*int{}}
	s := f.set
	s.SortFlags = true
	s.Usage = func() {}
	s.Int64Var(&f.resync, "rollout-resync", 900, "Look at every object this often although nothing changed, in seconds; 0: never")
	s.DurationVar(&f.statusDelay, "status-delay", 5*time.Second, "How far the numbers of pods in a status may be behind while an update moves on, or twelve times that while writes are slow or many Rollouts wait; the beginning of a step may then stay unwritten for twice as long. Each write of a status is sent to all who watch; 0: not at all")
	s.BoolVar(&f.namespaced, "namespaced", false, "Look at one namespace only: that of --namespace or of the pod")
	s.StringVar(&f.instanceID, "instance-id", "", "Control the objects whose label argo-rollouts.argoproj.io/controller-instance-id is this; empty: those without the label")
	s.Float32Var(&f.qps, "qps", 40, "Requests a second to the API server, for each kind")
	s.IntVar(&f.burst, "burst", 80, "Requests at once to the API server, for each kind")
	f.threads["rollout"] = s.Int("rollout-threads", 10, "Rollouts that are reconciled at a time")
	f.threads["experiment"] = s.Int("experiment-threads", 10, "Experiments that are reconciled at a time")
	f.threads["analysisrun"] = s.Int("analysis-threads", 30, "AnalysisRuns that are reconciled at a time")
	f.threads["service"] = s.Int("service-threads", 10, "Services that are reconciled at a time")
	s.StringSliceVar(&f.controllers, "controllers", nil, "analysis: control AnalysisRuns alone, where Rollouts are controlled elsewhere; empty: control everything")
	s.IntVar(&f.metricsPort, "metricsPort", 8090, "Port of /metrics; 0: none")
	s.IntVar(&f.healthzPort, "healthzPort", 8080, "Port of /healthz and /readyz; 0: none")
	s.StringVar(&f.profiles, "enable-pprof-address", "", "Address of /debug/pprof, such as 127.0.0.1:6060; empty: none")
	s.StringVar(&f.logLevel, "loglevel", "info", "Log from this level on: debug, info, warn, error")
	s.StringVar(&f.logFormat, "logformat", "", "Format of the log: text or json (default text)")
	s.IntVar(&f.klogLevel, "kloglevel", 0, "Verbosity of the Kubernetes client library")
	s.BoolVar(&f.elect, "leader-elect", true, "Work only while holding the lease "+manager.LockName+"; with --instance-id, one that is named after the id as well")
	s.StringVar(&f.electionNamespace, "leader-election-namespace", "", "Namespace of the lease; empty: that of the pod")
	s.DurationVar(&f.lease, "leader-election-lease-duration", 15*time.Second, "How long others wait for a leader that is silent")
	s.DurationVar(&f.renew, "leader-election-renew-deadline", 10*time.Second, "How long the leader tries to renew before it gives up")
	s.DurationVar(&f.retryPeriod, "leader-election-retry-period", 2*time.Second, "Time between tries to get or renew the lease")
	s.BoolVar(&f.showVersion, "version", false, "Print the version and exit")
	s.StringVar(&f.file, "kubeconfig", "", "Path to a kubeconfig; empty: that of the environment, or of the pod")
	clientcmd.BindOverrideFlags(&f.overrides, s, clientcmd.RecommendedConfigOverrideFlags(""))
	ignored(s)
	return f
}

// ignored takes the flags of what this version does not have, with the values
// that a Deployment may give them.
func ignored(s *pflag.FlagSet) {
	const why = "Taken and ignored: "
	for name, reason := range map[string]string{
		"istio-api-version":                    "the version of Istio's API that the cluster prefers is used",
		"ambassador-api-version":               "there is no router for Ambassador",
		"traffic-split-api-version":            "there is no router for SMI",
		"traefik-api-group":                    "there is no router for Traefik",
		"traefik-api-version":                  "there is no router for Traefik",
		"ingress-api-version":                  "there is no router for Ingresses",
		"appmesh-crd-version":                  "there is no router for App Mesh",
		"apisix-api-version":                   "there is no router for APISIX",
		"alb-tag-key-resource-id":              "there is no router for ALB",
		"alb-verify-weight":                    "there is no router for ALB",
		"aws-target-group-binding-api-version": "there is no router for ALB",
	} {
		s.String(name, "", why+reason)
	}
	for _, name := range []string{"ingress-threads", "ephemeral-metadata-threads", "ephemeral-metadata-update-pod-retries"} {
		s.Int(name, 0, why+"this work is part of reconciling a Rollout")
	}
	s.StringArray("alb-ingress-classes", nil, why+"there is no router for ALB")
	s.StringArray("nginx-ingress-classes", nil, why+"there is no router for NGINX")
	s.Bool("aws-verify-target-group", false, why+"there is no router for ALB")
	s.Bool("self-service-notification-enabled", false, why+"there are no notifications")
}

// parse reads the arguments. Help is printed to out and comes back as
// [pflag.ErrHelp].
func (f *flags) parse(args []string, out io.Writer) error {
	err := f.set.Parse(args)
	if errors.Is(err, pflag.ErrHelp) {
		fmt.Fprintf(out, "Control Rollouts, AnalysisRuns and Experiments in a cluster.\n\nFlags:\n%s", f.set.FlagUsages())
		return err
	}
	if unknown := (*pflag.NotExistError)(nil); errors.As(err, &unknown) {
		return fmt.Errorf("%w; %s", err, f.nearest(unknown.GetSpecifiedName()))
	}
	if err != nil {
		return err
	}
	if f.set.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q: the controller takes flags only; --help lists them", f.set.Arg(0))
	}
	return f.check()
}

func (f *flags) nearest(name string) string {
	var names []string
	f.set.VisitAll(func(flag *pflag.Flag) { names = append(names, flag.Name) })
	if near := manifest.Nearest(name, names); near != "" {
		return "did you mean --" + near + "?"
	}
	return "--help lists the flags"
}

// check refuses values that make no sense.
func (f *flags) check() error {
	for name, threads := range f.threads {
		if *threads < 1 {
			return fmt.Errorf("the threads of controller %s: %d is less than 1", name, *threads)
		}
	}
	for _, name := range f.controllers {
		if name != onlyAnalysis {
			return fmt.Errorf("--controllers %s: give %s, or leave it out to control everything", name, onlyAnalysis)
		}
	}
	if wrong := validation.IsValidLabelValue(f.instanceID); len(wrong) > 0 {
		return fmt.Errorf("--instance-id %q is compared with a label, and can be none: %s", f.instanceID, strings.Join(wrong, "; "))
	}
	for name, port := range map[string]int{"metricsPort": f.metricsPort, "healthzPort": f.healthzPort} {
		if port < 0 || port > highestPort {
			return fmt.Errorf("--%s %d: give a port up to %d, or 0 for none", name, port, highestPort)
		}
	}
	switch {
	case f.resync < 0:
		return fmt.Errorf("--rollout-resync %d: give a number of seconds, or 0 for never", f.resync)
	case f.statusDelay < 0:
		return fmt.Errorf("--status-delay %s: give a duration, or 0 for no delay", f.statusDelay)
	case f.elect && (f.lease <= f.renew || f.renew <= f.retryPeriod):
		return fmt.Errorf("the lease of %s must be longer than the renew deadline of %s, and that longer than the retry period of %s", f.lease, f.renew, f.retryPeriod)
	}
	return nil
}

// options connects to the cluster that the flags, the environment or the pod
// name, and returns how to run there.
func (f *flags) options() (*rest.Config, manager.Options, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = f.file
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &f.overrides)
	config, err := loader.ClientConfig()
	if err != nil {
		return nil, manager.Options{}, fmt.Errorf("find the cluster: %w; name it with --kubeconfig", err)
	}
	config.QPS, config.Burst = f.qps, f.burst
	config.UserAgent = "rollouts-controller/" + build.Version(version)
	namespace, _, err := loader.Namespace()
	if err != nil {
		return nil, manager.Options{}, fmt.Errorf("find the namespace: %w; name it with --namespace", err)
	}
	o := manager.Options{
		InstanceID: f.instanceID, Resync: time.Duration(f.resync) * time.Second, StatusDelay: f.statusDelay, Workers: map[string]int{},
		OnlyAnalysis: len(f.controllers) > 0,
		Metrics:      port(f.metricsPort), Probes: port(f.healthzPort), Profiles: f.profiles,
		Settings: metric.Settings{
			PrometheusAddress: os.Getenv("ARGO_ROLLOUTS_PROMETHEUS_ADDRESS"),
			JobNamespace:      os.Getenv("ARGO_ROLLOUTS_ANALYSIS_JOB_NAMESPACE"),
			Namespace:         namespace,
		},
	}
	for name, threads := range f.threads {
		o.Workers[name] = *threads
	}
	if f.namespaced {
		o.Namespace = namespace
	}
	if f.elect {
		o.Election = &manager.Election{
			Namespace: cmp.Or(strings.TrimSpace(f.electionNamespace), namespace), Lease: f.lease, Renew: f.renew, Retry: f.retryPeriod,
		}
	}
	return config, o, nil
}

// port is the address of a port of all interfaces, empty for none.
func port(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(":%d", n)
}

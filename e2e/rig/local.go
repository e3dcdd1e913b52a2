package rig

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/aviary-rollouts/aviary/e2e/dataplane"
	"github.com/aviary-rollouts/aviary/e2e/dataplane/directory"
	"github.com/aviary-rollouts/aviary/e2e/localplane"
	"github.com/aviary-rollouts/aviary/e2e/nodeagent"
	"github.com/aviary-rollouts/aviary/e2e/programs"
	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/internal/manifest"
	"github.com/aviary-rollouts/aviary/scenarios/backend"
)

// Options describe a local rig.
type Options struct {
	// Dir is the folder for all state and logs; empty means a temporary one, which
	// is removed at the end.
	Dir string
	// Records is the folder for what happened in scenarios that failed; empty means
	// that of logs.
	Records string
	// Root is the folder of our checkout; empty means to look for it upwards.
	Root string
	// Controller is the binary under test; empty means ours, built from Root.
	Controller string
	// Killed tells scenarios that the caller kills the controller now and then.
	Killed bool
	// ControllerArgs are more flags for it.
	ControllerArgs []string
	// Audit writes the API requests of the controller to a log.
	Audit bool
	// Bare leaves out the mesh, Prometheus and the processes of pods: what is left
	// is what a controller needs. It takes no root, and no scenario can be played.
	Bare bool
	// Patience is how long what scenarios expect may be late; 0 means 30 s.
	Patience time.Duration
	// Timing is how long pods take; the zero value is the simulator's.
	Nodes nodeagent.Options
	// Progress gets lines while things are built and started; nil gets none.
	Progress io.Writer
}

// Account is the service account that the controller of the local rig runs as.
const Account = "system:serviceaccount:argo-rollouts:argo-rollouts"

// Local is a control plane on this machine with everything around it.
type Local struct {
	Plane      *localplane.Plane
	Nodes      *nodeagent.Agent
	Mesh       *dataplane.Plane
	Controller *controller

	options Options
	cluster *backend.Cluster
	pods    *directory.Directory
	servers *servers
	front   *http.Server
	address string   // of front
	log     *os.File // of the data plane
	stop    context.CancelFunc
	nodes   chan error
}

// StartLocal builds what has not been built yet and starts it all: the control
// plane, istiod and Prometheus, the nodes, the data plane, and last the
// controller, with the rights of its installation and no more.
func StartLocal(ctx context.Context, o Options) (*Local, error) {
	o.Progress = cmp.Or(o.Progress, io.Discard)
	root, err := checkout(o.Root)
	if err != nil {
		return nil, err
	}
	o.Root = root
	if err := o.check(); err != nil {
		return nil, err
	}
	front, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("a port for the data plane: %w", err)
	}
	l := &Local{options: o, address: front.Addr().String(), nodes: make(chan error, 1)}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	l.stop = stop
	for _, step := range []func() error{
		func() (err error) { l.Plane, err = l.startPlane(ctx); return err },
		func() error { return l.install(ctx) },
		func() error { return l.startNodes(running) },
		func() error { return l.startMesh(running, front) },
		func() error { return l.startController(ctx) },
		func() error { return l.connect(running) },
	} {
		if err := step(); err != nil {
			_ = front.Close() // err says what happened
			return nil, errors.Join(err, l.Stop())
		}
	}
	return l, nil
}

// check says what would be in the way at the end of a start, which may take a quarter of
// an hour until then.
func (o Options) check() error {
	if o.Controller != "" {
		if err := checkProgram(o.Controller); err != nil {
			return err
		}
	}
	if o.Bare {
		return nil
	}
	return nodeagent.Possible()
}

// Wait waits until ctx is over. If a program of the rig ends by itself before that, it says
// which.
func (l *Local) Wait(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-l.Plane.Failed():
			return l.Plane.Err()
		default:
		}
		if err := l.Controller.Err(); err != nil {
			return err
		}
		if clock.Wait(ctx, time.Second) != nil {
			return nil
		}
	}
}

// checkout returns the folder of our sources: the one that is given, or else the
// one that the current folder belongs to.
func checkout(root string) (string, error) {
	if root != "" {
		return root, nil
	}
	return programs.Checkout()
}

func (l *Local) startPlane(ctx context.Context) (*localplane.Plane, error) {
	o := localplane.Options{
		Dir: l.options.Dir, Istio: !l.options.Bare, Prometheus: !l.options.Bare, Progress: l.options.Progress, CallerHandlesSignals: true,
	}
	if !l.options.Bare {
		o.Scrape = []localplane.Target{{Job: "dataplane", Address: l.address}}
	}
	if l.options.Audit {
		o.AuditUsers = []string{Account}
	}
	return localplane.Start(ctx, o)
}

// install applies our installation, but for the Deployment: there are no images
// here, and the controller is a process.
func (l *Local) install(ctx context.Context) error {
	k := krusty.MakeKustomizer(krusty.MakeDefaultOptions())
	resources, err := k.Run(filesys.MakeFsOnDisk(), filepath.Join(l.options.Root, "config", "cluster"))
	if err != nil {
		return fmt.Errorf("render config/cluster: %w", err)
	}
	var documents bytes.Buffer
	for _, r := range resources.Resources() {
		if r.GetKind() == "Deployment" {
			continue
		}
		text, err := r.AsYAML()
		if err != nil {
			return fmt.Errorf("render config/cluster: %w", err)
		}
		documents.WriteString("---\n")
		documents.Write(text)
	}
	if l.options.Controller != "" {
		documents.WriteString("---\n")
		documents.Write(anotherController)
	}
	if err := l.Plane.Apply(ctx, &documents); err != nil {
		return fmt.Errorf("install config/cluster: %w", err)
	}
	return nil
}

// build builds commands of ours, and copies them into the folder of the plane. What was
// built stays in the checkout, where the next start finds it; a copy is not changed
// when that is built anew while this plane runs.
func (l *Local) build(ctx context.Context, packages ...string) (string, error) {
	bin := filepath.Join(l.Plane.Dir(), "bin") + string(filepath.Separator)
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return "", err
	}
	kept := filepath.Join(l.options.Root, "bin", "rig") + string(filepath.Separator)
	cmd := exec.CommandContext(ctx, "go", slices.Concat([]string{"build", "-o", kept}, programs.Flags(), packages)...)
	cmd.Dir, cmd.Env = l.options.Root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build %v: %w\n%s", packages, err, out)
	}
	for _, p := range packages {
		name := filepath.Base(p)
		program, err := os.ReadFile(kept + name)
		if err == nil {
			err = os.WriteFile(bin+name, program, 0o755)
		}
		if err != nil {
			return "", fmt.Errorf("copy the program %s: %w", name, err)
		}
	}
	return bin, nil
}

// Plugin builds kubectl argo rollouts, and returns the folder that it is in.
func (l *Local) Plugin(ctx context.Context) (folder string, err error) {
	return l.build(ctx, "./cmd/kubectl-argo-rollouts")
}

// Front is the address of the data plane: an HTTP proxy for clients of the mesh, and
// its metrics.
func (l *Local) Front() string { return l.address }

func (l *Local) startNodes(ctx context.Context) error {
	o := l.options.Nodes
	o.Log = slog.New(slog.DiscardHandler)
	if !l.options.Bare {
		bin, err := l.build(ctx, "./mockserver")
		if err != nil {
			return err
		}
		o.Program = filepath.Join(bin, "mockserver")
	}
	config := l.Plane.Config()
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("connect the nodes: %w", err)
	}
	if l.Nodes, err = nodeagent.New(client, o); err != nil {
		return err
	}
	go func() { l.nodes <- l.Nodes.Run(ctx) }()
	return nil
}

// prometheusHosts are what manifests of the scenarios call Prometheus.
var prometheusHosts = []string{
	"prometheus.istio-system.svc.cluster.local:9090", "prometheus.istio-system.svc:9090", "prometheus.istio-system:9090",
	"kube-prometheus-stack-prometheus.monitoring:9090",
}

// startMesh starts the data plane and the proxy that stands before it.
func (l *Local) startMesh(ctx context.Context, front net.Listener) error {
	if l.options.Bare {
		return front.Close()
	}
	client, err := kubernetes.NewForConfig(l.Plane.Config())
	if err != nil {
		return fmt.Errorf("connect the data plane: %w", err)
	}
	if l.pods, err = directory.New(client); err != nil {
		return err
	}
	if err := l.pods.Start(ctx); err != nil {
		return err
	}
	prometheus := l.Plane.Prometheus()[len("http://"):]
	hosts := map[string]string{}
	for _, host := range prometheusHosts {
		hosts[host] = prometheus
	}
	if l.log, err = os.Create(filepath.Join(l.Plane.Dir(), "logs", "dataplane.log")); err != nil {
		return fmt.Errorf("log of the data plane: %w", err)
	}
	log := slog.New(slog.NewTextHandler(l.log, nil))
	l.Mesh, err = dataplane.New(dataplane.Options{Istiod: l.Plane.Istiod(), Directory: l.pods, Map: hosts, Seed: 1, Log: log})
	if err != nil {
		return err
	}
	l.servers = &servers{proxy: l.Mesh.Proxy()}
	l.front = &http.Server{Handler: l.servers, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = l.front.Serve(front) }() // it ends with Stop
	return nil
}

// manyScenarios are flags for dozens of scenarios at a time, which are more than a
// controller's users have.
var manyScenarios = []string{"--qps=400", "--burst=800"}

// asSimulated is a flag of our controller: in the simulator, numbers of pods are told at
// once.
const asSimulated = "--status-delay=0"

// startController starts the process under test. Its requests for measurements
// go through the proxy, as those to the hosts of a cluster would.
func (l *Local) startController(ctx context.Context) error {
	program, args, env := l.options.Controller, []string{"--leader-elect=false", "--metricsPort=0", "--healthzPort=0"}, []string(nil)
	if !l.options.Bare {
		args = append(args, manyScenarios...)
		env = []string{"HTTP_PROXY=http://" + l.address, "NO_PROXY=127.0.0.1,localhost"}
		if program == "" {
			args = append(args, asSimulated)
		}
	}
	if program == "" {
		bin, err := l.build(ctx, "./cmd/rollouts-controller")
		if err != nil {
			return err
		}
		program = filepath.Join(bin, "rollouts-controller")
	}
	kubeconfig, err := l.Plane.KubeconfigFor(Account)
	if err != nil {
		return err
	}
	args = append(args, "--kubeconfig", kubeconfig)
	l.Controller = &controller{
		program: program, args: append(args, l.options.ControllerArgs...), env: env, log: filepath.Join(l.Plane.Dir(), "logs", "controller.log"),
	}
	if log, err := os.Stat(l.Controller.log); err == nil {
		l.Controller.older = log.Size()
	}
	return l.Controller.Revive(ctx)
}

// connect makes the cluster that scenarios see, and records what happens on it:
// not on a bare rig, which would be measured with the watches of a recorder.
func (l *Local) connect(ctx context.Context) error {
	if l.options.Bare {
		return nil
	}
	scheme, err := manifest.Scheme()
	if err != nil {
		return err
	}
	config := l.Plane.Config()
	config.QPS, config.Burst = -1, -1
	l.cluster = &backend.Cluster{
		Name: "local", Killed: l.options.Killed, Config: config, Scheme: scheme, Clock: clock.Real{}, Wait: clock.Wait, Patience: l.options.Patience, Tools: l.tools,
		Accounts: accounts,
	}
	return l.cluster.Record(ctx)
}

// Open returns a fresh view of the cluster for one scenario.
func (l *Local) Open() (backend.Backend, error) {
	if l.options.Bare {
		return nil, errors.New("a bare rig plays no scenario: it has no mesh")
	}
	if err := errors.Join(l.Plane.Err(), l.Controller.Err()); err != nil {
		return nil, err
	}
	return l.cluster.Open()
}

// Keep writes what happened in a scenario that failed into the folder of records. It
// returns the path of the file.
func (l *Local) Keep(name string, b backend.Backend) (string, error) {
	live, ok := b.(*backend.Live)
	if !ok {
		return "", fmt.Errorf("%s was not played on the local rig", name)
	}
	folder := cmp.Or(l.options.Records, filepath.Join(l.Plane.Dir(), "logs"))
	path := filepath.Join(folder, strings.ReplaceAll(name, "/", "-")+".record")
	file, err := os.Create(path)
	if err != nil {
		return "", fmt.Errorf("keep the record of %s: %w", name, err)
	}
	return path, errors.Join(live.WriteRecord(file), file.Close())
}

// tools are those of one scenario.
func (l *Local) tools(b *backend.Live) (backend.Tools, func()) {
	t := &traffic{
		mesh: l.Mesh, pods: l.pods.PodAt, scene: b, gates: &gateways{scene: b}, count: &counter{scene: b},
		rules: &answers{scene: b, mesh: l.Mesh, clock: clock.Real{}},
	}
	tools := backend.Tools{
		Traffic: t, Outside: true, Quotas: quotas{b}, Quiet: quiet{b}, Servers: ownServers{l.servers, b}, Controller: l.Controller,
		Machines: machines{nodes: l.Nodes, scene: b},
	}
	return tools, t.close
}

// Stop ends everything. It may be called at any stage of the start. It is an error if our
// controller has panicked.
func (l *Local) Stop() error {
	var errs []error
	if l.Controller != nil {
		errs = append(errs, l.Controller.stop())
		if l.options.Controller == "" {
			errs = append(errs, l.Controller.panicked())
		}
	}
	if l.front != nil {
		errs = append(errs, l.front.Close())
	}
	if l.Mesh != nil {
		errs = append(errs, l.Mesh.Close(), l.log.Close())
	}
	l.stop()
	if l.Nodes != nil {
		errs = append(errs, <-l.nodes)
	}
	if l.Plane != nil {
		errs = append(errs, l.Plane.Stop())
	}
	return errors.Join(errs...)
}

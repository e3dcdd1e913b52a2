// Package localplane starts a real control plane on this machine without
// containers: etcd, kube-apiserver, kube-controller-manager, kube-scheduler, and
// where wanted istiod and Prometheus. Everything listens on 127.0.0.1 and keeps
// its state and logs in one folder; nothing survives the plane.
//
// There are no nodes: package e2e/nodeagent plays them. Read [Start] for the
// order of things, commands.go for the flags of each program, process.go for how
// programs are ended whatever happens to us. Package e2e/programs builds them.
package localplane

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"k8s.io/client-go/rest"

	"github.com/aviary-rollouts/aviary/e2e/programs"
	"github.com/aviary-rollouts/aviary/internal/interrupt"
)

// startTimeout is how long a plane may take to start on a busy machine. Building
// the programs is not part of it.
const startTimeout = 3 * time.Minute

// Options say what a plane consists of.
type Options struct {
	// Dir is the folder for all state and logs, wiped at the start and left at the
	// end. Empty means a temporary one that goes away with the plane.
	Dir string
	// Istio adds the CRDs of Istio, the namespace istio-system and istiod.
	Istio bool
	// Prometheus adds a Prometheus, which scrapes what the next three fields say.
	Prometheus bool
	// Scrape are fixed targets, asked for /metrics. Their own labels win over job
	// and instance.
	Scrape []Target
	// ScrapePods adds the pods annotated with prometheus.io/scrape: "true".
	ScrapePods bool
	// ScrapeInterval is between two scrapes of one target; 0 means 5s.
	ScrapeInterval time.Duration
	// AuditUsers are users whose API requests are written to [Plane.AuditLog].
	AuditUsers []string
	// GOGC is set for the apiserver if it is above 0: 300 saves CPU under load and
	// costs memory.
	GOGC int
	// Progress gets lines while programs are built and started; nil gets none.
	Progress io.Writer
	// CallerHandlesSignals says that the caller ends the context on the signals of
	// package interrupt. Otherwise the plane ends on them, and then the signal is
	// raised again as if nobody had caught it.
	CallerHandlesSignals bool
	// Builder builds the programs; the zero value will do in a checkout.
	Builder programs.Builder
}

// Target is a fixed address that Prometheus scrapes.
type Target struct {
	// Job is its job name, Address is HOST:PORT.
	Job, Address string
}

// Plane is a running control plane. Its methods may be called from several
// goroutines.
type Plane struct {
	options   Options
	binaries  binaries
	ports     ports
	folder    *folder
	authority *authority
	adminPair pair
	launcher  *launcher
	done      chan struct{} // closed when it has been stopped
	failed    chan struct{} // closed when a program has ended by itself

	mu      sync.Mutex
	running []*process // in the order of their start
	failure error      // what the first program said that ended by itself
	stopped bool
	stopErr error
}

// Start builds what has not been built yet, starts a plane and waits until it is
// ready: the API answers, pods can be created in the namespace default, istiod
// and Prometheus serve. The plane ends with ctx, by [Plane.Stop], with a signal
// (see [Options]), and on Linux whenever this process ends.
func Start(ctx context.Context, options Options) (*Plane, error) {
	options, err := options.validate()
	if err != nil {
		return nil, err
	}
	p := &Plane{options: options, done: make(chan struct{}), failed: make(chan struct{})}
	if err := p.build(ctx); err != nil {
		return nil, err
	}
	if err := p.prepare(); err != nil {
		return nil, err
	}
	p.launcher = newLauncher()
	unguard := p.guard(ctx)
	starting, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := p.startAll(starting); err != nil {
		if ctx.Err() == nil {
			p.keepLogs()
		}
		unguard()
		_ = p.Stop() // err says what happened
		return nil, fmt.Errorf("starting the local control plane: %w", err)
	}
	return p, nil
}

// build builds the programs that the options ask for.
func (p *Plane) build(ctx context.Context) error {
	builder := p.options.Builder
	if builder.Progress == nil {
		builder.Progress = p.options.Progress
	}
	wanted, folders := []programs.Program{programs.Kubernetes}, []*string{&p.binaries.kubernetes}
	if p.options.Istio {
		wanted, folders = append(wanted, programs.Istiod), append(folders, &p.binaries.istiod)
	}
	if p.options.Prometheus {
		wanted, folders = append(wanted, programs.Prometheus), append(folders, &p.binaries.prometheus)
	}
	built, err := builder.BuildAll(ctx, wanted)
	for i, folder := range built {
		*folders[i] = folder
	}
	return err
}

// prepare takes the folder and the ports and writes the files of the programs.
func (p *Plane) prepare() (err error) {
	if p.authority, err = newAuthority(); err != nil {
		return err
	}
	if p.adminPair, err = p.authority.client(admin); err != nil {
		return err
	}
	if p.ports, err = choosePorts(); err != nil {
		return err
	}
	if p.folder, err = openFolder(p.options.Dir); err != nil {
		return err
	}
	files, err := p.files()
	if err == nil {
		err = p.folder.put(files)
	}
	if err != nil {
		return errors.Join(err, p.folder.close())
	}
	return nil
}

// startAll starts the programs in the order in which they need each other.
func (p *Plane) startAll(ctx context.Context) error {
	for _, stage := range [][]program{
		{p.etcd()},
		{p.apiserver()},
		{p.controllerManager(), p.scheduler()},
	} {
		if err := p.startStage(ctx, stage); err != nil {
			return err
		}
	}
	var last []program
	if p.options.Istio {
		if err := p.installIstio(ctx); err != nil {
			return err
		}
		last = append(last, p.istiod())
	}
	if p.options.Prometheus {
		last = append(last, p.prometheus())
	}
	return p.startStage(ctx, last)
}

// startStage starts programs at once and waits until each is ready.
func (p *Plane) startStage(ctx context.Context, stage []program) error {
	var started []*process
	for _, program := range stage {
		process, err := p.start(program)
		if err != nil {
			return err
		}
		started = append(started, process)
	}
	for _, process := range started {
		if err := process.await(ctx); err != nil {
			return err
		}
	}
	return nil
}

// start starts a program as part of the plane.
func (p *Plane) start(program program) (*process, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return nil, errors.New("the plane has been stopped")
	}
	process, err := p.launcher.start(program, p.log(program.name))
	if err != nil {
		return nil, err
	}
	p.running = append(p.running, process)
	go func() {
		<-process.exited
		if err := process.death(); err != nil {
			p.fail(err)
		}
	}()
	return process, nil
}

// log is the file with a program's output.
func (p *Plane) log(name string) string { return p.folder.join("logs", name+".log") }

// keepLogs keeps the folder of a plane that failed, even a temporary one.
func (p *Plane) keepLogs() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.folder.keep()
}

// guard stops the plane when ctx ends, or on a signal. The returned function
// makes it stop guarding.
func (p *Plane) guard(ctx context.Context) (unguard func()) {
	signals := make(chan os.Signal, 1)
	if !p.options.CallerHandlesSignals {
		signal.Notify(signals, interrupt.Signals()...)
	}
	quit := make(chan struct{})
	go func() {
		defer signal.Stop(signals)
		select {
		case <-quit:
		case <-p.done:
		case <-ctx.Done():
			_ = p.Stop() // a later Stop returns the same
		case s := <-signals:
			_ = p.Stop()
			signal.Stop(signals)
			_ = syscall.Kill(os.Getpid(), s.(syscall.Signal))
		}
	}()
	return sync.OnceFunc(func() { close(quit) })
}

// Stop ends every program at once and waits until it is gone: the state is
// thrown away, so there is nothing to shut down in order. Its error is that of
// [Plane.Err], or says what could not be cleaned up. It may be called again.
func (p *Plane) Stop() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return p.stopErr
	}
	p.stopped = true
	for _, process := range slices.Backward(p.running) {
		process.kill()
	}
	p.launcher.close()
	p.stopErr = errors.Join(p.failure, p.folder.close())
	close(p.done)
	return p.stopErr
}

// fail notes that a program has ended by itself.
func (p *Plane) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failure == nil {
		p.failure = err
		close(p.failed)
	}
}

// Failed is closed when a program has ended by itself.
func (p *Plane) Failed() <-chan struct{} { return p.failed }

// Err says which program has ended by itself, with the last lines of its log; nil
// while all is well.
func (p *Plane) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failure
}

// Wait waits until the plane has been stopped or a program has ended by itself,
// and returns what [Plane.Err] does.
func (p *Plane) Wait() error {
	select {
	case <-p.done:
	case <-p.failed:
	}
	return p.Err()
}

// Config is the administrator's way to the API, without a limit on requests.
func (p *Plane) Config() *rest.Config { return p.config(p.adminPair) }

// ConfigFor is a user's way to the API. Any name will do: RBAC says what it may,
// and a name system:serviceaccount:NAMESPACE:NAME may what that account may. With
// a name that cannot be certified, which is one that is no text, every request
// fails and says so.
func (p *Plane) ConfigFor(user string) *rest.Config {
	pair, err := p.authority.client(user)
	config := p.config(pair)
	if err != nil {
		config.WrapTransport = func(http.RoundTripper) http.RoundTripper { return refusal{err} }
	}
	return config
}

// refusal answers every request with an error.
type refusal struct{ err error }

// RoundTrip fails.
func (r refusal) RoundTrip(*http.Request) (*http.Response, error) { return nil, r.err }

func (p *Plane) config(pair pair) *rest.Config {
	return &rest.Config{
		Host:            p.host(),
		TLSClientConfig: rest.TLSClientConfig{CAData: p.authority.ca(), CertData: pair.cert, KeyData: pair.key},
		QPS:             -1,
	}
}

// host is the URL of the API.
func (p *Plane) host() string { return "https://" + local(p.ports.apiserver) }

// Kubeconfig is the path of the administrator's kubeconfig.
func (p *Plane) Kubeconfig() string { return p.folder.join(adminKubeconfig) }

// KubeconfigFor writes the kubeconfig of a user and returns its path.
func (p *Plane) KubeconfigFor(user string) (string, error) {
	pair, err := p.authority.client(user)
	if err != nil {
		return "", err
	}
	content, err := kubeconfigOf(p.config(pair), user)
	if err != nil {
		return "", fmt.Errorf("encoding the kubeconfig of %s: %w", user, err)
	}
	name := filepath.Join("users", url.PathEscape(user)+".kubeconfig")
	return p.folder.join(name), p.folder.put(map[string][]byte{name: content})
}

// Kubectl is the path of a kubectl of the cluster's version.
func (p *Plane) Kubectl() string { return filepath.Join(p.binaries.kubernetes, "kubectl") }

// Istiod is the host and port of istiod's xDS without TLS, empty without Istio.
func (p *Plane) Istiod() string {
	if !p.options.Istio {
		return ""
	}
	return local(p.ports.istiod)
}

// Prometheus is the base URL of Prometheus, empty without one.
func (p *Plane) Prometheus() string {
	if !p.options.Prometheus {
		return ""
	}
	return "http://" + local(p.ports.prometheus)
}

// Dir is the folder with all state and logs.
func (p *Plane) Dir() string { return p.folder.path }

// AuditLog is the file with the requests of [Options.AuditUsers]: an audit event
// in JSON per line.
func (p *Plane) AuditLog() string { return p.folder.join("audit", "audit.log") }

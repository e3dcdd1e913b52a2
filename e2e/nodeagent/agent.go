package nodeagent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"

	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/sim/world"
)

// Options say how the nodes behave. The zero value plays three nodes with the
// simulator's times and no processes.
type Options struct {
	// Nodes is the number of nodes, called node-1, node-2, ...; 0 means 3.
	Nodes int
	// PodsPerNode is the number of pods that fit on each; 0 means 110.
	PodsPerNode int
	// Timing says how long things take; fields left 0 have the simulator's defaults.
	Timing world.Timing
	// Behaviour says what containers of an image do; it is asked each time anew.
	// Nil means what [Agent.SetImage] said.
	Behaviour func(image string) world.ImageBehaviour
	// Program is the path of a mockserver binary, of which each container that
	// serves gets a process, on an address of its pod on the loopback device. That
	// takes root (CAP_NET_ADMIN). Empty means that no pod has a process: its
	// addresses exist in the API only.
	Program string
	// Logs is an existing folder for what processes print; empty drops it.
	Logs string
	// Bind makes the agent bind pods to nodes in turn, where no scheduler runs.
	Bind bool
	// Log gets what goes wrong; nil means slog.Default().
	Log *slog.Logger
}

// workers is how many pods are looked at at the same time.
const workers = 8

// Agent plays the nodes. Its methods may be called from several goroutines, also
// before it runs.
type Agent struct {
	client    kubernetes.Interface
	options   Options
	clock     clock.Clock
	nodes     *nodes
	addresses addresses
	launcher  *launcher
	pods      cache.Store
	queue     workqueue.TypedRateLimitingInterface[types.NamespacedName]
	answers   answers

	mu      sync.Mutex // guards what follows; it may be taken while a player's is held, not the reverse
	players map[types.NamespacedName]*player
	images  world.Images
	spaces  map[string]*world.Images // of one namespace; they win
	bound   int                      // pods bound by us
}

// Run plays the nodes of a control plane until ctx ends. Then all processes and
// addresses are gone.
func Run(ctx context.Context, config *rest.Config, options Options) error {
	config = rest.CopyConfig(config)
	config.QPS, config.Burst = -1, -1 // a limit of ours would be what is measured
	config.UserAgent = cmp.Or(config.UserAgent, "nodeagent")
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("node agent: %w", err)
	}
	agent, err := New(client, options)
	if err != nil {
		return err
	}
	return agent.Run(ctx)
}

// New prepares an agent. It removes pod addresses that an agent left behind that
// was killed. The error says what is missing: the right to set addresses, or an
// option that makes no sense.
func New(client kubernetes.Interface, options Options) (*Agent, error) {
	if options.Nodes < 0 || options.PodsPerNode < 0 {
		return nil, fmt.Errorf("node agent: %d nodes of %d pods: neither can be negative", options.Nodes, options.PodsPerNode)
	}
	options.Nodes = cmp.Or(options.Nodes, 3)
	options.PodsPerNode = cmp.Or(options.PodsPerNode, 110)
	options.Log = cmp.Or(options.Log, slog.Default())
	a := &Agent{
		client: client, options: options, clock: clock.Real{}, addresses: &imagined{}, launcher: newLauncher(),
		players: map[types.NamespacedName]*player{}, spaces: map[string]*world.Images{},
		queue: workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[types.NamespacedName](50*time.Millisecond, 5*time.Second)),
	}
	a.nodes = newNodes(a, options)
	if options.Program != "" {
		local, err := newLoopback()
		if err != nil {
			return nil, fmt.Errorf("node agent: %w", err)
		}
		a.addresses = local
	}
	return a, nil
}

// Run plays the nodes until ctx ends; see [Run]. It can be called once.
func (a *Agent) Run(ctx context.Context) error {
	if err := a.nodes.create(ctx); err != nil {
		return errors.Join(fmt.Errorf("node agent: %w", err), a.leave())
	}
	informer := a.watch()
	var group sync.WaitGroup
	group.Go(func() { informer.RunWithContext(ctx) })
	group.Go(func() { a.nodes.keep(ctx) })
	for range workers {
		group.Go(func() { a.work(ctx) })
	}
	<-ctx.Done()
	a.queue.ShutDown()
	group.Wait()
	return a.leave()
}

// leave ends all processes and removes all addresses.
func (a *Agent) leave() error {
	var failures []error
	for _, p := range a.all() {
		failures = append(failures, a.forget(p.key))
	}
	a.launcher.close()
	return errors.Join(failures...)
}

// SetImage says how containers behave whose image matches the pattern, from now
// on, as [world.World.SetImage] does: * stands for any text, the pattern that was
// set last wins. It has no effect where [Options.Behaviour] is given.
func (a *Agent) SetImage(pattern string, b world.ImageBehaviour) {
	a.mu.Lock()
	a.images.Set(pattern, b)
	a.mu.Unlock()
	a.Refresh()
}

// SetImageIn says it for the pods of one namespace; that wins over [Agent.SetImage].
func (a *Agent) SetImageIn(namespace, pattern string, b world.ImageBehaviour) {
	a.mu.Lock()
	if a.spaces[namespace] == nil {
		a.spaces[namespace] = &world.Images{}
	}
	a.spaces[namespace].Set(pattern, b)
	a.mu.Unlock()
	a.Refresh()
}

// Refresh makes the agent look at all pods again, after what
// [Options.Behaviour] returns has changed.
func (a *Agent) Refresh() {
	for _, p := range a.all() {
		a.queue.Add(p.key)
	}
}

// all lists the players.
func (a *Agent) all() []*player {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Collect(maps.Values(a.players))
}

// CrashPod makes the containers of a running pod exit with an error once. The
// error says that no node runs the pod.
func (a *Agent) CrashPod(key types.NamespacedName) error {
	a.mu.Lock()
	p := a.players[key]
	a.mu.Unlock()
	if p == nil {
		return fmt.Errorf("crash pod %s: no node runs it", key)
	}
	p.mu.Lock()
	p.life.Crash()
	p.mu.Unlock()
	a.queue.Add(key)
	return nil
}

// FailNode makes a node fall silent: its lease is not renewed, and nothing
// happens to its pods. The control plane notices after its grace period.
func (a *Agent) FailNode(name string) error { return a.setDown(name, true) }

// RecoverNode brings a node back.
func (a *Agent) RecoverNode(name string) error { return a.setDown(name, false) }

func (a *Agent) setDown(name string, down bool) error {
	if err := a.nodes.setDown(name, down); err != nil {
		return err
	}
	for _, p := range a.all() {
		p.mu.Lock()
		p.reported = nil // others may have overruled it
		p.mu.Unlock()
	}
	a.Refresh()
	return nil
}

// Pods returns the names of the pods that nodes run at present, sorted.
func (a *Agent) Pods() []types.NamespacedName {
	a.mu.Lock()
	defer a.mu.Unlock()
	keys := make([]types.NamespacedName, 0, len(a.players))
	for key := range a.players {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(x, y types.NamespacedName) int { return cmp.Compare(x.String(), y.String()) })
	return keys
}

func (a *Agent) behaviourOf(namespace, image string) world.ImageBehaviour {
	if a.options.Behaviour != nil {
		return a.options.Behaviour(image)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if of := a.spaces[namespace]; of != nil {
		if b, ok := of.Find(image); ok {
			return b
		}
	}
	return a.images.Of(image)
}

// termination is how long a pod takes to end.
func (a *Agent) termination() time.Duration {
	return cmp.Or(a.options.Timing.Termination, world.DefaultTiming().Termination)
}

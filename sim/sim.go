package sim

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/config/crd"
	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/internal/control"
	"github.com/aviary-rollouts/aviary/internal/manifest"
	"github.com/aviary-rollouts/aviary/sim/check"
	"github.com/aviary-rollouts/aviary/sim/fault"
	"github.com/aviary-rollouts/aviary/sim/kernel"
	"github.com/aviary-rollouts/aviary/sim/mesh"
	"github.com/aviary-rollouts/aviary/sim/prom"
	"github.com/aviary-rollouts/aviary/sim/store"
	"github.com/aviary-rollouts/aviary/sim/world"
)

// ControllerName is the name under which the controllers under test write. It
// appears in traces and in the source of events.
const ControllerName = "rollouts-controller"

// Options describe a simulation. The zero value is a cluster with three nodes,
// no trouble, and the controllers of internal/control under every check.
type Options struct {
	// Seed decides everything that is random.
	Seed uint64
	// Start is the virtual time of the beginning; zero means DefaultStart.
	Start time.Time
	// World describes the cluster: nodes, timing, images.
	World world.Options
	// Controllers makes the controllers under test; nil means
	// control.Controllers. It is called again after each crash, so that
	// nothing survives one in memory.
	Controllers func(control.Deps) []control.Controller
	// Scheme holds the Go types; nil means those of Kubernetes and ours.
	Scheme *runtime.Scheme
	// Store describes the API server. Left out, its Schemas are the generated
	// definitions of our kinds, so that what users write is pruned, defaulted
	// and validated, and Describe is [Describe].
	Store store.Options
	// Mesh describes what carries requests, and the monitoring of it. Without
	// load it costs nothing.
	Mesh mesh.Options
	// Objects exist from the start, as if applied by a user.
	Objects []client.Object
	// Resync makes the controllers look at every object at this interval; zero
	// means never.
	Resync time.Duration
	// Patience is that of the controllers under test; see [control.Deps]. Zero,
	// so that every status is current at every instant, is not what runs in a
	// cluster.
	Patience time.Duration
	// Crowd is that of the controllers under test.
	Crowd int
	// Faults trouble the controllers under test. A fault belongs to one run.
	Faults []fault.Fault
	// Checks watch over every instant; nil means check.All(), an empty slice
	// none.
	Checks []check.Check
	// Interrupt is asked now and then; its first error fails the run. It is for
	// people who wait, such as the Err of their context; nil means that nobody does.
	Interrupt func() error
	// Limits bound the run; fields left 0 have the kernel's defaults.
	Limits kernel.Limits
	// NoTrace keeps no trace. Errors of [check.Quiet] then show no writes.
	NoTrace bool
}

// DefaultStart is when a simulation begins unless told otherwise.
var DefaultStart = time.Date(2026, time.January, 5, 9, 0, 0, 0, time.UTC)

// Sim is one simulation. It is driven from one goroutine.
type Sim struct {
	opts     Options
	kernel   *kernel.Kernel
	store    *store.Store
	world    *world.World
	user     client.WithWatch
	injector *fault.Injector
	monitor  *check.Monitor // nil without checks
	view     *view
	events   *recorder
	mesh     *mesh.Mesh
	metrics  *prom.Server
	network  Network

	waits   []Wait                                   // those that led to something
	left    map[string]map[types.NamespacedName]Wait // what controllers waited for when they died, by their name
	queries []time.Time                              // when Prometheus was asked

	around *mount // the controllers of the world
	under  *mount // the controllers under test; nil while they are down
}

// New builds a cluster, starts the controllers and settles. The error says
// which option makes no sense or which object was refused.
func New(o Options) (*Sim, error) {
	if o.Start.IsZero() {
		o.Start = DefaultStart
	}
	if o.Controllers == nil {
		o.Controllers = control.Controllers
	}
	if o.Scheme == nil {
		scheme, err := manifest.Scheme()
		if err != nil {
			return nil, err
		}
		o.Scheme = scheme
	}
	if o.Store.Schemas == nil {
		o.Store.Schemas = schemas
	}
	if o.Store.Describe == nil {
		o.Store.Describe = Describe
	}
	s := &Sim{opts: o, kernel: kernel.New(o.Seed, o.Start), left: map[string]map[types.NamespacedName]Wait{}}
	s.kernel.SetLimits(o.Limits)
	s.kernel.OnInterrupt(o.Interrupt)
	s.kernel.Trace().SetEnabled(!o.NoTrace)
	s.store = store.New(s.kernel, o.Scheme, o.Store)
	s.injector = fault.NewInjector(s.kernel, s.store, o.Faults...)
	s.view = newView(s.kernel, s.store, s.injector.Lag)
	s.events = newRecorder(s)
	s.connect()
	if err := s.build(); err != nil {
		return nil, err
	}
	return s, s.Settle()
}

// connect puts the mesh in place, and the Prometheus that scrapes it.
func (s *Sim) connect() {
	s.mesh = mesh.New(s.kernel, s.store, s.opts.Mesh)
	s.metrics = prom.NewServer(s.mesh.Series(), s.Clock())
	s.metrics.BeforeQuery(func() {
		s.mesh.CatchUp()
		s.queries = append(s.queries, s.kernel.Now())
	})
	s.network.Handle("*prometheus*", s.metrics)
}

// schemas are compiled once in a process: they never change.
var schemas = store.NewSchemas(crd.Of)

// build puts the monitor, the world, the objects and the controllers in place.
func (s *Sim) build() error {
	checks := s.opts.Checks
	if checks == nil {
		checks = check.All()
	}
	if len(checks) > 0 {
		s.monitor = check.NewMonitor(s.kernel, s.store, ControllerName, s.view.lag, checks...)
	}
	s.user = s.store.Client("user", store.AsUser(), store.Hooks{After: func(op store.Op) error {
		if op.Write() {
			s.monitor.UserWrote(s.store.Revision())
		}
		return nil
	}})
	w, err := world.New(s.kernel, func(actor string) client.Client { return s.store.Client(actor, store.Shares()) }, s.opts.World)
	if err != nil {
		return err
	}
	s.world = w
	s.around = newMount(s, w.Controllers(), direct{})
	w.SetRequeue(s.around.requeue)
	for _, obj := range s.opts.Objects {
		if err := s.user.Create(context.Background(), obj); err != nil {
			return fmt.Errorf("create the initial object %T %s: %w", obj, client.ObjectKeyFromObject(obj), err)
		}
	}
	s.start()
	if s.opts.Resync > 0 {
		s.scheduleResync()
	}
	return nil
}

// Client reads and writes as the person who types the commands.
func (s *Sim) Client() client.WithWatch { return s.user }

// Clock tells the virtual time.
func (s *Sim) Clock() clock.Clock { return clock.Func(s.kernel.Now) }

// Now returns the virtual time.
func (s *Sim) Now() time.Time { return s.kernel.Now() }

// Trace returns what happened so far: a line per write, event, error and fault.
func (s *Sim) Trace() *kernel.Trace { return s.kernel.Trace() }

// World returns the cluster, to make its images, pods and nodes misbehave.
func (s *Sim) World() *world.World { return s.world }

// Mesh returns what carries requests, to send some and to read what became of
// them.
func (s *Sim) Mesh() *mesh.Mesh { return s.mesh }

// Prometheus returns the server that scrapes the mesh. It answers for every host
// whose name contains "prometheus"; [Sim.Network] gives it other names.
func (s *Sim) Prometheus() *prom.Server { return s.metrics }

// Network returns what the controllers under test reach by HTTP.
func (s *Sim) Network() *Network { return &s.network }

// Store returns the API server.
func (s *Sim) Store() *store.Store { return s.store }

// Kernel returns the engine.
func (s *Sim) Kernel() *kernel.Kernel { return s.kernel }

// Faults returns what applies the faults, to add one or to switch them off.
func (s *Sim) Faults() *fault.Injector { return s.injector }

// State returns the objects as the checks see them: none without checks.
func (s *Sim) State() *check.State { return s.monitor.State() }

// Settle runs everything that is due at this instant; timers of later instants
// do not count. The error is a [*kernel.Failure], which prints the seed: a
// check was not satisfied, a controller loops or panicked. A failed simulation
// stays failed.
func (s *Sim) Settle() error { return s.kernel.Settle() }

// Sleep lets time pass and settles at its end. Errors are those of Settle.
func (s *Sim) Sleep(d time.Duration) error { return s.kernel.RunUntil(s.kernel.Now().Add(d)) }

// ErrNotReached is returned by RunUntil when its time is up.
var ErrNotReached = errors.New("the condition was not reached")

// RunUntil lets time pass, instant by instant, until cond is true at a settled
// point, at most for limit. The error wraps ErrNotReached, or is one of Settle.
func (s *Sim) RunUntil(cond func() bool, limit time.Duration) error {
	end := s.kernel.Now().Add(limit)
	for {
		if err := s.Settle(); err != nil {
			return err
		}
		if cond() {
			return nil
		}
		next, ok := s.kernel.Next()
		if !ok || next.After(end) {
			break
		}
		if err := s.kernel.RunUntil(next); err != nil {
			return err
		}
	}
	if err := s.kernel.RunUntil(end); err != nil {
		return err
	}
	return fmt.Errorf("%w in %s", ErrNotReached, limit)
}

// Running reports whether the controllers under test are up.
func (s *Sim) Running() bool { return s.under != nil }

// Crash kills the controllers under test as a power cut does: whatever was
// queued, timed or in memory is lost, and a reconcile that is under way gets
// no further call through.
func (s *Sim) Crash() {
	if s.under == nil {
		return
	}
	s.monitor.Trouble()
	s.kernel.Trace().Add("crash")
	s.under.stop()
	s.under = nil
}

// Restart starts the controllers under test with empty memory; they look at
// every object. It does nothing if they are running.
func (s *Sim) Restart() {
	if s.under == nil {
		s.monitor.Trouble()
		s.kernel.Trace().Add("restart")
		s.start()
	}
}

// start makes a new incarnation of the controllers under test.
func (s *Sim) start() {
	m := newMount(s, nil, s.view)
	s.view.catchUp()
	c := s.store.Client(ControllerName, store.ReadsKindsFrom(s.view.revision), store.SharesAnswers(), store.SharesStatus(), store.Hooks{
		Before: func(op store.Op) error { return s.meet(m, op, s.injector.Before) },
		After:  func(op store.Op) error { return s.meet(m, op, s.injector.After) },
	})
	deps := control.Deps{Client: c, Clock: s.Clock(), Events: sink{s.events, m}, HTTP: &s.network, Patience: s.opts.Patience, Crowd: s.opts.Crowd}
	s.under = m
	m.add(s.opts.Controllers(deps))
}

// errDead is what a controller hears that has crashed.
var errDead = errors.New("the process is dead")

// meet asks the faults about a call of one incarnation.
func (s *Sim) meet(m *mount, op store.Op, ask func(store.Op) error) error {
	if m.stopped {
		return errDead
	}
	err := ask(op)
	if err == nil {
		return nil
	}
	s.monitor.Trouble()
	var crash *fault.Crash
	if !errors.As(err, &crash) {
		return err
	}
	s.Crash()
	s.kernel.After(crash.Restart, kernel.ClassWorld, "restart the controller", s.Restart)
	return errDead
}

// Resync makes every controller, under test or of the world, look at every
// object again, and settles.
func (s *Sim) Resync() error {
	s.around.resync("resync")
	if s.under != nil {
		s.under.resync("resync")
	}
	return s.Settle()
}

// CheckQuiet settles and then checks that looking again at everything writes
// nothing.
func (s *Sim) CheckQuiet() error {
	if err := s.Settle(); err != nil {
		return err
	}
	return check.Quiet(s.kernel, s.store, s.Resync)
}

// CheckSettled checks that every Rollout is Healthy, Paused or Degraded and
// that what it says is true. A simulation without checks does not know.
func (s *Sim) CheckSettled() error {
	if s.monitor == nil {
		return errors.New("whether Rollouts are settled is not known to a simulation without checks: leave Options.Checks nil")
	}
	return check.Settled(s.monitor.State())
}

func (s *Sim) scheduleResync() {
	s.kernel.After(s.opts.Resync, kernel.ClassWorld, "resync", func() {
		if s.under != nil {
			s.under.resync("resync")
		}
		s.scheduleResync()
	})
}

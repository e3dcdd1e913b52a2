package backend

import (
	"context"

	"k8s.io/apimachinery/pkg/types"

	"github.com/aviary-rollouts/aviary/sim"
	"github.com/aviary-rollouts/aviary/sim/fault"
	"github.com/aviary-rollouts/aviary/sim/mesh"
	"github.com/aviary-rollouts/aviary/sim/world"
)

// Tools are what the words of the harness work with. A field is nil on a
// backend that cannot do such a thing; a scenario that needs it is skipped
// there, and says why.
type Tools struct {
	Traffic    Traffic
	Outside    bool // Traffic has a way in from outside the cluster, through a gateway
	Machines   Machines
	Quotas     Quotas
	Servers    Servers
	Controller Controller
	Faults     Faults
	Quiet      Quiet
	Trace      Trace
}

// Traffic sends requests to applications, and says how they answer.
type Traffic interface {
	// Do sends one request. The error is one of the client's: there is no such
	// host ([mesh.ErrNoHost]), nothing listens ([mesh.ErrNoPort]).
	Do(ctx context.Context, r mesh.Request) (mesh.Response, error)
	// Start sends requests until they are stopped, or have all been sent.
	Start(ctx context.Context, s mesh.Source) (Load, error)
	// SetAnswers says how containers answer whose image matches pattern.
	SetAnswers(ctx context.Context, pattern string, behaviours []mesh.Behaviour) error
	// Report counts the requests so far.
	Report(ctx context.Context) (mesh.Report, error)
}

// Load is requests that are being sent.
type Load interface{ Stop() }

// Machines are nodes and containers that can be made to misbehave.
type Machines interface {
	// SetImage says what containers do whose image matches pattern.
	SetImage(ctx context.Context, pattern string, b world.ImageBehaviour) error
	// CrashPod makes the containers of a pod exit with an error, once.
	CrashPod(ctx context.Context, pod types.NamespacedName) error
	// FailNode makes a node fall silent, RecoverNode brings it back.
	FailNode(ctx context.Context, name string) error
	RecoverNode(ctx context.Context, name string) error
}

// Quotas limit the pods of a namespace.
type Quotas interface {
	// SetQuota allows so many pods; a negative number allows any.
	SetQuota(ctx context.Context, namespace string, pods int) error
}

// Servers answer the requests that the controller makes for measurements.
type Servers interface {
	// Serve makes a host answer from now on; without answers there is no such
	// host any more.
	Serve(ctx context.Context, host string, answers []sim.Answer) error
}

// Controller is the process under test.
type Controller interface {
	// Kill ends it without a warning, with all that it had in memory.
	Kill(ctx context.Context) error
	// Revive starts it again. It does nothing if it runs.
	Revive(ctx context.Context) error
}

// Faults trouble the calls of the controller.
type Faults interface {
	Add(f fault.Fault)
	Off()
}

// Quiet tells whether a cluster at rest stays as it is.
type Quiet interface {
	// CheckQuiet fails if any controller writes though nothing has changed.
	CheckQuiet(ctx context.Context) error
}

// Trace tells what happened, a line each.
type Trace interface {
	TraceLines() []string
	// Lines is how many there are.
	Lines() int
}

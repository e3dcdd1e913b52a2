// Package control holds the reconcilers: observe, decide, apply.
//
// [Controllers] is the one list of controllers and the one table of who wakes
// whom. Production mounts it on controller-runtime, the simulator on its
// kernel; both therefore run the same code on the same events.
//
// Read rollout.go next for the shape every reconciler has, and
// internal/rollout/decide.go for the policy it asks.
package control

import (
	"context"
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/internal/metric"
	"github.com/aviary-rollouts/aviary/internal/rollout"
)

// Controller is one reconciler and what wakes it.
type Controller struct {
	// Name is used in logs, traces and metrics: "rollout".
	Name string
	// For is a prototype of the kind that the controller reconciles.
	For client.Object
	// Echo reports whether a change of obj, of any kind that is watched, is known to
	// need no look at the object of key. It is asked once for each change that a watch
	// tells of, with the newer state, and must not modify it. Nil: every change needs
	// a look.
	Echo func(key types.NamespacedName, obj client.Object) bool
	// Watches lists the other kinds whose changes wake it.
	Watches []Watch
	// Reconcile looks at one object and brings the cluster one safe step
	// nearer to what it asks for. It reads, decides and writes; it never
	// sleeps and starts nothing in the background. A non-zero wake asks for
	// another look at that time, an error for one after a back-off if there
	// is no wake with it.
	Reconcile func(ctx context.Context, key types.NamespacedName) (wake time.Time, err error)
}

// FirstRetry and LastRetry are for how long an object waits for another look after an
// error, and at most after many in a row: each wait is twice the one before.
const (
	FirstRetry = 5 * time.Millisecond // as controller-runtime does
	LastRetry  = 30 * time.Second     // where controller-runtime goes on to 16 minutes, most of an update
)

// Watch says which objects of For a change of another object concerns.
type Watch struct {
	// Kind is a prototype of the watched kind.
	Kind client.Object
	// Keys names the objects to reconcile after a change of obj. It must not
	// modify obj.
	Keys func(ctx context.Context, obj client.Object) []types.NamespacedName
	// Same reports whether a change leaves everything as it was that a reconcile
	// looks at, so that nobody has to be woken. It must not modify the two states
	// of the object. Nil: every change wakes.
	Same func(was, is client.Object) bool
}

// EventSink records what happened to an object for people to read.
type EventSink interface {
	// Event records one event. eventType is corev1.EventTypeNormal or
	// corev1.EventTypeWarning, reason is a CamelCase word, message a sentence.
	Event(obj runtime.Object, eventType, reason, message string)
}

// Deps is what every controller needs.
type Deps struct {
	// Client reads (possibly a little behind) and writes.
	Client client.Client
	// Live reads from the API server itself, at a request each, what a cache need not
	// hold: the pods of the few Rollouts that have to look at each of theirs. Nil: Client
	// holds them all.
	Live client.Reader
	// Share selects the Rollouts of this controller where others look after some, which
	// Live reads all the same. Nil: it has them all.
	Share labels.Selector
	// Clock tells the time.
	Clock clock.Clock
	// Events receives the events of the objects under control.
	Events EventSink
	// HTTP carries the requests of metric providers; nil means the transport of
	// net/http.
	HTTP http.RoundTripper
	// Ended is told of each update of a Rollout that has ended; nil: nobody is.
	Ended func(rollout.Ending)
	// Metrics are the settings of metric providers.
	Metrics metric.Settings
	// Patience is how long the status of a Rollout may stay unwritten that
	// differs from the one in the cluster in numbers of pods only; zero means
	// not at all. Where writes are slow it may be so for longer, and the status
	// of a step that has begun waits for the step's pods, too.
	Patience time.Duration
	// Crowd is from how many Rollouts on, of which a status waits, that is so however
	// quick writes are; zero means 20, less than zero always.
	Crowd int
}

// has reports whether a Rollout is one of this controller, and not of another.
func (d Deps) has(ro *v1alpha1.Rollout) bool {
	return d.Share == nil || d.Share.Matches(labels.Set(ro.Labels))
}

// Recurring reports whether events about an object of this kind are told many
// times in one update. Those of one reason are kept as one Event, which shows the
// last and how many there were.
func Recurring(kind, reason string) bool {
	return kind == v1alpha1.KindRollout && (reason == "ScalingReplicaSet" || reason == "RolloutStepCompleted")
}

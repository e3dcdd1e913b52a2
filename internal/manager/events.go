package manager

import (
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/record"

	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/internal/control"
	"github.com/aviary-rollouts/aviary/internal/telemetry"
)

// Component is the source that Events name.
const Component = "rollouts-controller"

const (
	// eventBurst is how many Events one object may have at once. The default of
	// 25 would swallow the end of a Rollout with many steps.
	eventBurst = 100
	// eventRate is how many more there may be a second.
	eventRate = 1. / 30
	// eventsRemembered is of how many Events it is known how often they were told, by us and
	// by others. When one that is forgotten is told again, the API server still knows. The
	// default of 4096 takes as much memory as a thousand Rollouts and their ReplicaSets.
	eventsRemembered = 2048
)

// eventLanes is how many Events are written at once.
const eventLanes = 4

// recorder writes Events, and counts them.
type recorder struct {
	lanes  lanes
	events typedcorev1.EventInterface
	meters *telemetry.Meters
	log    logr.Logger
}

var _ control.EventSink = (*recorder)(nil)

func newRecorder(config *rest.Config, h *http.Client, scheme *runtime.Scheme, meters *telemetry.Meters, log logr.Logger) (*recorder, error) {
	config = rest.CopyConfig(config)
	config.ContentType = runtime.ContentTypeProtobuf // which the client does not ask for by itself
	core, err := typedcorev1.NewForConfigAndClient(config, h)
	if err != nil {
		return nil, fmt.Errorf("set up the writing of Events: %w", err)
	}
	return &recorder{lanes: newLanes(eventLanes, scheme), events: core.Events(""), meters: meters, log: log}, nil
}

// lanes write Events beside one another, those of an object in their order. Each is a
// broadcaster of client-go, which writes one Event after the other and drops what its
// queue of a thousand has no room for: with a single one two thirds of what there was
// to tell about an update of a thousand Rollouts were lost while requests were slow.
type lanes []lane

type lane struct {
	record.EventBroadcaster
	record.EventRecorder
}

func newLanes(n int, scheme *runtime.Scheme) lanes {
	all := make(lanes, n)
	for i := range all {
		b := newBroadcaster(eventsRemembered / n)
		all[i] = lane{b, b.NewRecorder(scheme, corev1.EventSource{Component: Component})}
	}
	return all
}

// of returns the lane of an object.
func (l lanes) of(obj runtime.Object) lane {
	h := fnv.New32a()
	if m, err := meta.Accessor(obj); err == nil {
		_, _ = io.WriteString(h, m.GetNamespace()+"/"+m.GetName()) // a hash takes everything
	}
	return l[h.Sum32()%uint32(len(l))]
}

// start writes to the sink until stop is called.
func (l lanes) start(sink record.EventSink) (stop func()) {
	watches := make([]watch.Interface, 0, len(l))
	for _, lane := range l {
		watches = append(watches, lane.StartRecordingToSink(sink))
	}
	return func() {
		for i, w := range watches {
			w.Stop()
			l[i].Shutdown()
		}
	}
}

// newBroadcaster counts events that are the same.
func newBroadcaster(remembered int) record.EventBroadcaster {
	return record.NewBroadcaster(record.WithCorrelatorOptions(record.CorrelatorOptions{
		LRUCacheSize: remembered, BurstSize: eventBurst, QPS: eventRate,
		MaxEvents: 1, KeyFunc: sameEvent, MessageFunc: func(e *corev1.Event) string { return e.Message },
	}))
}

// sameEvent tells which events are one object with a count: those with the same
// message and, of those that recur, all. One object a reason is the policy of
// control.Recurring; "combined from similar events", which client-go would put in
// front of the message, says nothing that the count does not.
func sameEvent(e *corev1.Event) (aggregate, local string) {
	aggregate, local = record.EventAggregatorByReasonFunc(e)
	if !control.Recurring(e.InvolvedObject.Kind, e.Reason) {
		aggregate += "\x00" + local
	}
	return aggregate, local
}

// Event records one event.
func (r *recorder) Event(obj runtime.Object, eventType, reason, message string) {
	r.meters.Event(obj, eventType, reason)
	r.lanes.of(obj).Event(obj, eventType, reason, message)
}

// Start writes Events until ctx ends.
func (r *recorder) Start(ctx context.Context) error {
	sink := newRepeats(newNamed(&typedcorev1.EventSinkImpl{Interface: r.events}), r.log)
	stop := r.lanes.start(sink)
	for clock.Wait(ctx, repeatEvery) == nil {
		sink.flush()
	}
	stop()
	sink.flush()
	return nil
}

// NeedLeaderElection is false: there is nothing to write before we lead.
func (r *recorder) NeedLeaderElection() bool { return false }

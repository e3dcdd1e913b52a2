package manager

import (
	"context"
	"fmt"
	"net/http"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
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

// recorder writes Events, and counts them.
type recorder struct {
	record.EventRecorder
	broadcaster record.EventBroadcaster
	events      typedcorev1.EventInterface
	meters      *telemetry.Meters
	log         logr.Logger
}

var _ control.EventSink = (*recorder)(nil)

func newRecorder(config *rest.Config, h *http.Client, scheme *runtime.Scheme, meters *telemetry.Meters, log logr.Logger) (*recorder, error) {
	config = rest.CopyConfig(config)
	config.ContentType = runtime.ContentTypeProtobuf // which the client does not ask for by itself
	core, err := typedcorev1.NewForConfigAndClient(config, h)
	if err != nil {
		return nil, fmt.Errorf("set up the writing of Events: %w", err)
	}
	b := newBroadcaster()
	return &recorder{
		EventRecorder: b.NewRecorder(scheme, corev1.EventSource{Component: Component}),
		broadcaster:   b, events: core.Events(""), meters: meters, log: log,
	}, nil
}

// newBroadcaster counts events that are the same.
func newBroadcaster() record.EventBroadcaster {
	return record.NewBroadcaster(record.WithCorrelatorOptions(record.CorrelatorOptions{
		LRUCacheSize: eventsRemembered, BurstSize: eventBurst, QPS: eventRate,
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
	r.EventRecorder.Event(obj, eventType, reason, message)
}

// Start writes Events until ctx ends.
func (r *recorder) Start(ctx context.Context) error {
	sink := newRepeats(newNamed(&typedcorev1.EventSinkImpl{Interface: r.events}), r.log)
	w := r.broadcaster.StartRecordingToSink(sink)
	for clock.Wait(ctx, repeatEvery) == nil {
		sink.flush()
	}
	w.Stop()
	r.broadcaster.Shutdown()
	sink.flush()
	return nil
}

// NeedLeaderElection is false: there is nothing to write before we lead.
func (r *recorder) NeedLeaderElection() bool { return false }

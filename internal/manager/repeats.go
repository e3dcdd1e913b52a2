package manager

import (
	"sync"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
)

// repeatEvery is how often the count of an Event that has happened again is
// written. What happens for the first time is told at once.
const repeatEvery = 10 * time.Second

// repeats is a sink that writes the count and the last message of what happens
// again and again only now and then: an update scales ReplicaSets ten times in
// half a minute, and each count by itself would be half of all requests to the API
// server, and delay what is new.
type repeats struct {
	record.EventSink
	log logr.Logger

	mu   sync.Mutex
	held map[types.NamespacedName]repeat
}

// repeat is a change of an Event that was not written yet. Its values are
// absolute, so that the last one says it all.
type repeat struct {
	event *corev1.Event
	patch []byte
}

var _ record.EventSink = (*repeats)(nil)

func newRepeats(sink record.EventSink, log logr.Logger) *repeats {
	return &repeats{EventSink: sink, log: log, held: map[types.NamespacedName]repeat{}}
}

// Patch notes the change.
func (r *repeats) Patch(event *corev1.Event, patch []byte) (*corev1.Event, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held[types.NamespacedName{Namespace: event.Namespace, Name: event.Name}] = repeat{event.DeepCopy(), patch}
	return event, nil
}

// flush writes what was noted. An Event that has expired in between is created
// again, as client-go does; of what else fails the next repetition tells.
func (r *repeats) flush() {
	r.mu.Lock()
	held := r.held
	r.held = map[types.NamespacedName]repeat{}
	r.mu.Unlock()
	for name, h := range held {
		_, err := r.EventSink.Patch(h.event, h.patch)
		if apierrors.IsNotFound(err) {
			h.event.ResourceVersion = ""
			_, err = r.EventSink.Create(h.event)
		}
		if err != nil {
			r.log.V(1).Info("An Event was not written", "event", name, "err", err)
		}
	}
}

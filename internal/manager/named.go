package manager

import (
	"encoding/json"
	"fmt"
	"hash/fnv"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/lru"
)

// named is a sink that names Events after what they tell, where client-go names them
// after the time. A process that has just started knows nothing of the Events that
// the one before it has written: by its name it meets the one that tells the same,
// and goes on counting there.
type named struct {
	record.EventSink
	before *lru.Cache // by name, how often other processes have told an Event; not for those that none has
}

var _ record.EventSink = named{}

func newNamed(sink record.EventSink) named { return named{sink, lru.New(eventsRemembered)} }

// nameOf returns the name of an Event: that of the object, and a hash of what makes
// two events the same.
func nameOf(e *corev1.Event) string {
	h := fnv.New64a()
	aggregate, _ := sameEvent(e)
	_, _ = h.Write([]byte(aggregate)) // a hash takes everything
	return fmt.Sprintf("%s.%016x", e.InvolvedObject.Name, h.Sum64())
}

// Create writes a new Event, or counts the one that tells the same already.
func (n named) Create(event *corev1.Event) (*corev1.Event, error) {
	event = event.DeepCopy()
	event.Name = nameOf(event)
	created, err := n.EventSink.Create(event)
	if !apierrors.IsAlreadyExists(err) {
		return created, err
	}
	// We may not read Events; the answer to a patch says what there is.
	old, err := n.patch(event, map[string]any{"message": event.Message, "lastTimestamp": event.LastTimestamp})
	if err != nil {
		return nil, err
	}
	if first := event.FirstTimestamp.Rfc3339Copy(); old.FirstTimestamp.Equal(&first) {
		return old, nil // it is the one that we have created, when the answer got lost
	}
	n.before.Add(event.Name, old.Count)
	return n.patch(event, map[string]any{"count": old.Count + event.Count})
}

// Patch writes how often an Event was told, and what it says now. The patch of
// client-go counts from the start of the process, and is not used.
func (n named) Patch(event *corev1.Event, _ []byte) (*corev1.Event, error) {
	event = event.DeepCopy()
	event.Name = nameOf(event)
	count := event.Count
	if before, ok := n.before.Get(event.Name); ok {
		count += before.(int32)
	}
	return n.patch(event, map[string]any{"count": count, "message": event.Message, "lastTimestamp": event.LastTimestamp})
}

// patch changes fields of an Event, and returns it as it is then.
func (n named) patch(event *corev1.Event, fields map[string]any) (*corev1.Event, error) {
	data, err := json.Marshal(fields)
	if err != nil {
		return nil, fmt.Errorf("encode a change of the Event %s: %w", event.Name, err)
	}
	return n.EventSink.Patch(event, data)
}

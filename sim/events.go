package sim

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/aviary-rollouts/aviary/internal/control"
	"github.com/aviary-rollouts/aviary/sim/store"
)

// recorder writes events as core/v1 Events, as `kubectl get events` shows
// them: an event that repeats is one object with a count. Each is a line of
// the trace as well. Writing an event is best effort, as in a cluster, and put off until
// somebody asks for events.
type recorder struct {
	sim    *Sim
	client client.Client
	names  map[eventKey]string
}

var eventKind = corev1.SchemeGroupVersion.WithKind("Event")

// eventKey is what makes two events the same. The message of those that recur is
// empty.
type eventKey struct {
	object                types.UID
	kind, reason, message string
}

func newRecorder(s *Sim) *recorder {
	return &recorder{sim: s, client: s.store.Client("events", store.Shares()), names: map[eventKey]string{}}
}

// sink records the events of one incarnation of the controllers. A dead one
// says nothing more.
type sink struct {
	*recorder
	mount *mount
}

var _ control.EventSink = sink{}

// Event records one event.
func (k sink) Event(obj runtime.Object, eventType, reason, message string) {
	if !k.mount.stopped {
		k.record(obj, eventType, reason, message)
	}
}

func (r *recorder) record(obj runtime.Object, eventType, reason, message string) {
	of, err := r.reference(obj)
	if err != nil {
		r.sim.kernel.Fail(fmt.Errorf("record event %s: %w", reason, err))
		return
	}
	trace := r.sim.kernel.Trace()
	trace.AddWords("event", eventType, reason, of.Namespace+"/"+of.Name+":", message)
	now := metav1.NewTime(r.sim.Now())
	r.sim.store.WriteLate(eventKind, func() {
		on := trace.Enabled()
		trace.SetEnabled(false) // the line above says it all
		err := r.write(of, eventKey{of.UID, eventType, reason, message}, now)
		trace.SetEnabled(on)
		if err != nil {
			trace.AddWords("event", reason, "not recorded:", err.Error())
		}
	})
}

// reference names an object as it is now.
func (r *recorder) reference(obj runtime.Object) (ref corev1.ObjectReference, err error) {
	accessor, err := meta.Accessor(obj)
	if err != nil {
		return ref, err
	}
	gvk, err := apiutil.GVKForObject(obj, r.sim.opts.Scheme)
	return corev1.ObjectReference{
		APIVersion: gvk.GroupVersion().String(), Kind: gvk.Kind, Namespace: accessor.GetNamespace(), Name: accessor.GetName(),
		UID: accessor.GetUID(), ResourceVersion: accessor.GetResourceVersion(),
	}, err
}

// write counts an event that was recorded before, or creates it.
func (r *recorder) write(of corev1.ObjectReference, key eventKey, now metav1.Time) error {
	message := key.message
	if control.Recurring(of.Kind, key.reason) {
		key.message = ""
	}
	if r.repeat(of.Namespace, r.names[key], message, now) {
		return nil
	}
	event := r.newEvent(of, key, message, now)
	if err := r.client.Create(context.Background(), event); err != nil {
		return err
	}
	r.names[key] = event.Name
	return nil
}

// repeat counts an event that was recorded before; it reports whether it could.
func (r *recorder) repeat(namespace, name, message string, now metav1.Time) bool {
	event := &corev1.Event{}
	if name == "" || r.client.Get(context.Background(), client.ObjectKey{Namespace: namespace, Name: name}, event) != nil {
		return false
	}
	event.Count++
	event.Message = message
	event.LastTimestamp = now
	return r.client.Update(context.Background(), event) == nil
}

// newEvent names an event as client-go does: the object's name and a number
// that is different each time.
func (r *recorder) newEvent(of corev1.ObjectReference, key eventKey, message string, now metav1.Time) *corev1.Event {
	return &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: of.Namespace,
			Name:      fmt.Sprintf("%s.%x", of.Name, now.UnixNano()+int64(len(r.names))),
		},
		InvolvedObject: of,
		Type:           key.kind, Reason: key.reason, Message: message,
		Source: corev1.EventSource{Component: ControllerName}, ReportingController: ControllerName,
		FirstTimestamp: now, LastTimestamp: now, Count: 1,
	}
}

package manager

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/clock"
)

// server keeps Events as an API server does. It is used by one process at a time.
type server map[string]*corev1.Event

var _ record.EventSink = server{}

func (s server) Create(e *corev1.Event) (*corev1.Event, error) {
	if s[e.Name] != nil {
		return nil, apierrors.NewAlreadyExists(schema.GroupResource{Resource: "events"}, e.Name)
	}
	e = e.DeepCopy()
	e.FirstTimestamp, e.LastTimestamp = e.FirstTimestamp.Rfc3339Copy(), e.LastTimestamp.Rfc3339Copy()
	s[e.Name] = e
	return e.DeepCopy(), nil
}

func (s server) Update(e *corev1.Event) (*corev1.Event, error) { return e, nil }

func (s server) Patch(e *corev1.Event, patch []byte) (*corev1.Event, error) {
	if s[e.Name] == nil {
		return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "events"}, e.Name)
	}
	if err := json.Unmarshal(patch, s[e.Name]); err != nil {
		return nil, err
	}
	return s[e.Name].DeepCopy(), nil
}

// told is one event that a process tells.
type told struct {
	uid             types.UID
	reason, message string
}

// process tells events as a controller does from its start to its end.
func process(t *testing.T, cluster server, events ...told) {
	b := newBroadcaster()
	sink := newRepeats(newNamed(cluster), logr.Discard())
	b.StartRecordingToSink(sink)
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	r := b.NewRecorder(scheme, corev1.EventSource{Component: Component})
	for _, e := range events {
		r.Event(&v1alpha1.Rollout{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: e.uid}}, corev1.EventTypeNormal, e.reason, e.message)
		if err := clock.Wait(t.Context(), time.Second); err != nil {
			t.Fatal(err)
		}
	}
	synctest.Wait()
	sink.flush()
	b.Shutdown()
}

// TestEventsAreCountedAcrossProcesses: what a process does not know to have been told
// is counted all the same.
func TestEventsAreCountedAcrossProcesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cluster := server{}
		process(t, cluster,
			told{"1", "ScalingReplicaSet", "from 0 to 1"}, told{"1", "ScalingReplicaSet", "from 1 to 2"}, told{"1", "RolloutUpdated", "to revision 1"})
		process(t, cluster,
			told{"1", "ScalingReplicaSet", "from 2 to 3"}, told{"1", "RolloutUpdated", "to revision 2"},
			told{"1", "ScalingReplicaSet", "from 3 to 4"}, told{"1", "ScalingReplicaSet", "from 4 to 5"})
		process(t, cluster,
			told{"1", "RolloutUpdated", "to revision 2"}, told{"2", "RolloutUpdated", "to revision 1"})
		want := map[told]int32{
			{"1", "ScalingReplicaSet", "from 4 to 5"}: 5,
			{"1", "RolloutUpdated", "to revision 1"}:  1,
			{"1", "RolloutUpdated", "to revision 2"}:  2,
			{"2", "RolloutUpdated", "to revision 1"}:  1, // of another object with that name
		}
		for _, e := range cluster {
			what := told{e.InvolvedObject.UID, e.Reason, e.Message}
			if e.Count != want[what] {
				t.Errorf("%v was told %d times, want %d", what, e.Count, want[what])
			}
			delete(want, what)
		}
		if len(want) > 0 {
			t.Errorf("not told: %v", want)
		}
	})
}

// TestAnEventWhoseAnswerGotLost: client-go writes it again, and it was told once.
func TestAnEventWhoseAnswerGotLost(t *testing.T) {
	cluster := server{}
	at := metav1.NewTime(time.Date(2026, 1, 1, 0, 0, 0, 300, time.UTC))
	event := &corev1.Event{InvolvedObject: corev1.ObjectReference{Kind: "Rollout", Name: "web"}, Reason: "RolloutUpdated", FirstTimestamp: at, LastTimestamp: at, Count: 1}
	n := newNamed(cluster)
	for range 2 {
		if got, err := n.Create(event); err != nil || got.Count != 1 {
			t.Errorf("got %+v, %v", got, err)
		}
	}
}

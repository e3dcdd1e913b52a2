package manager

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/clock"
)

func TestSameEvent(t *testing.T) {
	event := func(kind, reason, message string) *corev1.Event {
		return &corev1.Event{InvolvedObject: corev1.ObjectReference{Kind: kind, Name: "web"}, Reason: reason, Message: message}
	}
	for _, c := range []struct {
		what string
		a, b *corev1.Event
		want bool
	}{
		{"scaling", event("Rollout", "ScalingReplicaSet", "from 0 to 1"), event("Rollout", "ScalingReplicaSet", "from 5 to 4"), true},
		{"scaling of an Experiment", event("Experiment", "ScalingReplicaSet", "a"), event("Experiment", "ScalingReplicaSet", "b"), false},
		{"pauses", event("Rollout", "RolloutPaused", "at a step"), event("Rollout", "RolloutPaused", "at a step"), true},
		{"updates", event("Rollout", "RolloutUpdated", "to revision 1"), event("Rollout", "RolloutUpdated", "to revision 2"), false},
		{"two reasons", event("Rollout", "RolloutPaused", "x"), event("Rollout", "RolloutResumed", "x"), false},
	} {
		a, _ := sameEvent(c.a)
		b, _ := sameEvent(c.b)
		if (a == b) != c.want {
			t.Errorf("%s: one Event: %t, want %t", c.what, a == b, c.want)
		}
	}
}

// busy is an API server that takes its time.
type busy struct {
	record.EventSink
	mu   sync.Mutex
	told map[string][]string // by object
}

func (b *busy) Create(e *corev1.Event) (*corev1.Event, error) {
	_ = clock.Wait(context.Background(), 50*time.Millisecond) // never ends early
	b.mu.Lock()
	defer b.mu.Unlock()
	b.told[e.InvolvedObject.Name] = append(b.told[e.InvolvedObject.Name], e.Reason)
	return e, nil
}

// TestManyEventsAtOnce: what a busy API server takes slowly is told late, whole and in
// its order.
func TestManyEventsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		scheme := runtime.NewScheme()
		if err := v1alpha1.AddToScheme(scheme); err != nil {
			t.Fatal(err)
		}
		all, server := newLanes(eventLanes, scheme), &busy{told: map[string][]string{}}
		stop := all.start(server)
		reasons := []string{"RolloutUpdated", "NewReplicaSetCreated", "ScalingReplicaSet"}
		for _, reason := range reasons {
			for i := range 1000 {
				ro := &v1alpha1.Rollout{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprintf("web-%d", i), UID: types.UID(strconv.Itoa(i))}}
				all.of(ro).Event(ro, corev1.EventTypeNormal, reason, "as told")
			}
			_ = clock.Wait(t.Context(), time.Second)
		}
		_ = clock.Wait(t.Context(), time.Minute)
		stop()
		for name, told := range server.told {
			if !slices.Equal(told, reasons) {
				t.Errorf("of %s was told %v, want %v", name, told, reasons)
			}
		}
		if len(server.told) != 1000 {
			t.Errorf("was told of %d Rollouts, want 1000", len(server.told))
		}
	})
}

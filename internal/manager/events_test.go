package manager

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
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

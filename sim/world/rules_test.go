package world

import (
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestImageRules(t *testing.T) {
	var r imageRules
	r.set("*", ImageBehaviour{CrashLoop: true})
	r.set("web:1", ImageBehaviour{NeverReady: true})
	if got := r.of("web:1"); got != (ImageBehaviour{NeverReady: true}) {
		t.Errorf("the rule set last does not win: %+v", got)
	}
	r.set("*", ImageBehaviour{})
	if got := r.of("web:1"); got != (ImageBehaviour{}) {
		t.Errorf("setting a rule again does not make it the last: %+v", got)
	}
}

func TestBackOff(t *testing.T) {
	var got []time.Duration
	for n := 1; n <= 7; n++ {
		got = append(got, backOff(n)/time.Second)
	}
	if want := []time.Duration{10, 20, 40, 80, 160, 300, 300}; !slices.Equal(got, want) {
		t.Errorf("%d, want %d", got, want)
	}
}

func TestAddress(t *testing.T) {
	for n, want := range map[int]string{0: "10.244.0.2", 249: "10.244.0.251", 250: "10.244.1.2", 64000: "10.245.0.2"} {
		if got := address(n); got != want {
			t.Errorf("address(%d) is %s, want %s", n, got, want)
		}
	}
}

// TestDeleteFirst lists pods in the order in which they must go.
func TestDeleteFirst(t *testing.T) {
	at := func(s int) metav1.Time { return metav1.NewTime(time.Unix(int64(s), 0)) }
	pod := func(name, node string, phase corev1.PodPhase, ready, created, restarts int, cost string) *corev1.Pod {
		p := &corev1.Pod{}
		p.Name, p.CreationTimestamp, p.Spec.NodeName, p.Status.Phase = name, at(created), node, phase
		if ready > 0 {
			p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: at(ready)}}
		}
		p.Status.ContainerStatuses = []corev1.ContainerStatus{{RestartCount: int32(restarts)}}
		if cost != "" {
			p.Annotations = map[string]string{corev1.PodDeletionCost: cost}
		}
		return p
	}
	want := []*corev1.Pod{
		pod("unassigned", "", corev1.PodPending, 0, 1, 0, ""),
		pod("pending", "n", corev1.PodPending, 0, 2, 0, ""),
		pod("unknown", "n", corev1.PodUnknown, 0, 3, 0, ""),
		pod("not ready", "n", corev1.PodRunning, 0, 4, 0, ""),
		pod("cheap", "n", corev1.PodRunning, 5, 4, 0, "-10"),
		pod("ready late", "n", corev1.PodRunning, 30, 5, 0, ""),
		pod("restarted", "n", corev1.PodRunning, 20, 6, 3, ""),
		pod("young", "n", corev1.PodRunning, 20, 12, 0, ""),
		pod("a", "n", corev1.PodRunning, 20, 11, 0, ""),
		pod("b", "n", corev1.PodRunning, 20, 11, 0, "no number"),
		pod("dear", "n", corev1.PodRunning, 40, 50, 0, "10"),
	}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortStableFunc(got, deleteFirst)
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("place %d: %s, want %s", i, got[i].Name, want[i].Name)
		}
	}
}

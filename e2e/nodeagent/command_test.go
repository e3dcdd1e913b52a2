package nodeagent

import (
	"encoding/json"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"pgregory.net/rapid"
)

func TestCommandOf(t *testing.T) {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p"}}
	c := &corev1.Container{
		Name: "mock-server", Image: "ghcr.io/ssup2/mock-go-server:1.0.0",
		Env: []corev1.EnvVar{{Name: "A", Value: "b"}, {Name: "SECRET", ValueFrom: &corev1.EnvVarSource{}}, {Name: "ADDRESS", Value: ":1"}},
	}
	got := commandOf(pod, c, "10.244.0.2")
	want := command{container: "mock-server", image: c.Image, address: "10.244.0.2:8080", environment: []string{
		"GOMAXPROCS=1", "VERSION=1.0.0", "SERVICE_NAME=mock-server", "POD_NAME=p", "A=b", "ADDRESS=:1", "ADDRESS=10.244.0.2:8080",
	}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(command{})); diff != "" {
		t.Errorf("command (-want +got):\n%s", diff)
	}
	for image, version := range map[string]string{"host:5000/a/b": "latest", "host:5000/a/b:v1": "v1", "b": "latest"} {
		if got := tag(image); got != version {
			t.Errorf("the version of %s is %s, want %s", image, got, version)
		}
	}
	shell := &corev1.Container{Image: "nicolaka/netshoot", Command: []string{"sleep", "infinity"}}
	if serves(shell) || !serves(c) || !serves(&corev1.Container{Image: "reviews", Ports: []corev1.ContainerPort{{ContainerPort: 9080}}}) {
		t.Error("a process stands for the wrong containers")
	}
}

func TestNumbered(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 10*capacity).Draw(t, "n")
		m := rapid.IntRange(0, 10*capacity).Draw(t, "m")
		_, pods, _ := net.ParseCIDR("10.244.0.0/16")
		if ip := net.ParseIP(numbered(n)); ip == nil || !pods.Contains(ip) {
			t.Errorf("address %d is %s", n, numbered(n))
		}
		if same := n%capacity == m%capacity; same != (numbered(n) == numbered(m)) {
			t.Errorf("address %d is %s, address %d is %s", n, numbered(n), m, numbered(m))
		}
	})
}

// TestStatusPatch applies the patch from one status to another.
func TestStatusPatch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from, to := drawStatus(t), drawStatus(t)
		patch, err := statusPatch("uid", from, to)
		if err != nil {
			t.Fatal(err)
		}
		if patch == nil {
			patch = []byte("{}")
		} else if !strings.Contains(string(patch), `"uid":"uid"`) {
			t.Errorf("the patch %s is for any pod", patch)
		}
		before, err := json.Marshal(corev1.Pod{Status: from})
		if err != nil {
			t.Fatal(err)
		}
		after, err := strategicpatch.StrategicMergePatch(before, patch, corev1.Pod{})
		if err != nil {
			t.Fatal(err)
		}
		var got corev1.Pod
		if err := json.Unmarshal(after, &got); err != nil {
			t.Fatal(err)
		}
		byType := cmpopts.SortSlices(func(a, b corev1.PodCondition) bool { return a.Type < b.Type })
		if diff := cmp.Diff(to, got.Status, byType, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("status (-want +got):\n%s\npatch %s", diff, patch)
		}
	})
}

func drawStatus(t *rapid.T) corev1.PodStatus {
	s := corev1.PodStatus{
		Phase:  rapid.SampledFrom([]corev1.PodPhase{corev1.PodPending, corev1.PodRunning, corev1.PodFailed}).Draw(t, "phase"),
		HostIP: "172.18.0.2", HostIPs: []corev1.HostIP{{IP: "172.18.0.2"}},
	}
	for _, kind := range []corev1.PodConditionType{corev1.PodInitialized, corev1.PodReady, "example.test/gate"} {
		if rapid.Bool().Draw(t, "has condition") {
			s.Conditions = append(s.Conditions, corev1.PodCondition{
				Type: kind, Status: rapid.SampledFrom([]corev1.ConditionStatus{corev1.ConditionTrue, corev1.ConditionFalse}).Draw(t, "status"),
				Reason: rapid.SampledFrom([]string{"", "ContainersNotReady"}).Draw(t, "reason"),
			})
		}
	}
	for _, name := range []string{"a", "b"} {
		c := corev1.ContainerStatus{Name: name, Ready: rapid.Bool().Draw(t, "ready"), RestartCount: rapid.Int32Range(0, 3).Draw(t, "restarts")}
		if rapid.Bool().Draw(t, "runs") {
			c.State.Running = &corev1.ContainerStateRunning{}
		} else {
			c.State.Waiting = &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}
		}
		s.ContainerStatuses = append(s.ContainerStatuses, c)
	}
	return s
}

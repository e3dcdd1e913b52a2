package nodeagent

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/mockserver/behaviour"
	"github.com/aviary-rollouts/aviary/sim/world"
)

// quick lets a pod live fast.
var quick = world.Timing{Start: 20 * time.Millisecond, Ready: 60 * time.Millisecond, Termination: 200 * time.Millisecond}

// cluster is an agent on an API server of the client library's tests.
type cluster struct {
	*Agent
	t      *testing.T
	client *fake.Clientset

	mu      sync.Mutex
	patches []string // the status writes, in JSON
	deletes []metav1.DeleteOptions
}

// newCluster runs an agent until the test ends.
func newCluster(t *testing.T, o Options) *cluster {
	t.Helper()
	c := &cluster{t: t, client: fake.NewClientset()}
	c.client.PrependReactor("*", "pods", func(action clienttesting.Action) (bool, runtime.Object, error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		switch action := action.(type) {
		case clienttesting.PatchAction:
			c.patches = append(c.patches, string(action.GetPatch()))
		case clienttesting.DeleteActionImpl:
			c.deletes = append(c.deletes, action.DeleteOptions)
		}
		return false, nil, nil
	})
	if o.Timing == (world.Timing{}) {
		o.Timing = quick
	}
	var err error
	if c.Agent, err = New(c.client, o); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the agent ended with %v", err)
		}
	})
	until(t, "the nodes exist", func() bool {
		list, err := c.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		return err == nil && len(list.Items) == 3
	})
	return c
}

// create binds a pod to node-1.
func (c *cluster) create(name string, change func(*corev1.Pod)) *corev1.Pod {
	c.t.Helper()
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID("uid-" + name)},
		Spec: corev1.PodSpec{NodeName: "node-1", RestartPolicy: corev1.RestartPolicyAlways, Containers: []corev1.Container{{
			Name: "mock-server", Image: "ghcr.io/ssup2/mock-go-server:2.0.0", Ports: []corev1.ContainerPort{{ContainerPort: 8080}},
		}}},
		Status: corev1.PodStatus{Phase: corev1.PodPending},
	}
	if change != nil {
		change(pod)
	}
	pod, err := c.client.CoreV1().Pods("default").Create(context.Background(), pod, metav1.CreateOptions{})
	if err != nil {
		c.t.Fatal(err)
	}
	return pod
}

func (c *cluster) get(name string) *corev1.Pod {
	pod, err := c.client.CoreV1().Pods("default").Get(context.Background(), name, metav1.GetOptions{})
	if err != nil {
		return nil
	}
	return pod
}

// wait waits until a pod is as wanted, and returns it.
func (c *cluster) wait(name, what string, is func(*corev1.Pod) bool) (pod *corev1.Pod) {
	c.t.Helper()
	until(c.t, name+" is "+what, func() bool {
		pod = c.get(name)
		return pod != nil && is(pod)
	})
	return pod
}

// delete marks a pod as being deleted, as a real API server does at the first
// request, which the one of the tests does not.
func (c *cluster) delete(name string) {
	c.t.Helper()
	pod := c.get(name)
	now := metav1.Now()
	grace := int64(30)
	pod.DeletionTimestamp, pod.DeletionGracePeriodSeconds = &now, &grace
	if err := c.client.Tracker().Update(corev1.SchemeGroupVersion.WithResource("pods"), pod, "default"); err != nil {
		c.t.Fatal(err)
	}
}

// until waits for something to become true, for as long as a slow machine needs.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for range 3000 {
		if is() {
			return
		}
		_ = clock.Wait(context.Background(), 10*time.Millisecond)
	}
	t.Fatalf("waited in vain until %s", what)
}

func ready(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

func notReady(pod *corev1.Pod) bool { return !ready(pod) }

func waiting(reason string) func(*corev1.Pod) bool {
	return func(pod *corev1.Pod) bool {
		s := pod.Status.ContainerStatuses
		return len(s) > 0 && s[0].State.Waiting != nil && s[0].State.Waiting.Reason == reason
	}
}

func TestNodes(t *testing.T) {
	c := newCluster(t, Options{})
	node, err := c.client.CoreV1().Nodes().Get(context.Background(), "node-2", metav1.GetOptions{})
	if err != nil || node.Status.Conditions[0].Type != corev1.NodeReady || node.Status.Conditions[0].Status != corev1.ConditionTrue {
		t.Errorf("node %+v, %v", node, err)
	}
	if got := node.Status.Allocatable.Pods().Value(); got != 110 {
		t.Errorf("room for %d pods", got)
	}
	until(t, "the leases exist", func() bool {
		lease, err := c.client.CoordinationV1().Leases("kube-node-lease").Get(context.Background(), "node-3", metav1.GetOptions{})
		return err == nil && *lease.Spec.HolderIdentity == "node-3" && lease.Spec.RenewTime != nil
	})
}

// TestLife sees a pod become ready in three writes and leave in one.
func TestLife(t *testing.T) {
	c := newCluster(t, Options{})
	c.create("web", nil)
	pod := c.wait("web", "ready", ready)
	if pod.Status.Phase != corev1.PodRunning || pod.Status.PodIP != "10.244.0.2" || pod.Status.HostIP != "172.18.0.2" {
		t.Errorf("status %+v", pod.Status)
	}
	if len(c.patches) > 3 {
		t.Errorf("%d status writes, want at most 3: %s", len(c.patches), c.patches)
	}
	c.delete("web")
	until(t, "the pod is gone", func() bool { return c.get("web") == nil })
	if len(c.deletes) != 1 || *c.deletes[0].GracePeriodSeconds != 0 || *c.deletes[0].Preconditions.UID != "uid-web" {
		t.Errorf("deletes %+v", c.deletes)
	}
	until(t, "it is forgotten", func() bool { return len(c.Pods()) == 0 })
}

func TestImages(t *testing.T) {
	c := newCluster(t, Options{})
	c.SetImage("*:2.0.0", world.ImageBehaviour{PullError: true})
	c.create("pulls", nil)
	c.wait("pulls", "not pulled", waiting("ErrImagePull"))
	c.SetImage("*:2.0.0", world.ImageBehaviour{NeverReady: true})
	c.create("never", nil)
	c.wait("never", "running", func(pod *corev1.Pod) bool { return pod.Status.Phase == corev1.PodRunning })
	c.SetImage("*:2.0.0", world.ImageBehaviour{})
	c.wait("never", "ready", ready)
	if err := c.CrashPod(types.NamespacedName{Namespace: "default", Name: "never"}); err != nil {
		t.Fatal(err)
	}
	c.wait("never", "restarted", func(pod *corev1.Pod) bool { return pod.Status.ContainerStatuses[0].RestartCount == 1 && ready(pod) })
	if err := c.CrashPod(types.NamespacedName{Namespace: "default", Name: "never"}); err != nil {
		t.Fatal(err)
	}
	c.wait("never", "backing off", waiting("CrashLoopBackOff"))
	if err := c.CrashPod(types.NamespacedName{Name: "x"}); err == nil || !strings.Contains(err.Error(), "no node runs it") {
		t.Errorf("crash of no pod: %v", err)
	}
}

func ofJob(commandLine ...string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		yes := true
		pod.OwnerReferences = []metav1.OwnerReference{{APIVersion: "batch/v1", Kind: "Job", Name: "job", Controller: &yes}}
		pod.Finalizers = []string{"batch.kubernetes.io/job-tracking"}
		pod.Spec.RestartPolicy = corev1.RestartPolicyNever
		pod.Spec.Containers[0].Command, pod.Spec.Containers[0].Ports = commandLine, nil
		pod.Spec.Containers[0].Image = "alpine:3"
	}
}

func TestJobs(t *testing.T) {
	c := newCluster(t, Options{})
	c.create("good", ofJob("sleep", "0.1"))
	c.create("bad", ofJob("sh", "-c", "sleep 0.1; exit 3"))
	c.wait("good", "done", func(pod *corev1.Pod) bool { return pod.Status.Phase == corev1.PodSucceeded })
	pod := c.wait("bad", "failed", func(pod *corev1.Pod) bool { return pod.Status.Phase == corev1.PodFailed })
	if code := pod.Status.ContainerStatuses[0].State.Terminated.ExitCode; code != 3 {
		t.Errorf("exit code %d, want 3", code)
	}
	c.create("long", ofJob("sleep", "1000"))
	c.wait("long", "running", func(pod *corev1.Pod) bool { return pod.Status.Phase == corev1.PodRunning })
	c.delete("long")
	until(t, "long is gone", func() bool { return c.get("long") == nil })
	last := c.patches[len(c.patches)-1]
	if !strings.Contains(last, `"phase":"Failed"`) || !strings.Contains(last, `"exitCode":137`) {
		t.Errorf("the Job controller, which holds a finalizer, was told last %s", last)
	}
}

// TestForeignConditions opens a readiness gate, whose condition is not ours.
func TestForeignConditions(t *testing.T) {
	c := newCluster(t, Options{})
	c.create("gated", func(pod *corev1.Pod) {
		pod.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: "example.test/gate"}}
	})
	pod := c.wait("gated", "held back", func(pod *corev1.Pod) bool {
		return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool { return c.Reason == "ReadinessGatesNotReady" })
	})
	pod.Labels = map[string]string{"ours": "no"}
	pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{Type: "example.test/gate", Status: corev1.ConditionTrue})
	if _, err := c.client.CoreV1().Pods("default").Update(context.Background(), pod, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	pod = c.wait("gated", "ready", ready)
	if pod.Labels["ours"] != "no" || !slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == "example.test/gate" }) {
		t.Errorf("what others wrote was lost: %v %v", pod.Labels, pod.Status.Conditions)
	}
}

func TestNodeFails(t *testing.T) {
	c := newCluster(t, Options{})
	if err := c.FailNode("node-9"); err == nil || !strings.Contains(err.Error(), "there is no such node") {
		t.Errorf("a node that is not there: %v", err)
	}
	if err := c.FailNode("node-1"); err != nil {
		t.Fatal(err)
	}
	c.create("lost", nil)
	c.create("elsewhere", func(pod *corev1.Pod) { pod.Spec.NodeName = "node-2" })
	c.wait("elsewhere", "ready", ready)
	if pod := c.get("lost"); len(pod.Status.Conditions) != 0 {
		t.Errorf("a silent node reported %+v", pod.Status)
	}
	if err := c.RecoverNode("node-1"); err != nil {
		t.Fatal(err)
	}
	pod := c.get("lost") // news of it: nothing plays a pod that nobody looked at
	pod.Labels = map[string]string{"a": "b"}
	if _, err := c.client.CoreV1().Pods("default").Update(context.Background(), pod, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	c.wait("lost", "ready", ready)
}

// TestProcesses has a real mock server for each pod.
func TestProcesses(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("pod addresses on the loopback device take root")
	}
	binary := filepath.Join(t.TempDir(), "mockserver")
	if out, err := exec.Command("go", "build", "-trimpath", "-o", binary, "../../mockserver").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	logs := t.TempDir()
	c := newCluster(t, Options{Program: binary, Logs: logs})
	c.create("a", nil)
	c.create("b", func(pod *corev1.Pod) {
		pod.Spec.Containers[0].Image = "reviews:v1"
		pod.Spec.Containers[0].Ports[0].ContainerPort = 9080
		pod.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "MOCK_BODY", Value: "{version} of b"}}
	})
	a, b := c.wait("a", "ready", ready), c.wait("b", "ready", ready)
	if code, body := ask(t, a, 8080, "/version"); code != 200 || !strings.Contains(body, `"version":"2.0.0"`) {
		t.Errorf("a said %d %s", code, body)
	}
	if code, body := ask(t, b, 9080, "/reviews/0"); code != 200 || body != "v1 of b" {
		t.Errorf("b said %d %s", code, body)
	}

	ctx := context.Background()
	if err := c.SetAnswers(ctx, "*:2.0.0", behaviour.Behaviour{Answers: behaviour.Answers{ErrorRate: 1, ErrorCode: 503}}); err != nil {
		t.Fatal(err)
	}
	if code, _ := ask(t, a, 8080, "/status/200"); code != 503 {
		t.Errorf("a said %d after it was told to fail", code)
	}
	if code, _ := ask(t, b, 9080, "/status/200"); code != 200 {
		t.Errorf("b said %d though only 2.0.0 was told to fail", code)
	}
	c.create("later", nil)
	if code, _ := ask(t, c.wait("later", "ready", ready), 8080, "/status/200"); code != 503 {
		t.Errorf("a pod that came later said %d", code)
	}

	no := false
	if err := c.SetAnswers(ctx, "*:2.0.0", behaviour.Behaviour{Ready: &no}); err != nil {
		t.Fatal(err)
	}
	c.wait("a", "not ready", notReady)
	if err := c.SetAnswers(ctx, "*:2.0.0", behaviour.Behaviour{}); err != nil {
		t.Fatal(err)
	}
	c.wait("a", "ready again", ready)

	crash := behaviour.Duration(0)
	put(t, b, 9080, behaviour.Behaviour{Crash: &crash})
	c.wait("b", "restarted", func(pod *corev1.Pod) bool { return pod.Status.ContainerStatuses[0].RestartCount == 1 && ready(pod) })
	put(t, b, 9080, behaviour.Behaviour{Crash: &crash})
	c.wait("b", "backing off", waiting("CrashLoopBackOff"))

	c.delete("a")
	until(t, "a is gone", func() bool { return c.get("a") == nil })
	until(t, "its address is gone", func() bool { return !slices.Contains(podAddresses(t), a.Status.PodIP) })
	if text, err := os.ReadFile(filepath.Join(logs, "default_a_mock-server.log")); err != nil || !strings.Contains(string(text), "listens on") {
		t.Errorf("log %q, %v", text, err)
	}
}

func ask(t *testing.T, pod *corev1.Pod, port int, path string) (int, string) {
	t.Helper()
	response, err := http.Get(fmt.Sprintf("http://%s:%d%s", pod.Status.PodIP, port, path))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func put(t *testing.T, pod *corev1.Pod, port int, b behaviour.Behaviour) {
	t.Helper()
	text, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequest(http.MethodPut, fmt.Sprintf("http://%s:%d/-/behaviour", pod.Status.PodIP, port), strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
}

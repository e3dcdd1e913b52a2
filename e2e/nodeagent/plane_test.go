//go:build e2e && linux

package nodeagent

import (
	"context"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"

	"github.com/aviary-rollouts/aviary/e2e/localplane"
	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/sim/world"
)

// real is an agent on a real control plane, with mock servers as processes.
type real struct {
	t      *testing.T
	agent  *Agent
	client kubernetes.Interface
	counts *counter
}

// counter counts the writes of the agent by verb and subresource.
type counter struct {
	next  http.RoundTripper
	mu    sync.Mutex
	count map[string]int
}

func (c *counter) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.Contains(r.URL.Path, "/pods/") {
		c.mu.Lock()
		c.count[r.Method]++
		c.mu.Unlock()
	}
	return c.next.RoundTrip(r)
}

func newReal(t *testing.T) *real {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "mockserver")
	if out, err := exec.Command("go", "build", "-trimpath", "-o", binary, "../../mockserver").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	plane, err := localplane.Start(t.Context(), localplane.Options{Progress: t.Output(), CallerHandlesSignals: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := plane.Stop(); err != nil {
			t.Error(err)
		}
	})
	counts := &counter{count: map[string]int{}}
	config := plane.Config()
	config.QPS = -1
	r := &real{t: t, client: kubernetes.NewForConfigOrDie(config), counts: counts}
	config = rest.CopyConfig(config)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		counts.next = next
		return counts
	})
	r.agent, err = New(kubernetes.NewForConfigOrDie(config), Options{
		Program: binary, Timing: world.Timing{Start: 200 * time.Millisecond, Ready: time.Second, Termination: time.Second},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.agent.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if left := podAddresses(t); slices.ContainsFunc(left, func(ip string) bool { return strings.HasPrefix(ip, "10.244.") }) {
			t.Logf("addresses on the loopback device, perhaps of another agent: %v", left)
		}
	})
	return r
}

// eventually waits until check is content, for longer than a busy machine needs.
func (r *real) eventually(what string, check func(context.Context) (bool, error)) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 2*time.Minute)
	defer cancel()
	for {
		ok, err := check(ctx)
		if ok && err == nil {
			return
		}
		if clock.Wait(ctx, 50*time.Millisecond) != nil {
			r.t.Fatalf("waited in vain until %s (%v)", what, err)
		}
	}
}

func (r *real) pods(ctx context.Context) []corev1.Pod {
	list, err := r.client.CoreV1().Pods("default").List(ctx, metav1.ListOptions{LabelSelector: "app=mock-server"})
	if err != nil {
		r.t.Fatal(err)
	}
	return list.Items
}

func mockServers(replicas int32) *appsv1.Deployment {
	labels := map[string]string{"app": "mock-server"}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "mock-server"},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{
				Name: "mock-server", Image: "ghcr.io/ssup2/mock-go-server:1.0.0", Ports: []corev1.ContainerPort{{ContainerPort: 8080}},
			}}}},
		},
	}
}

// TestOnPlane lets the real controllers and the real scheduler work with the
// nodes: a Deployment rolls, its pods answer, one crashes, Jobs end.
func TestOnPlane(t *testing.T) {
	r := newReal(t)
	ctx := t.Context()
	deployments := r.client.AppsV1().Deployments("default")
	if _, err := deployments.Create(ctx, mockServers(6), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	rolled := func(version string) func(context.Context) (bool, error) {
		return func(ctx context.Context) (bool, error) {
			d, err := deployments.Get(ctx, "mock-server", metav1.GetOptions{})
			if err != nil || d.Status.ReadyReplicas != 6 || d.Status.Replicas != 6 || d.Status.UpdatedReplicas != 6 || d.Status.ObservedGeneration != d.Generation {
				return false, err
			}
			for _, pod := range r.pods(ctx) {
				if pod.DeletionTimestamp == nil && !strings.HasSuffix(pod.Spec.Containers[0].Image, version) {
					return false, nil
				}
			}
			return true, nil
		}
	}
	r.eventually("1.0.0 is rolled out", rolled(":1.0.0"))
	nodes := map[string]int{}
	for _, pod := range r.pods(ctx) {
		nodes[pod.Spec.NodeName]++
		if code, body := ask(t, &pod, 8080, "/version"); code != 200 || !strings.Contains(body, `"version":"1.0.0"`) {
			t.Errorf("%s said %d %s", pod.Name, code, body)
		}
	}
	if len(nodes) != 3 {
		t.Errorf("pods by node %v, want three nodes", nodes)
	}
	if patches := r.counts.count[http.MethodPatch]; patches > 18 {
		t.Errorf("%d status writes for 6 pods, want at most 3 each", patches)
	}

	patch := []byte(`{"spec": {"template": {"spec": {"containers": [{"name": "mock-server", "image": "ghcr.io/ssup2/mock-go-server:2.0.0"}]}}}}`)
	if _, err := deployments.Patch(ctx, "mock-server", types.StrategicMergePatchType, patch, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	r.eventually("2.0.0 is rolled out", rolled(":2.0.0"))
	r.eventually("pods of 1.0.0 are gone", func(ctx context.Context) (bool, error) { return len(r.pods(ctx)) == 6, nil })

	victim := r.pods(ctx)[0].Name
	if err := r.agent.CrashPod(types.NamespacedName{Namespace: "default", Name: victim}); err != nil {
		t.Fatal(err)
	}
	r.eventually("a pod has restarted", func(ctx context.Context) (bool, error) {
		pod, err := r.client.CoreV1().Pods("default").Get(ctx, victim, metav1.GetOptions{})
		return err == nil && pod.Status.ContainerStatuses[0].RestartCount == 1 && ready(pod), err
	})
	r.jobs(ctx)
	t.Logf("the agent's requests about single pods: %v", r.counts.count)
}

// jobs runs one that succeeds, one that fails and one that is deleted.
func (r *real) jobs(ctx context.Context) {
	r.t.Helper()
	api := r.client.BatchV1().Jobs("default")
	for name, line := range map[string]string{"good": "sleep 0.2", "bad": "sleep 0.2; exit 3", "long": "sleep 1000"} {
		job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: batchv1.JobSpec{
			BackoffLimit: ptr.To[int32](0),
			Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{RestartPolicy: corev1.RestartPolicyNever, Containers: []corev1.Container{{
				Name: "work", Image: "alpine:3", Command: []string{"sh", "-c", line},
			}}}},
		}}
		if _, err := api.Create(ctx, job, metav1.CreateOptions{}); err != nil {
			r.t.Fatal(err)
		}
	}
	is := func(name string, check func(batchv1.JobStatus) bool) func(context.Context) (bool, error) {
		return func(ctx context.Context) (bool, error) {
			job, err := api.Get(ctx, name, metav1.GetOptions{})
			return err == nil && check(job.Status), err
		}
	}
	r.eventually("a Job has succeeded", is("good", func(s batchv1.JobStatus) bool { return s.Succeeded == 1 && s.CompletionTime != nil }))
	r.eventually("a Job has failed", is("bad", func(s batchv1.JobStatus) bool { return s.Failed == 1 && len(s.Conditions) > 0 }))
	r.eventually("a Job runs", is("long", func(s batchv1.JobStatus) bool { return s.Active == 1 && ptr.Deref(s.Ready, 0) == 1 }))
	if err := api.Delete(ctx, "long", metav1.DeleteOptions{PropagationPolicy: ptr.To(metav1.DeletePropagationForeground)}); err != nil {
		r.t.Fatal(err)
	}
	r.eventually("the pods of a deleted Job are gone", func(ctx context.Context) (bool, error) {
		list, err := r.client.CoreV1().Pods("default").List(ctx, metav1.ListOptions{LabelSelector: "job-name=long"})
		return err == nil && len(list.Items) == 0, err
	})
}

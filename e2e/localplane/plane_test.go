//go:build e2e && linux

package localplane

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"

	"github.com/aviary-rollouts/aviary/internal/clock"
)

// These tests start real programs, and build them at the first run. Waiting ends
// when what is waited for has come; patience is only there to end a test that
// fails.
const patience = time.Minute

// start starts a plane that ends with the test, at the latest.
func start(t *testing.T, options Options) *Plane {
	t.Helper()
	options.Progress = t.Output()
	options.CallerHandlesSignals = true
	p, err := Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// client is a way to the API as a user.
func client(t *testing.T, p *Plane, user string) *kubernetes.Clientset {
	t.Helper()
	c, err := kubernetes.NewForConfig(p.ConfigFor(user))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// eventually waits until check is content.
func eventually(t *testing.T, what string, check func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		err := check(ctx)
		if err == nil {
			return
		}
		if clock.Wait(ctx, 50*time.Millisecond) != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
}

func deployment(name string) *appsv1.Deployment {
	labels, replicas := map[string]string{"app": name}, int32(2)
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas,
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "app:1"}}},
			},
		},
	}
}

// podsOf waits until a Deployment has its two pods.
func podsOf(t *testing.T, c *kubernetes.Clientset, name string) []corev1.Pod {
	t.Helper()
	var pods []corev1.Pod
	eventually(t, "pods of "+name, func(ctx context.Context) error {
		list, err := c.CoreV1().Pods("default").List(ctx, metav1.ListOptions{LabelSelector: "app=" + name})
		if err != nil {
			return err
		}
		if pods = list.Items; len(pods) != 2 {
			return fmt.Errorf("%d pods", len(pods))
		}
		return nil
	})
	return pods
}

// The controllers and the scheduler work: a Deployment gets its pods, and a node
// that is ready gets them bound.
func TestControlPlaneWorks(t *testing.T) {
	p := start(t, Options{})
	c := client(t, p, admin)
	if _, err := c.AppsV1().Deployments("default").Create(t.Context(), deployment("app"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, pod := range podsOf(t, c, "app") {
		if pod.Spec.NodeName != "" {
			t.Errorf("%s is on node %s, where there is none", pod.Name, pod.Spec.NodeName)
		}
	}
	addNode(t, c, "node-1")
	eventually(t, "binding", func(ctx context.Context) error {
		for _, pod := range podsOf(t, c, "app") {
			if pod.Spec.NodeName != "node-1" {
				return fmt.Errorf("%s is on %q: %v", pod.Name, pod.Spec.NodeName, pod.Status.Conditions)
			}
		}
		return nil
	})
	out, err := exec.Command(p.Kubectl(), "--kubeconfig", p.Kubeconfig(), "version").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "Server Version: v1.37.2") {
		t.Errorf("kubectl version (%v) says\n%s", err, out)
	}
}

// addNode adds a node that is ready and has room.
func addNode(t *testing.T, c *kubernetes.Clientset, name string) {
	t.Helper()
	room := corev1.ResourceList{}
	for name, amount := range map[corev1.ResourceName]string{"cpu": "8", "memory": "64Gi", "pods": "110"} {
		room[name] = resource.MustParse(amount)
	}
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Status: corev1.NodeStatus{
			Capacity: room, Allocatable: room,
			Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue, LastHeartbeatTime: metav1.Now(), LastTransitionTime: metav1.Now()}},
		},
	}
	if _, err := c.CoreV1().Nodes().Create(t.Context(), node, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// An installer changes what it has applied, and leaves alone what somebody else has.
func TestInstaller(t *testing.T) {
	p := start(t, Options{})
	there := client(t, p, admin).CoreV1().ConfigMaps("default")
	if _, err := there.Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "theirs"}, Data: map[string]string{"by": "them"}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	const documents = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: theirs}\ndata: {by: us}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: ours}\ndata: {by: us}\n"
	var left []string
	for _, round := range []string{"first", "second"} {
		i := Installer{
			Config: p.Config(),
			Edit: func(object *unstructured.Unstructured) error {
				return unstructured.SetNestedField(object.Object, round, "data", "round")
			},
			Left: func(object *unstructured.Unstructured) { left = append(left, object.GetName()) },
		}
		if err := i.Apply(t.Context(), strings.NewReader(documents)); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]map[string]string{"theirs": {"by": "them"}, "ours": {"by": "us", "round": "second"}} {
		got, err := there.Get(t.Context(), name, metav1.GetOptions{})
		if err != nil || !maps.Equal(got.Data, want) {
			t.Errorf("%s: %v (%v), want %v", name, got.Data, err, want)
		}
	}
	if !slices.Equal(left, []string{"theirs", "theirs"}) {
		t.Errorf("left alone: %q", left)
	}
}

// RBAC judges users by their names, and only audited users are in the log.
func TestUsersAndAudit(t *testing.T) {
	const account = "system:serviceaccount:default:reader"
	p := start(t, Options{AuditUsers: []string{account}})
	reader := client(t, p, account)
	listPods := func(ctx context.Context) error {
		_, err := reader.CoreV1().Pods("default").List(ctx, metav1.ListOptions{})
		return err
	}
	if err := listPods(t.Context()); !apierrors.IsForbidden(err) {
		t.Fatalf("an account without a role may list pods: %v", err)
	}
	const role = `apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: readers}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects: [{kind: ServiceAccount, name: reader, namespace: default}]
`
	if err := p.Apply(t.Context(), strings.NewReader(role)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the binding", listPods)
	requests, err := p.Requests()
	if err != nil {
		t.Fatal(err)
	}
	if len(requests) < 2 || requests[0].Code != http.StatusForbidden || requests[len(requests)-1].Code != http.StatusOK {
		t.Errorf("want requests that were refused, then one that was not: %+v", requests)
	}
	for _, r := range requests {
		if r.User != account || r.Verb != "list" || r.Resource != "pods" || r.Namespace != "default" {
			t.Errorf("the audit log has %+v", r)
		}
	}
}

// An apiserver that was killed comes back with everything that it knew; one that
// hangs answers again when it is let go.
func TestFaults(t *testing.T) {
	p := start(t, Options{})
	c := client(t, p, admin)
	if _, err := c.AppsV1().Deployments("default").Create(t.Context(), deployment("before"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	old := p.Programs()["kube-apiserver"]
	if err := p.RestartAPIServer(t.Context()); err != nil {
		t.Fatal(err)
	}
	if now := p.Programs()["kube-apiserver"]; now == old {
		t.Errorf("the apiserver is still process %d", now)
	}
	podsOf(t, c, "before")
	if _, err := c.AppsV1().Deployments("default").Create(t.Context(), deployment("after"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	podsOf(t, c, "after") // the controllers have found it again

	if err := p.Pause(t.Context(), "kube-apiserver"); err != nil {
		t.Fatal(err)
	}
	impatient, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := c.CoreV1().Namespaces().List(impatient, metav1.ListOptions{}); err == nil {
		t.Error("a paused apiserver answers")
	}
	if err := p.Resume("kube-apiserver"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "an answer", func(ctx context.Context) error {
		_, err := c.CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
		return err
	})
	if err := p.Pause(t.Context(), "kubelet"); err == nil || !strings.Contains(err.Error(), "kube-scheduler") {
		t.Errorf("pausing what is not there: error %v does not say what is", err)
	}
	if err := p.Err(); err != nil {
		t.Errorf("faults of our own count as failures: %v", err)
	}
}

// A program that dies is an error with its last words.
func TestDeathOfAProgram(t *testing.T) {
	p, err := Start(t.Context(), Options{Progress: t.Output(), CallerHandlesSignals: true})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop()
	if err := syscall.Kill(p.Programs()["kube-scheduler"], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err == nil || !strings.Contains(err.Error(), "kube-scheduler ended by itself (signal: killed)") {
		t.Errorf("error %v", err)
	}
	if err := p.Stop(); err == nil {
		t.Error("Stop does not tell")
	}
}

// A plane leaves nothing behind: no process, no listener, no file.
func TestNothingIsLeft(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	before := list(t, ".")
	options := Options{Istio: true, Prometheus: true}
	options.Progress, options.CallerHandlesSignals = t.Output(), true
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	p, err := Start(ctx, options)
	if err != nil {
		t.Fatal(err)
	}
	ids := p.Programs()
	if len(ids) != 6 {
		t.Errorf("the plane consists of %v", ids)
	}
	cancel()
	<-p.done
	for name, id := range ids {
		if err := syscall.Kill(id, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("%s (process %d) is left: %v", name, id, err)
		}
	}
	for _, port := range []int{p.ports.etcd, p.ports.etcdPeer, p.ports.apiserver, p.ports.istiod, p.ports.istiodHTTP, p.ports.istiodMonitoring, p.ports.prometheus} {
		if conn, err := net.Dial("tcp", local(port)); err == nil {
			conn.Close()
			t.Errorf("somebody still listens on %d", port)
		}
	}
	if left := list(t, os.Getenv("TMPDIR")); len(left) > 0 {
		t.Errorf("left among the temporary files: %q", left)
	}
	if after := list(t, "."); !slices.Equal(before, after) {
		t.Errorf("the current folder had %q and has %q", before, after)
	}
}

// list returns what is in a folder.
func list(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// istiod serves, with its CRDs in the versions that manifests use.
func TestIstio(t *testing.T) {
	p := start(t, Options{Istio: true})
	for _, version := range []string{"v1alpha3", "v1beta1", "v1"} {
		manifest := "apiVersion: networking.istio.io/" + version + `
kind: VirtualService
metadata: {name: ` + version + `}
spec: {hosts: [app], http: [{route: [{destination: {host: app}}]}]}
`
		if err := p.Apply(t.Context(), strings.NewReader(manifest)); err != nil {
			t.Error(err)
		}
	}
	conn, err := net.Dial("tcp", p.Istiod())
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

// Prometheus scrapes a fixed target, with the labels that the target gives, and
// pods that ask for it, with their namespace and name.
func TestPrometheus(t *testing.T) {
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, `istio_requests_total{job="istio-proxy",path="`+r.URL.Path+`"} 42`)
	}))
	defer target.Close()
	host, port, err := net.SplitHostPort(target.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, Options{Prometheus: true, ScrapePods: true, ScrapeInterval: time.Second})
	if err := p.SetTargets(t.Context(), Target{Job: "dataplane", Address: net.JoinHostPort(host, port)}); err != nil {
		t.Fatal(err)
	}
	runPod(t, client(t, p, admin), host, map[string]string{
		"prometheus.io/scrape": "true", "prometheus.io/port": port, "prometheus.io/path": "/of/the/pod",
	})
	for _, query := range []string{
		`istio_requests_total{job="istio-proxy",path="/metrics"}`,
		`istio_requests_total{namespace="default",pod="scraped",path="/of/the/pod"}`,
	} {
		eventually(t, query, func(ctx context.Context) error {
			body, err := get(ctx, p.Prometheus()+"/api/v1/query?query="+url.QueryEscape(query))
			if err == nil && !strings.Contains(body, `"42"]`) {
				err = errors.New(body)
			}
			return err
		})
	}
}

// runPod creates a pod named scraped that runs at an address.
func runPod(t *testing.T, c *kubernetes.Clientset, address string, annotations map[string]string) {
	t.Helper()
	pods := c.CoreV1().Pods("default")
	pod, err := pods.Create(t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "scraped", Annotations: annotations},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "app:1"}}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	pod.Status.Phase, pod.Status.PodIP, pod.Status.PodIPs = corev1.PodRunning, address, []corev1.PodIP{{IP: address}}
	if _, err := pods.UpdateStatus(t.Context(), pod, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
}

func get(ctx context.Context, address string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}

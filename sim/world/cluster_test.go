package world_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/internal/control"
	"github.com/aviary-rollouts/aviary/sim"
	"github.com/aviary-rollouts/aviary/sim/store"
	"github.com/aviary-rollouts/aviary/sim/world"
)

// cluster is a simulation without any controller under test.
type cluster struct {
	*sim.Sim
	t testing.TB
}

func newCluster(t testing.TB, o world.Options) cluster {
	t.Helper()
	s, err := sim.New(sim.Options{
		World: o, Controllers: func(control.Deps) []control.Controller { return nil },
		Store: store.Options{DetectMutation: true}, // the models must not edit what they share
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Kernel().OnInstant(s.Store().CheckUnmodified)
	return cluster{s, t}
}

func (c cluster) do(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c cluster) create(objects ...client.Object) {
	c.t.Helper()
	for _, obj := range objects {
		c.do(c.Client().Create(c.t.Context(), obj))
	}
	c.do(c.Settle())
}

func (c cluster) sleep(d time.Duration) {
	c.t.Helper()
	c.do(c.Sleep(d))
}

func (c cluster) pods() []corev1.Pod {
	c.t.Helper()
	var list corev1.PodList
	c.do(c.Client().List(c.t.Context(), &list, client.InNamespace("default")))
	return list.Items
}

// look prints the pods as `kubectl get pods` would: "2 Running 1/1, 1 Pending 0/1".
func (c cluster) look() string {
	c.t.Helper()
	counts := map[string]int{}
	var order []string
	for _, pod := range c.pods() {
		line := glance(&pod)
		if counts[line] == 0 {
			order = append(order, line)
		}
		counts[line]++
	}
	var parts []string
	for _, line := range order {
		parts = append(parts, fmt.Sprintf("%d %s", counts[line], line))
	}
	return strings.Join(parts, ", ")
}

// glance is the STATUS and READY columns of a pod, and its restarts if any.
func glance(pod *corev1.Pod) string {
	status, ready, restarts := string(pod.Status.Phase), 0, int32(0)
	started := 0
	for _, s := range pod.Status.InitContainerStatuses {
		if (s.Started != nil && *s.Started) || (s.State.Terminated != nil && s.State.Terminated.ExitCode == 0) {
			started++
		}
	}
	for _, s := range pod.Status.ContainerStatuses {
		if s.Ready {
			ready++
		}
		restarts += s.RestartCount
		if s.State.Waiting != nil && s.State.Waiting.Reason != "" {
			status = s.State.Waiting.Reason
		}
	}
	if n := len(pod.Status.InitContainerStatuses); started < n {
		status = fmt.Sprintf("Init:%d/%d", started, n)
	}
	if pod.DeletionTimestamp != nil {
		status = "Terminating"
	}
	text := fmt.Sprintf("%s %d/%d", status, ready, len(pod.Spec.Containers))
	if restarts > 0 {
		text += fmt.Sprintf(" (%d)", restarts)
	}
	return text
}

func (c cluster) expect(want string) {
	c.t.Helper()
	if got := c.look(); got != want {
		c.t.Errorf("at +%s: %s, want %s", c.Now().Sub(c.Kernel().Start()), got, want)
	}
}

func labels() map[string]string { return map[string]string{"app": "web"} }

func template(image string) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: labels()},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{
			Name: "web", Image: image, Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}},
		}}},
	}
}

func replicaSet(n int32, change ...func(*appsv1.ReplicaSet)) *appsv1.ReplicaSet {
	rs := &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"},
		Spec: appsv1.ReplicaSetSpec{
			Replicas: &n, Selector: &metav1.LabelSelector{MatchLabels: labels()}, Template: template("web:1"),
		},
	}
	for _, f := range change {
		f(rs)
	}
	return rs
}

func web() types.NamespacedName { return types.NamespacedName{Namespace: "default", Name: "web"} }

func (c cluster) set() *appsv1.ReplicaSet {
	c.t.Helper()
	rs := &appsv1.ReplicaSet{}
	c.do(c.Client().Get(c.t.Context(), web(), rs))
	return rs
}

func (c cluster) scale(n int32) {
	c.t.Helper()
	rs := c.set()
	rs.Spec.Replicas = &n
	c.do(c.Client().Update(c.t.Context(), rs))
	c.do(c.Settle())
}

// counts prints a ReplicaSet's status: replicas, ready, available.
func (c cluster) counts() string {
	s := c.set().Status
	return fmt.Sprintf("%d/%d/%d", s.Replicas, s.ReadyReplicas, s.AvailableReplicas)
}

package world_test

import (
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/sim/world"
)

func TestReplicaSetCounts(t *testing.T) {
	c := newCluster(t, world.Options{})
	c.create(replicaSet(3, func(rs *appsv1.ReplicaSet) { rs.Spec.MinReadySeconds = 10 }))
	for _, m := range []struct {
		after time.Duration
		want  string
	}{{0, "3/0/0"}, {4 * time.Second, "3/3/0"}, {9 * time.Second, "3/3/0"}, {time.Second, "3/3/3"}} {
		c.sleep(m.after)
		if got := c.counts(); got != m.want {
			t.Errorf("after %s more: %s, want %s", m.after, got, m.want)
		}
	}
	rs := c.set()
	if rs.Status.ObservedGeneration != rs.Generation || rs.Status.FullyLabeledReplicas != 3 {
		t.Errorf("observed generation %d of %d, fully labelled %d", rs.Status.ObservedGeneration, rs.Generation, rs.Status.FullyLabeledReplicas)
	}
	pod := c.pods()[0]
	if !metav1.IsControlledBy(&pod, rs) || !strings.HasPrefix(pod.Name, "web-") || pod.Status.PodIP == "" {
		t.Errorf("pod %s of %v with address %q", pod.Name, pod.OwnerReferences, pod.Status.PodIP)
	}
}

// A pod that nobody owns is taken if its labels fit, and left alone otherwise.
func TestReplicaSetAdopts(t *testing.T) {
	c := newCluster(t, world.Options{})
	orphan := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "orphan", Labels: labels()}, Spec: template("web:1").Spec}
	stranger := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "stranger"}, Spec: template("web:1").Spec}
	c.create(orphan, stranger, replicaSet(2))
	c.sleep(5 * time.Second)
	if got := c.counts(); got != "2/2/2" || len(c.pods()) != 3 {
		t.Errorf("%s of %d pods", got, len(c.pods()))
	}
	c.scale(0)
	c.sleep(time.Minute)
	if pods := c.pods(); len(pods) != 1 || pods[0].Name != "stranger" {
		t.Errorf("left are %s", c.look())
	}
}

func TestReplicaSetGoesWithItsPods(t *testing.T) {
	c := newCluster(t, world.Options{})
	c.create(replicaSet(2))
	c.sleep(5 * time.Second)
	c.do(c.Client().Delete(t.Context(), c.set()))
	c.follow([]moment{{0, "2 Terminating 1/1"}, {2 * time.Second, ""}})
}

func TestQuota(t *testing.T) {
	c := newCluster(t, world.Options{})
	c.World().SetQuota("default", 3)
	c.create(replicaSet(5))
	rs := c.set()
	if len(rs.Status.Conditions) != 1 {
		t.Fatalf("conditions %v", rs.Status.Conditions)
	}
	cond := rs.Status.Conditions[0]
	if cond.Type != appsv1.ReplicaSetReplicaFailure || cond.Reason != "FailedCreate" || cond.Status != corev1.ConditionTrue ||
		!strings.Contains(cond.Message, "exceeded quota: pods, requested: pods=1, used: pods=3, limited: pods=3") {
		t.Errorf("condition %+v", cond)
	}
	c.sleep(time.Minute)
	if got := c.counts(); got != "3/3/3" {
		t.Errorf("under a quota of 3: %s", got)
	}
	c.World().SetQuota("default", -1)
	c.sleep(5 * time.Minute) // the back-off has grown meanwhile
	if got := c.counts(); got != "5/5/5" || len(c.set().Status.Conditions) != 0 {
		t.Errorf("without quota: %s, conditions %v", got, c.set().Status.Conditions)
	}
}

func TestEndpointSlices(t *testing.T) {
	c := newCluster(t, world.Options{})
	svc := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"},
		Spec:       corev1.ServiceSpec{Selector: labels(), Ports: []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromString("http")}}},
	}
	c.create(svc, replicaSet(2))
	slice := func() discoveryv1.EndpointSlice {
		var list discoveryv1.EndpointSliceList
		c.do(c.Client().List(t.Context(), &list, client.MatchingLabels{discoveryv1.LabelServiceName: "web"}))
		if len(list.Items) != 1 {
			t.Fatalf("%d slices", len(list.Items))
		}
		return list.Items[0]
	}
	ready := func() (n int) {
		for _, e := range slice().Endpoints {
			if *e.Conditions.Ready {
				n++
			}
		}
		return n
	}
	c.sleep(2 * time.Second)
	if len(slice().Endpoints) != 2 || ready() != 0 {
		t.Errorf("started: %v", slice().Endpoints)
	}
	c.sleep(2 * time.Second)
	if ready() != 2 || *slice().Ports[0].Port != 8080 {
		t.Errorf("ready: %v %v", slice().Endpoints, slice().Ports)
	}
	c.scale(1)
	if len(slice().Endpoints) != 2 || ready() != 1 {
		t.Errorf("one terminating: %v", slice().Endpoints)
	}
	c.sleep(2 * time.Second)
	if len(slice().Endpoints) != 1 {
		t.Errorf("one gone: %v", slice().Endpoints)
	}
}

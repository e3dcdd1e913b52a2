package world_test

import (
	"fmt"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/sim/world"
)

func deployment(n int32) *appsv1.Deployment {
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"},
		Spec: appsv1.DeploymentSpec{
			Replicas: &n, Selector: &metav1.LabelSelector{MatchLabels: labels()}, Template: template("web:1"),
		},
	}
}

func (c cluster) deployment() *appsv1.Deployment {
	c.t.Helper()
	d := &appsv1.Deployment{}
	c.do(c.Client().Get(c.t.Context(), web(), d))
	return d
}

func (c cluster) change(f func(*appsv1.Deployment)) {
	c.t.Helper()
	d := c.deployment()
	f(d)
	c.do(c.Client().Update(c.t.Context(), d))
	c.do(c.Settle())
}

func toImage(image string) func(*appsv1.Deployment) {
	return func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[0].Image = image }
}

// summary is replicas, updated, ready, available.
func (c cluster) summary() string {
	s := c.deployment().Status
	return fmt.Sprintf("%d/%d/%d/%d", s.Replicas, s.UpdatedReplicas, s.ReadyReplicas, s.AvailableReplicas)
}

func (c cluster) sets() []appsv1.ReplicaSet {
	c.t.Helper()
	var list appsv1.ReplicaSetList
	c.do(c.Client().List(c.t.Context(), &list, client.InNamespace("default")))
	return list.Items
}

func (c cluster) expectSummary(want string) {
	c.t.Helper()
	if got := c.summary(); got != want {
		c.t.Errorf("at +%s: %s, want %s", c.Now().Sub(c.Kernel().Start()), got, want)
	}
}

func TestDeploymentRolls(t *testing.T) {
	c := newCluster(t, world.Options{})
	c.create(deployment(4))
	c.sleep(5 * time.Second)
	c.expectSummary("4/4/4/4")
	first := c.sets()[0]
	if first.Labels["pod-template-hash"] == "" || first.Spec.Selector.MatchLabels["pod-template-hash"] != first.Labels["pod-template-hash"] {
		t.Errorf("labels %v, selector %v", first.Labels, first.Spec.Selector)
	}
	c.change(toImage("web:2"))
	c.expectSummary("5/2/3/3") // surge 1, one unavailable
	for range 20 {
		if s := c.deployment().Status; s.AvailableReplicas < 3 || s.Replicas > 5 {
			t.Errorf("out of limits: %+v", s)
		}
		c.sleep(time.Second)
	}
	c.expectSummary("4/4/4/4")
	d := c.deployment()
	if d.Annotations["deployment.kubernetes.io/revision"] != "2" || d.Status.ObservedGeneration != d.Generation {
		t.Errorf("annotations %v, observed %d of %d", d.Annotations, d.Status.ObservedGeneration, d.Generation)
	}
	c.change(toImage("web:1"))
	c.sleep(20 * time.Second)
	if len(c.sets()) != 2 || c.deployment().Annotations["deployment.kubernetes.io/revision"] != "3" {
		t.Errorf("%d ReplicaSets, revision %v", len(c.sets()), c.deployment().Annotations)
	}
}

func TestDeploymentStaysWithinLimitsWhenTheImageIsBad(t *testing.T) {
	c := newCluster(t, world.Options{Images: map[string]world.ImageBehaviour{"web:2": {NeverReady: true}}})
	c.create(deployment(4))
	c.sleep(5 * time.Second)
	c.change(toImage("web:2"))
	c.sleep(10 * time.Minute)
	c.expectSummary("5/2/3/3")
	c.change(toImage("web:1"))
	c.sleep(10 * time.Second)
	c.expectSummary("4/4/4/4")
}

func TestDeploymentRecreates(t *testing.T) {
	c := newCluster(t, world.Options{})
	d := deployment(3)
	d.Spec.Strategy.Type = appsv1.RecreateDeploymentStrategyType
	c.create(d)
	c.sleep(5 * time.Second)
	c.change(toImage("web:2"))
	for range 10 {
		c.sleep(time.Second)
		images := map[string]bool{}
		for _, pod := range c.pods() {
			if pod.DeletionTimestamp == nil {
				images[pod.Spec.Containers[0].Image] = true
			}
		}
		if len(images) > 1 {
			t.Errorf("both versions at once: %v", images)
		}
	}
	c.expectSummary("3/3/3/3")
}

func TestDeploymentScalesAndPauses(t *testing.T) {
	c := newCluster(t, world.Options{})
	c.create(deployment(2))
	c.sleep(5 * time.Second)
	five, none := int32(5), int32(0)
	c.change(func(d *appsv1.Deployment) { d.Spec.Replicas = &five; d.Spec.Paused = true; toImage("web:2")(d) })
	c.sleep(5 * time.Second)
	c.expectSummary("5/0/5/5") // paused: it scales, but does not roll
	if len(c.sets()) != 1 {
		t.Errorf("%d ReplicaSets", len(c.sets()))
	}
	c.change(func(d *appsv1.Deployment) { d.Spec.Paused = false })
	c.sleep(30 * time.Second)
	c.expectSummary("5/5/5/5")
	c.change(func(d *appsv1.Deployment) { d.Spec.Replicas = &none })
	c.sleep(5 * time.Second)
	c.expectSummary("0/0/0/0")
}

func TestDeploymentForgetsOldRevisions(t *testing.T) {
	c := newCluster(t, world.Options{})
	d := deployment(1)
	limit := int32(1)
	d.Spec.RevisionHistoryLimit = &limit
	c.create(d)
	for _, image := range []string{"web:2", "web:3", "web:4"} {
		c.change(toImage(image))
		c.sleep(30 * time.Second)
	}
	if len(c.sets()) != 2 {
		t.Errorf("%d ReplicaSets kept, want the current and one old", len(c.sets()))
	}
}

// TestNothingIsWrittenAtRest makes every model look again at everything.
func TestNothingIsWrittenAtRest(t *testing.T) {
	c := newCluster(t, world.Options{Images: map[string]world.ImageBehaviour{"web:2": {PullError: true}}})
	c.create(deployment(4))
	c.change(toImage("web:2"))
	c.sleep(time.Minute)
	c.do(c.CheckQuiet())
}

package world_test

import (
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aviary-rollouts/aviary/sim/world"
)

// perNode counts the pods of each node.
func (c cluster) perNode() map[string]int {
	counts := map[string]int{}
	for _, pod := range c.pods() {
		counts[pod.Spec.NodeName]++
	}
	return counts
}

func unschedulable(pods []corev1.Pod) (messages []string) {
	for _, pod := range pods {
		for _, cond := range pod.Status.Conditions {
			if cond.Type == corev1.PodScheduled && cond.Status == corev1.ConditionFalse && cond.Reason == "Unschedulable" {
				messages = append(messages, cond.Message)
			}
		}
	}
	return messages
}

func TestSchedulerSpreadsAndFills(t *testing.T) {
	c := newCluster(t, world.Options{Nodes: 2, PodsPerNode: 3})
	c.create(replicaSet(4))
	if n := c.perNode(); n["node-1"] != 2 || n["node-2"] != 2 {
		t.Errorf("4 pods on 2 nodes: %v", n)
	}
	c.scale(8)
	c.sleep(5 * time.Second)
	waiting := unschedulable(c.pods())
	if len(waiting) != 2 || waiting[0] != "0/2 nodes are available: 2 Too many pods." {
		t.Errorf("8 pods in 6 places: %q wait", waiting)
	}
	c.expect("6 Running 1/1, 2 Pending 0/1")

	// One pod goes; one that waited takes its place when it is really gone.
	running := c.World().Pods()[0]
	c.do(c.World().KillPod(running))
	c.do(c.Settle())
	if len(unschedulable(c.pods())) != 3 {
		t.Errorf("a terminating pod gave up its place: %s", c.look())
	}
	c.sleep(2 * time.Second)
	if len(unschedulable(c.pods())) != 2 {
		t.Errorf("room appeared and nobody took it: %s", c.look())
	}
}

func TestUnscheduledPodsGoFirstAndAtOnce(t *testing.T) {
	c := newCluster(t, world.Options{Nodes: 1, PodsPerNode: 2})
	c.create(replicaSet(4))
	c.sleep(5 * time.Second)
	c.scale(2)
	c.expect("2 Running 1/1")
}

func TestAntiAffinity(t *testing.T) {
	rule := corev1.PodAffinityTerm{LabelSelector: &metav1.LabelSelector{MatchLabels: labels()}, TopologyKey: corev1.LabelHostname}
	t.Run("required", func(t *testing.T) {
		c := newCluster(t, world.Options{Nodes: 2})
		c.create(replicaSet(3, func(rs *appsv1.ReplicaSet) {
			rs.Spec.Template.Spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{
				RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{rule},
			}}
		}))
		waiting := unschedulable(c.pods())
		if len(waiting) != 1 || waiting[0] != "0/2 nodes are available: 2 node(s) didn't match pod anti-affinity rules." {
			t.Errorf("%q wait", waiting)
		}
	})
	t.Run("preferred", func(t *testing.T) {
		c := newCluster(t, world.Options{Nodes: 2})
		c.create(replicaSet(1)) // on node-1
		other := replicaSet(2, func(rs *appsv1.ReplicaSet) {
			rs.Name = "other"
			rs.Spec.Selector.MatchLabels = map[string]string{"app": "other"}
			rs.Spec.Template.Labels = map[string]string{"app": "other"}
			rs.Spec.Template.Spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{
				PreferredDuringSchedulingIgnoredDuringExecution: []corev1.WeightedPodAffinityTerm{{Weight: 1, PodAffinityTerm: rule}},
			}}
		})
		c.create(other)
		if n := c.perNode(); n["node-2"] != 2 {
			t.Errorf("both should avoid node-1: %v", n)
		}
	})
}

func TestNodeSelector(t *testing.T) {
	c := newCluster(t, world.Options{})
	c.create(replicaSet(3, func(rs *appsv1.ReplicaSet) {
		rs.Spec.Template.Spec.NodeSelector = map[string]string{corev1.LabelHostname: "node-2"}
	}))
	if n := c.perNode(); n["node-2"] != 3 {
		t.Errorf("%v", n)
	}
}

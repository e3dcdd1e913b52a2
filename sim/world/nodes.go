package world

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/internal/control"
)

const nodesName = "node-controller"

// nodes is the node lifecycle controller: it notices nodes that went silent,
// marks their pods not ready and, after a while, deletes them. The kubelet of
// a silent node does nothing, so such pods stay Terminating until it returns.
type nodes struct {
	world  *World
	client client.Client
	list   []*node              // in the order of their numbers
	down   map[string]time.Time // since when a node is silent
}

type node struct {
	name, ip string
	labels   map[string]string
	capacity int // pods
}

func (n *nodes) row() control.Controller {
	return control.Controller{Name: nodesName, For: &corev1.Node{}, Reconcile: n.reconcile}
}

// create makes the nodes' objects, ready and empty.
func (n *nodes) create(count, podsPerNode int) error {
	for i := 1; i <= count; i++ {
		name := "node-" + strconv.Itoa(i)
		node := &node{
			name: name, ip: fmt.Sprintf("172.18.%d.%d", i/250, 2+i%250), capacity: podsPerNode,
			labels: map[string]string{corev1.LabelHostname: name, corev1.LabelOSStable: "linux"},
		}
		n.list = append(n.list, node)
		obj := node.object(n.world.kernel.Now())
		status := obj.Status
		if err := n.client.Create(background, obj); err != nil {
			return fmt.Errorf("create node %s: %w", name, err)
		}
		obj.Status = status
		if err := n.client.Status().Update(background, obj); err != nil {
			return fmt.Errorf("report node %s: %w", name, err)
		}
	}
	return nil
}

func (n *node) object(now time.Time) *corev1.Node {
	pods := corev1.ResourceList{corev1.ResourcePods: *resource.NewQuantity(int64(n.capacity), resource.DecimalSI)}
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: n.name, Labels: n.labels},
		Status: corev1.NodeStatus{
			Capacity: pods, Allocatable: pods,
			Addresses:  []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: n.ip}, {Type: corev1.NodeHostName, Address: n.name}},
			Conditions: []corev1.NodeCondition{nodeReady(corev1.ConditionTrue, now)},
		},
	}
}

func nodeReady(status corev1.ConditionStatus, now time.Time) corev1.NodeCondition {
	c := corev1.NodeCondition{Type: corev1.NodeReady, Status: status, LastTransitionTime: apiTime(now), Reason: "KubeletReady"}
	if status != corev1.ConditionTrue {
		c.Reason, c.Message = "NodeStatusUnknown", "Kubelet stopped posting node status."
	}
	return c
}

func (n *nodes) find(name string) *node {
	for _, node := range n.list {
		if node.name == name {
			return node
		}
	}
	return nil
}

func (n *nodes) address(name string) string {
	if node := n.find(name); node != nil {
		return node.ip
	}
	return ""
}

func (n *nodes) isDown(name string) bool {
	_, down := n.down[name]
	return down
}

// FailNode cuts the power of a node. After Timing.NodeGrace its pods are not
// ready, after Timing.NodeEviction more they are deleted, and replaced
// elsewhere. The error says that there is no such node.
func (w *World) FailNode(name string) error {
	if w.nodes.find(name) == nil {
		return fmt.Errorf("fail node %q: there is no such node", name)
	}
	if !w.nodes.isDown(name) {
		w.nodes.down[name] = w.kernel.Now()
		w.requeue(nodesName, types.NamespacedName{Name: name})
	}
	return nil
}

// RecoverNode brings a failed node back: its pods become ready again, those
// that were deleted meanwhile end. The error says that there is no such node.
func (w *World) RecoverNode(name string) error {
	if w.nodes.find(name) == nil {
		return fmt.Errorf("recover node %q: there is no such node", name)
	}
	delete(w.nodes.down, name)
	w.requeue(nodesName, types.NamespacedName{Name: name})
	w.scheduler.roomMayHaveAppeared()
	for _, s := range w.kubelet.sandboxes {
		s.changed = true // the API's view may have been overruled meanwhile
	}
	w.requeue(kubeletName, w.kubelet.keys()...)
	return nil
}

// reconcile compares how long a node has been silent with the two limits.
func (n *nodes) reconcile(ctx context.Context, key types.NamespacedName) (wake time.Time, err error) {
	now := n.world.kernel.Now()
	since, down := n.down[key.Name]
	if !down {
		return time.Time{}, n.mark(ctx, key.Name, corev1.ConditionTrue, now)
	}
	grace := since.Add(n.world.timing.NodeGrace)
	if now.Before(grace) {
		return grace, nil
	}
	if err := n.mark(ctx, key.Name, corev1.ConditionUnknown, now); err != nil {
		return time.Time{}, err
	}
	eviction := grace.Add(n.world.timing.NodeEviction)
	if now.Before(eviction) {
		return eviction, n.abandon(ctx, key.Name, now, false)
	}
	return time.Time{}, n.abandon(ctx, key.Name, now, true)
}

// mark writes whether the node is ready.
func (n *nodes) mark(ctx context.Context, name string, status corev1.ConditionStatus, now time.Time) error {
	node := &corev1.Node{}
	if err := n.client.Get(ctx, client.ObjectKey{Name: name}, node); err != nil {
		return client.IgnoreNotFound(err)
	}
	for i, c := range node.Status.Conditions {
		if c.Type == corev1.NodeReady && c.Status != status {
			node.Status.Conditions = slices.Clone(node.Status.Conditions)
			node.Status.Conditions[i] = nodeReady(status, now)
			if err := n.client.Status().Update(ctx, node); err != nil {
				return fmt.Errorf("mark node %s %s: %w", name, status, err)
			}
		}
	}
	return nil
}

// abandon marks the node's pods not ready and deletes them if evict is set.
func (n *nodes) abandon(ctx context.Context, name string, now time.Time, evict bool) error {
	var pods corev1.PodList
	if err := n.client.List(ctx, &pods, client.MatchingFields{"spec.nodeName": name}); err != nil {
		return fmt.Errorf("list the pods of node %s: %w", name, err)
	}
	for i := range pods.Items {
		pod := &pods.Items[i]
		if err := n.setNotReady(ctx, pod, now); err != nil {
			return err
		}
		if evict && pod.DeletionTimestamp == nil {
			if err := client.IgnoreNotFound(n.client.Delete(ctx, pod)); err != nil {
				return fmt.Errorf("evict pod %s/%s from node %s: %w", pod.Namespace, pod.Name, name, err)
			}
		}
	}
	return nil
}

func (n *nodes) setNotReady(ctx context.Context, pod *corev1.Pod, now time.Time) error {
	i := slices.IndexFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == corev1.PodReady })
	if i < 0 || pod.Status.Conditions[i].Status == corev1.ConditionFalse {
		return nil
	}
	pod.Status.Conditions = slices.Clone(pod.Status.Conditions)
	pod.Status.Conditions[i] = corev1.PodCondition{
		Type: corev1.PodReady, Status: corev1.ConditionFalse, LastTransitionTime: apiTime(now), Reason: "NodeNotReady",
	}
	if err := n.client.Status().Update(ctx, pod); err != nil {
		return fmt.Errorf("mark pod %s/%s not ready: %w", pod.Namespace, pod.Name, err)
	}
	return nil
}

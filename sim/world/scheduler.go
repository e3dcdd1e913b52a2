package world

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/internal/control"
	"github.com/aviary-rollouts/aviary/sim/label"
)

// scheduler binds pods to nodes. It looks at the number of pods per node, at
// node selectors and at pod anti-affinity; resource requests, taints and node
// affinity it does not know. A pod that fits nowhere waits until room appears.
type scheduler struct {
	world   *World
	client  client.Client
	placed  map[types.NamespacedName]placement
	on      map[string]int                     // the number of those on each node
	choosy  map[types.NamespacedName]placement // those that want some others not to be near
	waiting []types.NamespacedName             // unschedulable pods, first come first served
}

// placement is a pod that occupies a place on a node, terminating or not.
type placement struct {
	node string
	pod  *corev1.Pod
}

func newScheduler(w *World, c client.Client) *scheduler {
	return &scheduler{
		world: w, client: c, placed: map[types.NamespacedName]placement{}, on: map[string]int{}, choosy: map[types.NamespacedName]placement{},
	}
}

func (s *scheduler) row() control.Controller {
	return control.Controller{Name: "scheduler", For: &corev1.Pod{}, Echo: s.hasPlace, Reconcile: s.reconcile}
}

// hasPlace reports whether a pod is on a node already, for which nothing is to be done.
// It keeps what the pod looks like now, which rules of others may speak of.
func (s *scheduler) hasPlace(key types.NamespacedName, obj client.Object) bool {
	pod := obj.(*corev1.Pod)
	if pod.Spec.NodeName == "" {
		return false
	}
	s.place(key, pod)
	return true
}

// place notes where a pod is, and what it looks like now.
func (s *scheduler) place(key types.NamespacedName, pod *corev1.Pod) {
	s.vacate(key)
	p := placement{pod.Spec.NodeName, pod}
	s.placed[key] = p
	s.on[p.node]++
	if len(requiredTerms(pod)) > 0 {
		s.choosy[key] = p
	}
}

// vacate forgets where a pod is, and reports whether it had a place.
func (s *scheduler) vacate(key types.NamespacedName) bool {
	p, ok := s.placed[key]
	if ok {
		delete(s.placed, key)
		delete(s.choosy, key)
		s.on[p.node]--
	}
	return ok
}

func (s *scheduler) reconcile(ctx context.Context, key types.NamespacedName) (time.Time, error) {
	pod := &corev1.Pod{}
	err := s.client.Get(ctx, key, pod)
	switch {
	case apierrors.IsNotFound(err):
		s.forget(key)
		return time.Time{}, nil
	case err != nil:
		return time.Time{}, fmt.Errorf("read pod %s: %w", key, err)
	case s.hasPlace(key, pod), pod.DeletionTimestamp != nil:
		return time.Time{}, nil
	}
	return time.Time{}, s.schedule(ctx, key, pod)
}

// forget frees the place of a pod that is gone; those who wait may try again.
func (s *scheduler) forget(key types.NamespacedName) {
	s.waiting = slices.DeleteFunc(s.waiting, func(k types.NamespacedName) bool { return k == key })
	if s.vacate(key) {
		s.roomMayHaveAppeared()
	}
}

// roomMayHaveAppeared lets the waiting pods try again, in their order.
func (s *scheduler) roomMayHaveAppeared() {
	if len(s.waiting) > 0 {
		s.world.requeue("scheduler", s.waiting...)
	}
}

func (s *scheduler) schedule(ctx context.Context, key types.NamespacedName, pod *corev1.Pod) error {
	node, why := s.choose(pod)
	if node == nil {
		if !slices.Contains(s.waiting, key) {
			s.waiting = append(s.waiting, key)
		}
		return s.markUnschedulable(ctx, pod, why)
	}
	s.waiting = slices.DeleteFunc(s.waiting, func(k types.NamespacedName) bool { return k == key })
	pod.Spec.NodeName = node.name
	if err := s.client.Update(ctx, pod); err != nil {
		return fmt.Errorf("bind pod %s to %s: %w", key, node.name, err)
	}
	s.place(key, pod)
	return nil
}

// choose returns the feasible node with the least anti-affinity, then the
// fewest pods, then the lowest number; without one it says why each was refused.
func (s *scheduler) choose(pod *corev1.Pod) (best *node, why string) {
	refused := map[string]int{}
	var bestScore score
	for _, n := range s.world.nodes.list {
		sc := score{pods: s.on[n.name]}
		if reason := s.refuses(n, pod, sc.pods); reason != "" {
			refused[reason]++
			continue
		}
		sc.dislike = s.dislike(n, pod)
		if best == nil || sc.less(bestScore) {
			best, bestScore = n, sc
		}
	}
	if best != nil {
		return best, ""
	}
	return nil, s.unschedulable(refused)
}

type score struct{ dislike, pods int }

func (a score) less(b score) bool {
	return a.dislike < b.dislike || (a.dislike == b.dislike && a.pods < b.pods)
}

// refuses returns why the pod cannot run on the node; empty if it can.
func (s *scheduler) refuses(n *node, pod *corev1.Pod, pods int) string {
	switch {
	case s.world.nodes.isDown(n.name):
		return "node(s) had untolerated taint {node.kubernetes.io/unreachable: }"
	case !label.All(n.labels, pod.Spec.NodeSelector):
		return "node(s) didn't match Pod's node affinity/selector"
	case pods >= n.capacity:
		return "Too many pods"
	case s.repels(n, pod):
		return "node(s) didn't match pod anti-affinity rules"
	}
	return ""
}

// unschedulable words the scheduler's verdict: "0/3 nodes are available: 3 Too
// many pods."
func (s *scheduler) unschedulable(refused map[string]int) string {
	var parts []string
	for _, reason := range sortedKeys(refused) {
		parts = append(parts, fmt.Sprintf("%d %s", refused[reason], reason))
	}
	total := len(s.world.nodes.list)
	return fmt.Sprintf("0/%d nodes are available: %s.", total, strings.Join(parts, ", "))
}

func (s *scheduler) markUnschedulable(ctx context.Context, pod *corev1.Pod, why string) error {
	pod.Status.Conditions = slices.Clone(pod.Status.Conditions)
	old := podCondition(pod.Status.Conditions, corev1.PodScheduled)
	if old != nil && old.Message == why {
		return nil
	}
	c := corev1.PodCondition{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable,
		Message: why, LastTransitionTime: apiTime(s.world.kernel.Now()),
	}
	if old != nil {
		c.LastTransitionTime = old.LastTransitionTime
		*old = c
	} else {
		pod.Status.Conditions = append(pod.Status.Conditions, c)
	}
	pod.Status.Phase = corev1.PodPending
	if err := s.client.Status().Update(ctx, pod); err != nil {
		return fmt.Errorf("mark pod %s/%s unschedulable: %w", pod.Namespace, pod.Name, err)
	}
	return nil
}

// repels reports whether a required anti-affinity rule, of the pod or of a pod
// that is there already, keeps the pod off the node.
func (s *scheduler) repels(n *node, pod *corev1.Pod) bool {
	for _, term := range requiredTerms(pod) {
		for _, p := range s.placed {
			if sameDomain(n, s.world.nodes.find(p.node), term.TopologyKey) && selects(&term, pod, p.pod) {
				return true
			}
		}
	}
	for _, p := range s.choosy {
		there := s.world.nodes.find(p.node)
		for _, term := range requiredTerms(p.pod) {
			if sameDomain(n, there, term.TopologyKey) && selects(&term, p.pod, pod) {
				return true
			}
		}
	}
	return false
}

// dislike adds up the weights of the pod's preferred anti-affinity rules that
// the node would break, once per pod that is there.
func (s *scheduler) dislike(n *node, pod *corev1.Pod) (sum int) {
	a := pod.Spec.Affinity
	if a == nil || a.PodAntiAffinity == nil {
		return 0
	}
	for _, w := range a.PodAntiAffinity.PreferredDuringSchedulingIgnoredDuringExecution {
		for _, p := range s.placed {
			if sameDomain(n, s.world.nodes.find(p.node), w.PodAffinityTerm.TopologyKey) && selects(&w.PodAffinityTerm, pod, p.pod) {
				sum += int(w.Weight)
			}
		}
	}
	return sum
}

func requiredTerms(pod *corev1.Pod) []corev1.PodAffinityTerm {
	if a := pod.Spec.Affinity; a != nil && a.PodAntiAffinity != nil {
		return a.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution
	}
	return nil
}

// sameDomain reports whether two nodes have the same value of a topology key.
func sameDomain(a, b *node, key string) bool {
	if a == nil || b == nil {
		return false
	}
	v, ok := a.labels[key]
	return ok && b.labels[key] == v
}

// selects reports whether a term of one pod speaks of the other. A selector
// that cannot be parsed speaks of none; the API server refuses such pods.
func selects(term *corev1.PodAffinityTerm, of, other *corev1.Pod) bool {
	if len(term.Namespaces) == 0 && of.Namespace != other.Namespace {
		return false
	}
	if len(term.Namespaces) > 0 && !slices.Contains(term.Namespaces, other.Namespace) {
		return false
	}
	selector, err := metav1.LabelSelectorAsSelector(term.LabelSelector)
	return err == nil && selector.Matches(labels.Set(other.Labels))
}

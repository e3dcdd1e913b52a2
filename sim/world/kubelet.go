package world

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/internal/control"
)

const kubeletName = "kubelet"

// background is the context of what the world does by itself.
var background = context.Background()

// kubelet is the kubelets of all nodes: it takes a bound pod from
// ContainerCreating to Running to Ready, restarts what fails and removes what
// was deleted.
type kubelet struct {
	pod       corev1.Pod // the one that is looked at, for its memory
	world     *World
	client    client.Client
	sandboxes map[types.NamespacedName]*sandbox
	addresses int // pod IPs given out so far
}

func (k *kubelet) row() control.Controller {
	return control.Controller{Name: kubeletName, For: &corev1.Pod{}, Echo: k.knows, Reconcile: k.reconcile}
}

// knows reports whether a change of a pod is none of a kubelet's business: no node has
// the pod yet, or the kubelet itself reported its status.
func (k *kubelet) knows(key types.NamespacedName, obj client.Object) bool {
	if obj.(*corev1.Pod).Spec.NodeName == "" {
		return true
	}
	s := k.sandboxes[key]
	return s != nil && s.uid == obj.GetUID() && s.reported == obj.GetResourceVersion()
}

// keys lists the pods that nodes run, sorted.
func (k *kubelet) keys() []types.NamespacedName {
	keys := make([]types.NamespacedName, 0, len(k.sandboxes))
	for key := range k.sandboxes {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, compareKeys)
	return keys
}

func (k *kubelet) reconcile(ctx context.Context, key types.NamespacedName) (wake time.Time, err error) {
	pod := &k.pod
	if err := k.client.Get(ctx, key, pod); err != nil {
		if apierrors.IsNotFound(err) {
			delete(k.sandboxes, key)
			return time.Time{}, nil
		}
		return time.Time{}, fmt.Errorf("read pod %s: %w", key, err)
	}
	if pod.Spec.NodeName == "" || k.world.nodes.isDown(pod.Spec.NodeName) {
		return time.Time{}, nil
	}
	now := k.world.kernel.Now()
	s := k.sandbox(key, pod, now)
	if pod.DeletionTimestamp != nil {
		return k.terminate(ctx, pod, s, now)
	}
	wake = s.advance(now, func(c *container) ImageBehaviour { return k.world.images.of(c.image) })
	return wake, k.report(ctx, pod, s, now)
}

// sandbox returns what runs the pod, starting it if this node sees it for the
// first time. A pod of the same name with another uid is another pod.
func (k *kubelet) sandbox(key types.NamespacedName, pod *corev1.Pod, now time.Time) *sandbox {
	if s := k.sandboxes[key]; s != nil && s.uid == pod.UID {
		return s
	}
	timing := k.world.timing
	if timing.Jitter > 0 {
		timing = timing.jittered(k.world.kernel.Rand("pods/start").Float64())
	}
	s := newSandbox(pod, now, timing, address(k.addresses))
	k.addresses++
	k.sandboxes[key] = s
	return s
}

// terminate removes the pod from the API when its containers have stopped.
func (k *kubelet) terminate(ctx context.Context, pod *corev1.Pod, s *sandbox, now time.Time) (time.Time, error) {
	if stop := s.terminate(now, pod, k.world.timing); now.Before(stop) {
		return stop, nil
	}
	uid := pod.UID
	err := k.client.Delete(ctx, pod, client.GracePeriodSeconds(0), client.Preconditions{UID: &uid})
	if err := client.IgnoreNotFound(err); err != nil {
		return time.Time{}, fmt.Errorf("remove pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	return time.Time{}, nil
}

// report writes the pod's status if it is news. Readiness gates are opened by
// others, so a pod that has some is always looked at.
func (k *kubelet) report(ctx context.Context, pod *corev1.Pod, s *sandbox, now time.Time) error {
	if !s.changed && len(pod.Spec.ReadinessGates) == 0 {
		return nil
	}
	pod.Status = s.status(pod, k.world.nodes.address(pod.Spec.NodeName), now)
	if err := k.client.Status().Update(ctx, pod); err != nil {
		return fmt.Errorf("report pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	s.changed, s.reported = false, pod.ResourceVersion
	return nil
}

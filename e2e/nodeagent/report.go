package nodeagent

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
)

// report tells the API the pod's status if it is news. It patches, as a kubelet
// does: labels and conditions of others may change meanwhile. Readiness gates
// are opened by others, so a pod that has some is always looked at.
func (a *Agent) report(ctx context.Context, pod *corev1.Pod, p *player, now time.Time) error {
	if p.reported != nil && !p.life.Changed() && len(pod.Spec.ReadinessGates) == 0 {
		return nil
	}
	known := p.known(pod)
	status := p.life.Status(known, a.nodes.address(pod.Spec.NodeName), now)
	patch, err := statusPatch(pod.UID, known.Status, status)
	if err != nil {
		return fmt.Errorf("report pod %s: %w", p.key, err)
	}
	if patch != nil {
		_, err = a.client.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
		if apierrors.IsNotFound(err) {
			return nil // its deletion will be heard of
		}
		if err != nil {
			return fmt.Errorf("report pod %s: %w", p.key, err)
		}
	}
	p.reported = &status
	p.life.Reported()
	return nil
}

// known is the pod with the status that the API has: what we reported last, which
// the watch may not have told us yet, and the conditions of others.
func (p *player) known(pod *corev1.Pod) *corev1.Pod {
	if p.reported == nil {
		return pod
	}
	known := *pod
	known.Status = *p.reported
	known.Status.Conditions = slices.Clone(p.reported.Conditions)
	for _, c := range pod.Status.Conditions {
		if ours(c.Type) {
			continue
		}
		i := slices.IndexFunc(known.Status.Conditions, func(x corev1.PodCondition) bool { return x.Type == c.Type })
		if i < 0 {
			known.Status.Conditions = append(known.Status.Conditions, c)
		} else {
			known.Status.Conditions[i] = c
		}
	}
	return &known
}

// ours tells the conditions that a kubelet reports.
func ours(kind corev1.PodConditionType) bool {
	switch kind {
	case corev1.PodInitialized, corev1.PodReady, corev1.ContainersReady, corev1.PodScheduled:
		return true
	}
	return false
}

// statusPatch returns what makes one status of another, for the pod of this uid
// alone; nil if nothing does.
func statusPatch(uid types.UID, from, to corev1.PodStatus) ([]byte, error) {
	before, err := json.Marshal(corev1.Pod{Status: from})
	if err != nil {
		return nil, err
	}
	same, err := json.Marshal(corev1.Pod{Status: to})
	if err != nil {
		return nil, err
	}
	patch, err := strategicpatch.CreateTwoWayMergePatch(before, same, corev1.Pod{})
	if err != nil || string(patch) == "{}" {
		return nil, err
	}
	after, err := json.Marshal(corev1.Pod{ObjectMeta: metav1.ObjectMeta{UID: uid}, Status: to})
	if err != nil {
		return nil, err
	}
	return strategicpatch.CreateTwoWayMergePatch(before, after, corev1.Pod{})
}

package backend

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// Scenarios say sleep 30s and mean: until the pods are there. Real kubelets on a
// busy machine need longer than simulated ones, and everything that follows from
// pods, as requests, shares and delays, is later by as much.

// Readiness is what the simulator knows at the end of a sleep about what takes its time
// on real nodes.
type Readiness struct {
	// Count is how many pods are ready, Starting how many are not so far: those of a
	// cluster may be sooner.
	Count, Starting int
	// Lag is how long ago the last of them became so.
	Lag time.Duration
	// Resting says where the Rollouts are, by namespace and name, that do not move: see
	// [RestOf].
	Resting map[types.NamespacedName]string
}

// slack is how late pods may be without anything being put off: Kubernetes writes
// times in whole seconds.
const slack = 2 * time.Second

// ReadinessOf reads from pods since when those are ready that are, the first of them
// first, and how many are not.
func ReadinessOf(pods []corev1.Pod) (since []time.Time, starting int) {
	for i := range pods {
		if pods[i].DeletionTimestamp != nil {
			continue
		}
		starting++
		for _, c := range pods[i].Status.Conditions {
			if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
				since = append(since, c.LastTransitionTime.Time)
				starting--
			}
		}
	}
	slices.SortFunc(since, time.Time.Compare)
	return since, starting
}

// RestOf says where a Rollout is that does not move: its phase, its step, and whether
// the version that it was asked for is the stable one. One that moves is nowhere for
// long, which is ok == false.
func RestOf(ro *v1alpha1.Rollout) (place string, ok bool) {
	s := &ro.Status
	if s.Phase == "" || s.Phase == v1alpha1.RolloutPhaseProgressing || s.ObservedGeneration != strconv.FormatInt(ro.Generation, 10) {
		return "", false
	}
	return fmt.Sprintf("%s at step %d, stable: %v", s.Phase, ptr.Deref(s.CurrentStepIndex, -1), s.CurrentPodHash == s.StableRS), true
}

// catchUp waits at the end of a sleep of a length until as many pods are ready as
// in the simulator, and for as long as they have been so there, and until the Rollouts
// are where they rest there. By that much the rest of the scenario is put off. Pods that
// were sooner than there cannot be made up for: what follows is looked for sooner.
func (b *Live) catchUp(ctx context.Context, slept time.Duration) error {
	want := b.next.Ready
	if want == nil {
		return nil
	}
	limit := b.patience()
	if b.early > 0 && b.next.Calm <= b.early+slack {
		limit = slack // what does not last may be over here
	}
	var last time.Time
	err := b.poll(ctx, limit, func() bool {
		since, err := b.ready(ctx)
		if err != nil || len(since) < want.Count || len(since) > want.Count+want.Starting {
			return false
		}
		if last = (time.Time{}); want.Count > 0 {
			last = since[want.Count-1]
		}
		return b.rests(ctx, want.Resting)
	})
	if err != nil || want.Lag > slept {
		return ctx.Err() // what is expected next says what is missing; or nothing of it has happened in this sleep
	}
	due := last.Add(want.Lag)
	b.early = max(0, b.due.Sub(due))
	if due.Sub(b.due) <= slack {
		return nil
	}
	b.due = due
	return b.cluster.Wait(ctx, max(0, due.Sub(b.cluster.Clock.Now())))
}

// ready looks since when the pods of the scenario are ready that are.
func (b *Live) ready(ctx context.Context) ([]time.Time, error) {
	var pods []corev1.Pod
	for _, namespace := range b.Namespaces() {
		var list corev1.PodList
		if err := b.admin.List(ctx, &list, client.InNamespace(b.InCluster(namespace))); err != nil {
			return nil, err
		}
		pods = append(pods, list.Items...)
	}
	since, _ := ReadinessOf(pods)
	return since, nil
}

// rests looks whether Rollouts of the scenario are where they ought to be.
func (b *Live) rests(ctx context.Context, want map[types.NamespacedName]string) bool {
	for key, place := range want {
		var ro v1alpha1.Rollout
		if err := b.admin.Get(ctx, types.NamespacedName{Namespace: b.InCluster(key.Namespace), Name: key.Name}, &ro); err != nil {
			return false
		}
		if got, ok := RestOf(&ro); !ok || got != place {
			return false
		}
	}
	return true
}

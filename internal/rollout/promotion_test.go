package rollout

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// The decision that promotes writes the status and does nothing else: what follows
// may fail, and must then follow from the promotion all the same.
func TestPromotionIsRecordedFirst(t *testing.T) {
	for name, d := range map[string]*desk{
		"pods make the weight": newDesk(t, 5, canaryOf(weight(50))).settle().image("v2"),
		"routed by hosts":      routedDesk(t, byHosts, weight(50)).image("v2"),
		"routed by subsets":    routedDesk(t, bySubsets, weight(50)).image("v2"),
	} {
		t.Run(name, func(t *testing.T) {
			for range 100 {
				was, plan := d.status().StableRS, Decide(d.o, d.now)
				if plan.Status.StableRS == was {
					d.carryOut(plan)
					continue
				}
				if len(plan.Actions) > 0 {
					t.Errorf("the decision that promotes also does %+v", plan.Actions)
				}
				d.carryOut(plan)
				d.settle().want("Healthy step 1 " + map[bool]string{true: "v1:5 v2:5", false: "v1:0 v2:5"}[d.o.Routing != nil])
				return
			}
			t.Errorf("it is never promoted: %s", d.picture())
		})
	}
}

// A stable version without pods is deleted only when it is on record that another one
// is stable.
func TestHistoryWaitsForTheRecord(t *testing.T) {
	d := routedDesk(t, func(c *v1alpha1.CanaryStrategy) { c.DynamicStableScale = true })
	d.o.Rollout.Spec.RevisionHistoryLimit = ptr.To[int32](0)
	d.image("v2")
	for range 100 {
		was, plan := d.status().StableRS, Decide(d.o, d.now)
		for _, a := range plan.Actions {
			if del, ok := a.(DeleteReplicaSet); ok && hashOf(del.ReplicaSet) == was {
				t.Fatalf("%s is deleted, and recorded as the stable one", del.ReplicaSet.Name)
			}
		}
		d.carryOut(plan)
		d.now = d.now.Add(time.Second)
	}
	d.want("Healthy v2:5")
}

// The stable version makes way for a share that goes to the new one, not for a share
// of a Service or subset that leads elsewhere.
func TestStablePodsStayUntilTheShareHasMoved(t *testing.T) {
	for name, route := range map[string]func(*v1alpha1.CanaryStrategy){"hosts": byHosts, "subsets": bySubsets} {
		d := routedDesk(t, func(c *v1alpha1.CanaryStrategy) { c.DynamicStableScale = true; route(c) }, weight(60), pauseFor(nil))
		d.image("v2").heard().want("Paused(CanaryPauseStep) step 1 v1:2 v2:3")
		*d.o.ReplicaSets[0].Spec.Replicas = 5 // as it was when the weight rose
		elsewhere := d.status().StableRS
		d.o.Services["canary"].Spec.Selector[v1alpha1.DefaultRolloutUniqueLabelKey] = elsewhere
		d.o.Routing.CanaryHash = elsewhere
		for _, a := range Decide(d.o, d.now).Actions {
			if u, ok := a.(UpdateReplicaSet); ok && u.Replicas < specReplicas(u.ReplicaSet) {
				t.Errorf("%s: %s is scaled down to %d", name, u.ReplicaSet.Name, u.Replicas)
			}
		}
		d.settle().canaryOn("v2")
		d.settle().want("Paused(CanaryPauseStep) step 1 v1:2 v2:3")
	}
}

// A canary pod that is lost while everything goes to the canary keeps a stable pod.
func TestStablePodsStayForMissingOnes(t *testing.T) {
	d := routedDesk(t, func(c *v1alpha1.CanaryStrategy) { c.DynamicStableScale = true }, weight(60), pauseFor(nil))
	d.image("v2").heard().want("Paused(CanaryPauseStep) step 1 v1:2 v2:3")
	*d.o.ReplicaSets[0].Spec.Replicas = 5
	d.slow("v2", 2)
	d.settle().want("Paused(CanaryPauseStep) step 1 v1:3 v2:3")
	d.o.ReplicaSets[1].Status.AvailableReplicas = 3
	d.settle().want("Paused(CanaryPauseStep) step 1 v1:2 v2:3")
}

// A first version that never serves: whoever is behind the Service or the subset
// that was not given to it keeps them, an undone version too.
func TestTheOnlyPodsThatServeStay(t *testing.T) {
	for name, route := range map[string]func(*v1alpha1.CanaryStrategy){"hosts": byHosts, "subsets": bySubsets} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, 5, routedDesk(t, route, weight(40), pauseFor(nil)).o.Rollout.Spec.Strategy)
			d.o.Routing = routedDesk(t, nil).o.Routing
			d.broken["web:v1"] = true
			d.settle().image("v2").settle().want("Paused(CanaryPauseStep) step 1 v1:5 v2:2").canaryOn("v2")
			d.image("v1").settle().pass(time.Minute).want("Progressing(updated replicas are still becoming available) step 2 v1:5 v2:2")
			delete(d.broken, "web:v1")
			d.o.ReplicaSets[0].Status.AvailableReplicas, d.o.ReplicaSets[0].Status.ReadyReplicas = 5, 5
			d.settle().pass(time.Minute).want("Healthy step 2 v1:5 v2:0").canaryOn("v1")
		})
	}
}

// What an undo finds in its delay is its share of the replicas that are wanted now:
// a person who has paused the Rollout sees it stay.
func TestLeftoverPodsDoNotGrowInAPause(t *testing.T) {
	d := routedDesk(t, nil, weight(100))
	d.image("v2").settle().want("Healthy step 1 v1:5 v2:5")
	d.o.Rollout.Spec.Replicas, d.o.Rollout.Spec.Paused = ptr.To[int32](8), true
	d.image("v1").settle().want("Paused(manually paused) step 0 v1:5 v2:8")
}

// While a ReplicaSet counts pods that have just been evicted nothing is scaled, and
// the restart is not over.
func TestRestartWaitsUntilEvictionsAreNoticed(t *testing.T) {
	d := newDesk(t, 5, canaryOf(weight(20), pauseFor(nil))).settle()
	d.populate(d.o.ReplicaSets[0])
	d.now = d.now.Add(time.Minute)
	d.o.Rollout.Spec.RestartAt = &metav1.Time{Time: d.now}
	for i, p := range d.o.Pods {
		p.CreationTimestamp = metav1.Time{Time: d.now}
		if i == 0 {
			p.DeletionTimestamp = &metav1.Time{Time: d.now}
		}
	}
	d.o.Rollout.Spec.Replicas = ptr.To[int32](4)
	d.settle()
	if d.status().RestartedAt != nil || specReplicas(d.o.ReplicaSets[0]) != 5 {
		t.Errorf("4 of 5 pods are left, and it goes on: restarted at %v, %s", d.status().RestartedAt, d.picture())
	}
	seen := d.o.Selector
	d.o.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": "other"}}
	if plan := Decide(d.o, d.now); plan.Status.RestartedAt == nil {
		t.Error("pods that are not observed are waited for")
	}
	d.o.Selector = seen
	young := d.o.Pods[0].DeepCopy() // replaces the evicted one, in a view that is ahead of the ReplicaSet
	young.DeletionTimestamp, young.Status.Conditions = nil, nil
	d.o.Pods = append(d.o.Pods, young)
	d.settle()
	if d.status().RestartedAt != nil || specReplicas(d.o.ReplicaSets[0]) != 5 {
		t.Errorf("the ReplicaSet counts 5 pods that serve, 4 are seen, and it goes on: restarted at %v, %s", d.status().RestartedAt, d.picture())
	}
	d.o.ReplicaSets[0].Status.AvailableReplicas = 4
	d.settle()
	if d.status().RestartedAt == nil || specReplicas(d.o.ReplicaSets[0]) != 4 {
		t.Errorf("the ReplicaSet has noticed, and it does not go on: restarted at %v, %s", d.status().RestartedAt, d.picture())
	}
}

// A blue/green undo finds all pods of the old version, which are about to shrink to
// the size of a preview: it does not get the active Service before they are back.
func TestUndoIsPreviewedBeforeItIsActive(t *testing.T) {
	d := newDesk(t, 5, blueGreenOf(func(bg *v1alpha1.BlueGreenStrategy) { bg.PreviewReplicaCount = ptr.To[int32](2) })).settle()
	d.image("v2").settle().want("Healthy v1:5 v2:5")
	delete(d.o.ReplicaSets[0].Annotations, v1alpha1.ScaleDownDeadlineAnnotation) // the write that failed
	d.image("v1")
	for range 20 {
		d.carryOut(Decide(d.o, d.now))
		if active := d.o.Services["active"].Spec.Selector[v1alpha1.DefaultRolloutUniqueLabelKey]; active == hashOf(d.o.ReplicaSets[0]) && specReplicas(d.o.ReplicaSets[0]) < 5 {
			t.Fatalf("the active Service selects %d pods", specReplicas(d.o.ReplicaSets[0]))
		}
	}
	d.settle().want("Healthy v1:5 v2:5").selects("active", "v1")
}

// A canary becomes blue/green in mid-update: the active Service, which selects the pods of
// both versions, selects the stable one once that has all its pods, and no other before it
// is promoted.
func TestActiveServiceOfFormerCanary(t *testing.T) {
	d := newDesk(t, 4, canaryOf(weight(25), pauseFor(nil))).settle().image("v2").settle().want("Paused(CanaryPauseStep) step 1 v1:3 v2:1")
	automatic := false
	d.o.Rollout.Spec.Strategy = blueGreenOf(func(bg *v1alpha1.BlueGreenStrategy) { bg.AutoPromotionEnabled = &automatic })
	d.settle().want("Paused(BlueGreenPause) v1:4 v2:4").selects("active", "v1").selects("preview", "v2")
}

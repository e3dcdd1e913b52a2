package view

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// update is a Rollout of 20, pause, 40, pause in the middle of an update.
func update(index int32, change func(*v1alpha1.Rollout)) *v1alpha1.Rollout {
	ro := &v1alpha1.Rollout{ObjectMeta: metav1.ObjectMeta{Name: "web", UID: "rollout", Generation: 7}}
	ro.Spec.Strategy.Canary = &v1alpha1.CanaryStrategy{Steps: steps(weight(20), pause, weight(40), pause)}
	ro.Status = v1alpha1.RolloutStatus{
		ObservedGeneration: "7", CurrentStepIndex: ptr.To(index),
		StableRS: "old", CurrentPodHash: "new",
		Phase: v1alpha1.RolloutPhasePaused, Message: "CanaryPauseStep",
	}
	if change != nil {
		change(ro)
	}
	return ro
}

func TestStatusThatClientsShow(t *testing.T) {
	deployment := &metav1.ObjectMeta{Generation: 4}
	for _, c := range []struct {
		name     string
		change   func(*v1alpha1.Rollout)
		workload metav1.Object
		want     string
	}{
		{"the controller's own", nil, nil, "Paused: CanaryPauseStep"},
		{"spec not observed", func(r *v1alpha1.Rollout) { r.Generation = 8 }, nil,
			"Progressing: waiting for rollout spec update to be observed"},
		{"never observed", func(r *v1alpha1.Rollout) { r.Status = v1alpha1.RolloutStatus{} }, nil,
			"Progressing: waiting for rollout spec update to be observed"},
		{"hash of an old controller", func(r *v1alpha1.Rollout) { r.Status.ObservedGeneration = "5d8c9f" }, nil,
			"Paused: CanaryPauseStep"},
		{"promote not observed", func(r *v1alpha1.Rollout) { r.Status.ControllerPause = true }, nil,
			"Progressing: waiting for rollout to unpause"},
		{"paused by the controller", func(r *v1alpha1.Rollout) {
			r.Status.ControllerPause = true
			r.Status.PauseConditions = []v1alpha1.PauseCondition{{Reason: v1alpha1.PauseReasonCanaryPauseStep}}
		}, nil, "Paused: CanaryPauseStep"},
		{"workload not observed", func(r *v1alpha1.Rollout) { r.Status.WorkloadObservedGeneration = "3" }, deployment,
			"Progressing: waiting for rollout spec update to be observed for the reference workload"},
		{"workload observed", func(r *v1alpha1.Rollout) { r.Status.WorkloadObservedGeneration = "4" }, deployment,
			"Paused: CanaryPauseStep"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := Summarize(update(1, c.change), c.workload)
			if got := string(s.Phase) + ": " + s.Message; got != c.want {
				t.Errorf("status %q, want %q", got, c.want)
			}
		})
	}
}

// replicaSetOf belongs to the Rollout of update.
func replicaSetOf(hash string, pods, available int32) appsv1.ReplicaSet {
	return appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{
			Name: "web-" + hash, Labels: map[string]string{v1alpha1.DefaultRolloutUniqueLabelKey: hash},
			OwnerReferences: []metav1.OwnerReference{{Kind: "Rollout", Name: "web", UID: "rollout", Controller: ptr.To(true)}},
		},
		Spec:   appsv1.ReplicaSetSpec{Replicas: &pods},
		Status: appsv1.ReplicaSetStatus{Replicas: pods, AvailableReplicas: available},
	}
}

func TestWeights(t *testing.T) {
	routed := func(router v1alpha1.RolloutTrafficRouting, w *v1alpha1.TrafficWeights) func(*v1alpha1.Rollout) {
		return func(r *v1alpha1.Rollout) {
			r.Spec.Strategy.Canary.TrafficRouting, r.Status.Canary.Weights = &router, w
		}
	}
	reported := &v1alpha1.TrafficWeights{}
	reported.Canary.Weight = 13
	nothing := func(r *v1alpha1.Rollout) { r.Status.StableRS, r.Status.CurrentPodHash = "", "" }
	for _, c := range []struct {
		name        string
		ro          *v1alpha1.Rollout
		rs          []appsv1.ReplicaSet
		set, actual int32
		step        string
	}{
		{"one of six", update(1, nil), []appsv1.ReplicaSet{replicaSetOf("new", 1, 1), replicaSetOf("old", 5, 5)}, 20, 16, "1/4"},
		{"not yet available", update(0, nil), []appsv1.ReplicaSet{replicaSetOf("new", 1, 0), replicaSetOf("old", 4, 4)}, 20, 0, "0/4"},
		{"third revision counts", update(2, nil), []appsv1.ReplicaSet{replicaSetOf("new", 1, 1), replicaSetOf("mid", 1, 1), replicaSetOf("old", 2, 2)}, 40, 25, "2/4"},
		{"last step", update(4, nil), []appsv1.ReplicaSet{replicaSetOf("new", 3, 3), replicaSetOf("old", 1, 1)}, 100, 75, "4/4"},
		{"promoted", update(4, func(r *v1alpha1.Rollout) { r.Status.StableRS = "new" }), []appsv1.ReplicaSet{replicaSetOf("new", 3, 0)}, 100, 100, "4/4"},
		{"first deploy before any pod", update(0, nothing), nil, 20, 0, "0/4"},
		{"paused before the first deploy", update(4, nothing), nil, 100, 100, "4/4"},
		{"aborted", update(0, func(r *v1alpha1.Rollout) { r.Status.Abort = true }), []appsv1.ReplicaSet{replicaSetOf("new", 1, 1), replicaSetOf("old", 4, 4)}, 0, 20, "0/4"},
		{"a pause first", update(0, func(r *v1alpha1.Rollout) { r.Spec.Strategy.Canary.Steps = steps(pause, weight(20)) }), nil, 0, 0, "0/2"},
		{"fewer steps than before", update(9, nil), nil, 100, 100, "4/4"},
		{"no steps", update(0, func(r *v1alpha1.Rollout) { r.Spec.Strategy.Canary.Steps = nil }), []appsv1.ReplicaSet{replicaSetOf("new", 1, 1), replicaSetOf("old", 1, 1)}, 100, 50, ""},
		{"reported by the router", update(1, routed(v1alpha1.RolloutTrafficRouting{}, reported)), []appsv1.ReplicaSet{replicaSetOf("new", 1, 1)}, 20, 13, "1/4"},
		{"not yet reported", update(1, routed(v1alpha1.RolloutTrafficRouting{}, nil)), []appsv1.ReplicaSet{replicaSetOf("new", 1, 1)}, 20, 0, "1/4"},
		{"router that counts to 1000", update(4, routed(v1alpha1.RolloutTrafficRouting{MaxTrafficWeight: ptr.To(int32(1000))}, reported)), nil, 1000, 13, "4/4"},
	} {
		t.Run(c.name, func(t *testing.T) {
			info := Rollout(Objects{Rollout: c.ro, ReplicaSets: c.rs}, now)
			if info.SetWeight != c.set || info.ActualWeight != c.actual || info.Step.String() != c.step {
				t.Errorf("set %d actual %d step %s, want %d %d %s", info.SetWeight, info.ActualWeight, info.Step, c.set, c.actual, c.step)
			}
		})
	}
}

func TestReplicaSetStatus(t *testing.T) {
	failed := replicaSetOf("new", 2, 0)
	failed.Status.Conditions = []appsv1.ReplicaSetCondition{{Type: appsv1.ReplicaSetReplicaFailure, Status: corev1.ConditionTrue}}
	for _, c := range []struct {
		rs   appsv1.ReplicaSet
		want string
	}{
		{replicaSetOf("new", 2, 2), Healthy},
		{replicaSetOf("new", 2, 1), Progressing},
		{replicaSetOf("new", 0, 0), ScaledDown},
		{failed, Degraded},
	} {
		if got := replicaSetStatus(&c.rs); got != c.want {
			t.Errorf("status %s, want %s", got, c.want)
		}
	}
}

// TestOthersAreLeftOut puts a namesake's children into the lists.
func TestOthersAreLeftOut(t *testing.T) {
	other := replicaSetOf("old", 1, 1)
	other.OwnerReferences[0].UID = "the Rollout of that name that was deleted"
	o := Objects{Rollout: update(1, nil), ReplicaSets: []appsv1.ReplicaSet{other, replicaSetOf("new", 1, 1)}}
	info := Rollout(o, now)
	if len(info.Revisions) != 1 || len(info.Revisions[0].ReplicaSets) != 1 || info.Revisions[0].ReplicaSets[0].Name != "web-new" {
		t.Errorf("revisions %+v, want web-new alone", info.Revisions)
	}
}

// TestBlueGreenRoles covers what no document prints: the time between the
// switch and the end of the post-promotion analysis.
func TestBlueGreenRoles(t *testing.T) {
	ro := update(0, func(r *v1alpha1.Rollout) {
		r.Spec.Strategy = v1alpha1.RolloutStrategy{BlueGreen: &v1alpha1.BlueGreenStrategy{}}
		r.Status.BlueGreen.ActiveSelector, r.Status.BlueGreen.PreviewSelector = "new", "new"
	})
	info := Rollout(Objects{Rollout: ro, ReplicaSets: []appsv1.ReplicaSet{replicaSetOf("new", 1, 1), replicaSetOf("old", 1, 1)}}, now)
	rs := info.Revisions[0].ReplicaSets
	if got := rs[0].Tags(); len(got) != 1 || got[0] != RoleActive {
		t.Errorf("tags of the new ReplicaSet: %v", got)
	}
	if got := rs[1].Tags(); len(got) != 1 || got[0] != RoleStable {
		t.Errorf("tags of the old ReplicaSet: %v", got)
	}
}

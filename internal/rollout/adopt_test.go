package rollout

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// TestAdopt: what an earlier Rollout left behind is taken before anything else is
// decided, but not by a Rollout that is about to go.
func TestAdopt(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	left := &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Name: "web-1"}}
	o := Observed{
		Rollout:  &v1alpha1.Rollout{Spec: v1alpha1.RolloutSpec{Replicas: ptr.To[int32](2)}},
		Template: &corev1.PodTemplateSpec{},
		Orphans:  []*appsv1.ReplicaSet{left},
	}
	if diff := cmp.Diff([]Action{AdoptReplicaSet{left}}, Decide(o, now).Actions); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	o.Rollout.DeletionTimestamp = &metav1.Time{Time: now}
	if got := Decide(o, now).Actions; len(got) > 0 {
		t.Errorf("a Rollout that is being deleted does %v", got)
	}
}

// TestStableWithoutRecord: a Rollout without a status, with ReplicaSets of another life,
// goes on from what serves.
func TestStableWithoutRecord(t *testing.T) {
	for name, start := range map[string]func(t *testing.T) *desk{
		"basic": func(t *testing.T) *desk { return newDesk(t, 5, canaryOf(weight(20), pauseFor(nil))).settle() },
		"hosts": func(t *testing.T) *desk { return routedDesk(t, byHosts, weight(20), pauseFor(nil)) },
		"subsets": func(t *testing.T) *desk {
			return routedDesk(t, bySubsets, weight(20), pauseFor(nil))
		},
	} {
		at20 := "Paused(CanaryPauseStep) step 1 v1:5 v2:1"
		if name == "basic" {
			at20 = "Paused(CanaryPauseStep) step 1 v1:4 v2:1"
		}
		t.Run(name, func(t *testing.T) {
			lost := func(d *desk) *desk { d.o.Rollout.Status = v1alpha1.RolloutStatus{}; return d }
			lost(start(t)).settle().want("Healthy step 2 v1:5")
			lost(start(t)).image("v2").settle().want(at20)
			lost(start(t).image("v2").settle()).settle().want(at20)
			if d := lost(start(t).image("v2").settle()).image("v3").settle(); d.status().StableRS != d.hash("v1") {
				t.Errorf("stable is %s, not that of v1, of which most pods are: %s", d.status().StableRS, d.picture())
			}
			d := start(t)
			d.slow("v1", 0)
			d.broken["web:v2"] = true
			lost(d).image("v2").settle()
			if d.status().StableRS != d.hash("v2") {
				t.Errorf("stable is %s, not that of v2, where v1 does not serve", d.status().StableRS)
			}
		})
	}
	t.Run("blue/green", func(t *testing.T) {
		d := newDesk(t, 3, blueGreenOf(func(bg *v1alpha1.BlueGreenStrategy) { bg.AutoPromotionEnabled = ptr.To(false) })).settle().image("v2").settle()
		d.o.Rollout.Status = v1alpha1.RolloutStatus{}
		d.settle().want("Paused(BlueGreenPause) v1:3 v2:3").selects("active", "v1").image("v3").settle()
		d.selects("active", "v1").selects("preview", "v3")
	})
}

// hash is the one of a version's ReplicaSet.
func (d *desk) hash(tag string) string {
	for _, rs := range d.o.ReplicaSets {
		if rs.Spec.Template.Spec.Containers[0].Image == "web:"+tag {
			return hashOf(rs)
		}
	}
	return ""
}

package rollout

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// The questions are asked in order: each row answers one and would answer the
// ones below it as well.
func TestPhase(t *testing.T) {
	condition := func(t v1alpha1.RolloutConditionType, reason, message string) []v1alpha1.RolloutCondition {
		return []v1alpha1.RolloutCondition{{Type: t, Status: corev1.ConditionFalse, Reason: reason, Message: message}}
	}
	restart := metav1.NewTime(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	canary := v1alpha1.RolloutStrategy{Canary: &v1alpha1.CanaryStrategy{}}
	blueGreen := v1alpha1.RolloutStrategy{BlueGreen: &v1alpha1.BlueGreenStrategy{}}
	promoted := v1alpha1.RolloutStatus{Replicas: 5, UpdatedReplicas: 5, AvailableReplicas: 5, StableRS: "new", CurrentPodHash: "new"}
	with := func(change func(*v1alpha1.RolloutStatus)) v1alpha1.RolloutStatus { s := promoted; change(&s); return s }
	for _, c := range []struct {
		spec    v1alpha1.RolloutSpec
		status  v1alpha1.RolloutStatus
		phase   v1alpha1.RolloutPhase
		message string
	}{
		{v1alpha1.RolloutSpec{Paused: true, Strategy: canary}, with(func(s *v1alpha1.RolloutStatus) {
			s.Conditions = condition(v1alpha1.InvalidSpec, "InvalidSpec", "no")
		}), "Degraded", "InvalidSpec: no"},
		{v1alpha1.RolloutSpec{Paused: true, Strategy: canary}, with(func(s *v1alpha1.RolloutStatus) {
			s.Conditions = condition(v1alpha1.RolloutProgressing, "RolloutAborted", "why")
		}), "Degraded", "RolloutAborted: why"},
		{v1alpha1.RolloutSpec{Strategy: canary}, with(func(s *v1alpha1.RolloutStatus) {
			s.Conditions = condition(v1alpha1.RolloutProgressing, "ProgressDeadlineExceeded", "late")
		}), "Degraded", "ProgressDeadlineExceeded: late"},
		{v1alpha1.RolloutSpec{Paused: true, Strategy: canary}, with(func(s *v1alpha1.RolloutStatus) {
			s.PauseConditions = []v1alpha1.PauseCondition{{Reason: "CanaryPauseStep"}}
		}), "Paused", "manually paused"},
		{v1alpha1.RolloutSpec{RestartAt: &restart, Strategy: canary}, with(func(s *v1alpha1.RolloutStatus) {
			s.PauseConditions = []v1alpha1.PauseCondition{{Reason: "InconclusiveAnalysisRun"}, {Reason: "CanaryPauseStep"}}
		}), "Paused", "InconclusiveAnalysisRun"},
		{v1alpha1.RolloutSpec{RestartAt: &restart, Strategy: canary}, with(func(s *v1alpha1.RolloutStatus) { s.UpdatedReplicas = 1 }), "Progressing", "rollout is restarting"},
		{v1alpha1.RolloutSpec{Strategy: canary}, with(func(s *v1alpha1.RolloutStatus) { s.UpdatedReplicas, s.AvailableReplicas = 1, 0 }), "Progressing", "more replicas need to be updated"},
		{v1alpha1.RolloutSpec{Strategy: canary}, with(func(s *v1alpha1.RolloutStatus) { s.AvailableReplicas, s.Replicas = 4, 6 }), "Progressing", "updated replicas are still becoming available"},
		{v1alpha1.RolloutSpec{Strategy: blueGreen}, with(func(s *v1alpha1.RolloutStatus) { s.StableRS = "old" }), "Progressing", "active service cutover pending"},
		{v1alpha1.RolloutSpec{Strategy: blueGreen}, with(func(s *v1alpha1.RolloutStatus) { s.BlueGreen.ActiveSelector, s.StableRS = "new", "old" }), "Progressing", "waiting for post-promotion verification to complete"},
		{v1alpha1.RolloutSpec{Strategy: blueGreen}, with(func(s *v1alpha1.RolloutStatus) { s.BlueGreen.ActiveSelector, s.Replicas = "new", 10 }), "Healthy", ""},
		{v1alpha1.RolloutSpec{Strategy: canary}, with(func(s *v1alpha1.RolloutStatus) { s.Replicas, s.StableRS = 6, "old" }), "Progressing", "old replicas are pending termination"},
		{v1alpha1.RolloutSpec{Strategy: canary}, with(func(s *v1alpha1.RolloutStatus) { s.StableRS = "old" }), "Progressing", "waiting for all steps to complete"},
		{v1alpha1.RolloutSpec{Strategy: canary}, promoted, "Healthy", ""},
	} {
		d := &decision{spec: &c.spec, status: &c.status, n: 5}
		if p, m := phase(d); p != c.phase || m != c.message {
			t.Errorf("got %s (%s), want %s (%s)", p, m, c.phase, c.message)
		}
	}
}

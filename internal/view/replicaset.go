package view

import (
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// The roles of a ReplicaSet, as they are printed.
const (
	RoleCanary  = "canary"
	RoleStable  = "stable"
	RoleActive  = "active"
	RolePreview = "preview"
)

// The states of a ReplicaSet, as they are printed.
const (
	Healthy     = "Healthy"
	Progressing = "Progressing"
	ScaledDown  = "ScaledDown"
	Degraded    = "Degraded"
)

// ReplicaSet is one ReplicaSet of a Rollout or of an Experiment.
type ReplicaSet struct {
	Name string
	// Status is Healthy, Progressing, ScaledDown or Degraded.
	Status string
	Age    time.Duration
	// Roles says which versions it carries: stable, canary, active, preview.
	Roles []string
	// Delay says when it will be scaled down: "23s", "passed", or empty if
	// no time is set.
	Delay string
	// Images are those of its containers, in their order.
	Images []string
	// Current counts its pods, Available those that may serve.
	Current, Available int32
	Pods               []Pod

	hash string
}

// replicaSet looks at one ReplicaSet and its pods.
func (o Objects) replicaSet(rs *appsv1.ReplicaSet, roles []string, now time.Time) ReplicaSet {
	r := ReplicaSet{
		Name:      rs.Name,
		Status:    replicaSetStatus(rs),
		Age:       age(rs, now),
		Roles:     roles,
		Delay:     delay(rs, now),
		Current:   rs.Status.Replicas,
		Available: rs.Status.AvailableReplicas,
		hash:      rs.Labels[v1alpha1.DefaultRolloutUniqueLabelKey],
	}
	for _, c := range rs.Spec.Template.Spec.Containers {
		r.Images = append(r.Images, c.Image)
	}
	for _, p := range owned(ownerOf("ReplicaSet", rs), o.Pods) {
		r.Pods = append(r.Pods, pod(p, now))
	}
	return r
}

// roles says what a ReplicaSet is to its Rollout. The preview service of a
// finished blue/green update selects the active pods: that is no role.
func roles(ro *v1alpha1.Rollout, rs *appsv1.ReplicaSet) []string {
	hash, s := rs.Labels[v1alpha1.DefaultRolloutUniqueLabelKey], &ro.Status
	var roles []string
	if hash == "" {
		return nil
	}
	if hash == s.StableRS {
		roles = append(roles, RoleStable)
	}
	switch {
	case ro.Spec.Strategy.Canary != nil:
		if hash == s.CurrentPodHash && hash != s.StableRS {
			roles = append(roles, RoleCanary)
		}
	case ro.Spec.Strategy.BlueGreen != nil:
		if hash == s.BlueGreen.ActiveSelector {
			roles = append(roles, RoleActive)
		} else if hash == s.BlueGreen.PreviewSelector {
			roles = append(roles, RolePreview)
		}
	}
	return roles
}

// replicaSetStatus judges a ReplicaSet by its own word.
func replicaSetStatus(rs *appsv1.ReplicaSet) string {
	want := int32(1)
	if rs.Spec.Replicas != nil {
		want = *rs.Spec.Replicas
	}
	failed := slices.ContainsFunc(rs.Status.Conditions, func(c appsv1.ReplicaSetCondition) bool {
		return c.Type == appsv1.ReplicaSetReplicaFailure && c.Status == corev1.ConditionTrue
	})
	switch {
	case want == 0:
		return ScaledDown
	case failed:
		return Degraded
	case rs.Status.AvailableReplicas < want:
		return Progressing
	}
	return Healthy
}

// delay is the time left until a ReplicaSet is scaled down, "passed" after it.
func delay(rs *appsv1.ReplicaSet, now time.Time) string {
	deadline, err := time.Parse(time.RFC3339, rs.Annotations[v1alpha1.ScaleDownDeadlineAnnotation])
	switch {
	case err != nil:
		return ""
	case !deadline.After(now):
		return "passed"
	}
	return duration.HumanDuration(deadline.Sub(now))
}

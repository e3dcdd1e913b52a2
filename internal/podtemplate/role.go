package podtemplate

import (
	"encoding/json"
	"maps"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// RoleMetadata is the metadata that the template of a ReplicaSet carries only
// because of its role as canary, stable, preview or active version.
func RoleMetadata(rs *appsv1.ReplicaSet) v1alpha1.PodTemplateMetadata {
	var m v1alpha1.PodTemplateMetadata
	if text := rs.Annotations[v1alpha1.EphemeralMetadataAnnotation]; text != "" && json.Unmarshal([]byte(text), &m) != nil {
		return v1alpha1.PodTemplateMetadata{} // not written by us
	}
	return m
}

// Plain is the pod template of a ReplicaSet without what its place in a Rollout
// put there: the hash label, the metadata of its role, and the anti-affinity
// against the stable version.
func Plain(rs *appsv1.ReplicaSet) corev1.PodTemplateSpec {
	t := *rs.Spec.Template.DeepCopy()
	delete(t.Labels, v1alpha1.DefaultRolloutUniqueLabelKey)
	role := RoleMetadata(rs)
	for _, m := range []struct{ has, added map[string]string }{{t.Labels, role.Labels}, {t.Annotations, role.Annotations}} {
		maps.DeleteFunc(m.has, func(key, value string) bool {
			added, is := m.added[key]
			return is && added == value
		})
	}
	t.Spec.Affinity = Apart(t.Spec.Affinity, nil, "")
	return t
}

// Apart returns an affinity whose only rule against pods with a template hash is
// the one that rule asks for against hash: none if rule is nil. Rules of the user
// are kept. A nil result means no affinity at all.
func Apart(a *corev1.Affinity, rule *v1alpha1.AntiAffinity, hash string) *corev1.Affinity {
	next := a.DeepCopy()
	if next == nil {
		next = &corev1.Affinity{}
	}
	if next.PodAntiAffinity == nil {
		next.PodAntiAffinity = &corev1.PodAntiAffinity{}
	}
	anti := next.PodAntiAffinity
	anti.RequiredDuringSchedulingIgnoredDuringExecution = slices.DeleteFunc(anti.RequiredDuringSchedulingIgnoredDuringExecution, ours)
	anti.PreferredDuringSchedulingIgnoredDuringExecution = slices.DeleteFunc(anti.PreferredDuringSchedulingIgnoredDuringExecution,
		func(w corev1.WeightedPodAffinityTerm) bool { return ours(w.PodAffinityTerm) })
	if rule != nil && hash != "" {
		against := term(hash)
		if p := rule.PreferredDuringSchedulingIgnoredDuringExecution; p != nil {
			anti.PreferredDuringSchedulingIgnoredDuringExecution = append(anti.PreferredDuringSchedulingIgnoredDuringExecution,
				corev1.WeightedPodAffinityTerm{Weight: p.Weight, PodAffinityTerm: against})
		} else {
			anti.RequiredDuringSchedulingIgnoredDuringExecution = append(anti.RequiredDuringSchedulingIgnoredDuringExecution, against)
		}
	}
	if len(anti.RequiredDuringSchedulingIgnoredDuringExecution)+len(anti.PreferredDuringSchedulingIgnoredDuringExecution) == 0 {
		next.PodAntiAffinity = nil
	}
	if *next == (corev1.Affinity{}) {
		return nil
	}
	return next
}

// KeptApart is true for an affinity with a rule that Apart made.
func KeptApart(a *corev1.Affinity) bool {
	if a == nil || a.PodAntiAffinity == nil {
		return false
	}
	return slices.ContainsFunc(a.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution, ours) ||
		slices.ContainsFunc(a.PodAntiAffinity.PreferredDuringSchedulingIgnoredDuringExecution,
			func(w corev1.WeightedPodAffinityTerm) bool { return ours(w.PodAffinityTerm) })
}

func term(hash string) corev1.PodAffinityTerm {
	return corev1.PodAffinityTerm{
		TopologyKey: corev1.LabelHostname,
		LabelSelector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{
			Key: v1alpha1.DefaultRolloutUniqueLabelKey, Operator: metav1.LabelSelectorOpIn, Values: []string{hash},
		}}},
	}
}

// ours is true for a rule that term made.
func ours(t corev1.PodAffinityTerm) bool {
	s := t.LabelSelector
	return s != nil && len(s.MatchLabels) == 0 && len(s.MatchExpressions) == 1 && s.MatchExpressions[0].Key == v1alpha1.DefaultRolloutUniqueLabelKey
}

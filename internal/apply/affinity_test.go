package apply

import (
	"encoding/json"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/podtemplate"
	"github.com/aviary-rollouts/aviary/internal/rollout"
)

// The rule against another revision goes, whatever rules of their own users have: one that
// stayed would be removed again and again.
func TestDropAntiAffinity(t *testing.T) {
	term := corev1.PodAffinityTerm{TopologyKey: "zone"}
	required := &corev1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{term}}
	preferred := &corev1.PodAntiAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []corev1.WeightedPodAffinityTerm{{Weight: 1, PodAffinityTerm: term}}}
	both := required.DeepCopy()
	both.PreferredDuringSchedulingIgnoredDuringExecution = preferred.PreferredDuringSchedulingIgnoredDuringExecution
	strong := &v1alpha1.AntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &v1alpha1.RequiredDuringSchedulingIgnoredDuringExecution{}}
	weak := &v1alpha1.AntiAffinity{PreferredDuringSchedulingIgnoredDuringExecution: &v1alpha1.PreferredDuringSchedulingIgnoredDuringExecution{Weight: 7}}
	for name, own := range map[string]*corev1.Affinity{
		"none":      nil,
		"required":  {PodAntiAffinity: required},
		"preferred": {PodAntiAffinity: preferred},
		"both":      {PodAntiAffinity: both},
		"of nodes":  {NodeAffinity: &corev1.NodeAffinity{}, PodAntiAffinity: preferred},
	} {
		for rule, added := range map[string]*v1alpha1.AntiAffinity{"required": strong, "preferred": weak} {
			rs := &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Name: "web-1", ResourceVersion: "7"}}
			rs.Spec.Replicas = ptr.To[int32](1)
			rs.Spec.Template.Spec.Affinity = podtemplate.Apart(own, added, "abc")
			data, err := json.Marshal(change{metadataChange{ResourceVersion: "7"}, specChange{Template: templatePatch(rollout.UpdateReplicaSet{ReplicaSet: rs, Replicas: 1, DropAntiAffinity: true})}})
			if err != nil {
				t.Fatal(err)
			}
			got := mergedByJSON(t, rs, client.RawPatch(types.MergePatchType, data)).(*appsv1.ReplicaSet).Spec.Template.Spec.Affinity
			if got != nil && *got == (corev1.Affinity{}) {
				got = nil // as empty as none
			}
			if podtemplate.KeptApart(got) || !equality.Semantic.DeepEqual(got, own) {
				t.Errorf("own rules %s, the rule %s: left is %+v", name, rule, got)
			}
		}
	}
}

package rollout

import (
	"testing"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// A pod that was out of reach when its ReplicaSet changed its role takes off later
// what was of the other role, unless it is in the template of its version.
func TestPodsTakeOffWhatWasOfAnotherRole(t *testing.T) {
	role := func(name string) *v1alpha1.PodTemplateMetadata {
		return &v1alpha1.PodTemplateMetadata{Labels: map[string]string{"role": name}, Annotations: map[string]string{"is-" + name: "true"}}
	}
	strategy := canaryOf()
	strategy.Canary.StableMetadata, strategy.Canary.CanaryMetadata = role("old"), role("new")
	d := newDesk(t, 1, strategy).settle()
	rs := d.o.ReplicaSets[0]
	rs.Annotations[v1alpha1.EphemeralMetadataAnnotation] = metadataJSON(*role("old"))
	rs.Spec.Template.Labels["role"], rs.Spec.Template.Annotations = "old", map[string]string{"is-old": "true"}
	d.populate(rs)
	d.o.Pods[0].Annotations = map[string]string{"is-new": "true", "is-old": "true"}
	d.o.Pods[0].Labels = map[string]string{"role": "new"}
	patched := func() (labels, annotations map[string]*string) {
		for _, a := range Decide(d.o, d.now).Actions {
			if p, ok := a.(PatchPod); ok {
				return p.Labels, p.Annotations
			}
		}
		return nil, nil
	}
	labels, annotations := patched()
	if was, gone := annotations["is-new"]; len(labels) != 1 || *labels["role"] != "old" || !gone || was != nil || len(annotations) != 1 {
		t.Errorf("labels %v, annotations %v", labels, annotations)
	}
	rs.Spec.Template.Annotations["is-new"] = "true"
	if _, annotations = patched(); len(annotations) != 0 {
		t.Errorf("annotations %v, but the template has it", annotations)
	}
}

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

// While pods wear what only their ReplicaSet tells of, it goes on telling: a write that
// fails, or is refused, must not leave it on them for ever.
func TestPodsTakeOffBeforeTheRecordGoes(t *testing.T) {
	d := newDesk(t, 1, canaryOf()).settle()
	rs := d.o.ReplicaSets[0]
	rs.Annotations[v1alpha1.EphemeralMetadataAnnotation] = `{"labels":{"role":"old"}}`
	rs.Spec.Template.Labels["role"] = "old"
	d.populate(rs)
	d.o.Pods[0].Labels = map[string]string{"role": "old"}
	dresses := func() (pods, sets int) {
		for _, a := range Decide(d.o, d.now).Actions {
			switch a := a.(type) {
			case PatchPod:
				pods++
			case UpdateReplicaSet:
				if value, is := a.Annotations[v1alpha1.EphemeralMetadataAnnotation]; !is || value != nil || !Dresses(a) {
					t.Errorf("annotations %v", a.Annotations)
				}
				sets++
			}
		}
		return pods, sets
	}
	if pods, sets := dresses(); pods != 1 || sets != 0 {
		t.Errorf("%d pods and %d ReplicaSets are undressed first", pods, sets)
	}
	d.o.Pods[0].Labels = nil
	if pods, sets := dresses(); pods != 0 || sets != 1 {
		t.Errorf("%d pods and %d ReplicaSets are undressed then", pods, sets)
	}
}

// What a ReplicaSet wears is no part of another change of it: that could be refused, and
// its pods with it.
func TestDressesAlone(t *testing.T) {
	strategy := canaryOf()
	strategy.Canary.StableMetadata = &v1alpha1.PodTemplateMetadata{Labels: map[string]string{"role": "stable"}}
	d := newDesk(t, 1, canaryOf()).settle()
	d.o.Rollout.Spec.Strategy, *d.o.Rollout.Spec.Replicas = strategy, 3
	var seen []bool
	for range 2 {
		plan := Decide(d.o, d.now)
		for _, a := range plan.Actions {
			if u, ok := a.(UpdateReplicaSet); ok {
				seen = append(seen, Dresses(u))
				if Dresses(u) != (len(u.PodLabels) > 0) || Dresses(u) == (u.Replicas != specReplicas(u.ReplicaSet)) {
					t.Errorf("to %d pods, with labels %v", u.Replicas, u.PodLabels)
				}
			}
		}
		d.carryOut(plan)
	}
	if len(seen) != 2 || seen[0] || !seen[1] {
		t.Errorf("updates that dress: %v", seen)
	}
}

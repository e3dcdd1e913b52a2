package experiment

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/podhash"
	"github.com/aviary-rollouts/aviary/internal/podtemplate"
)

// findReplicaSet finds the ReplicaSet of a version, or settles what it will be
// called and labelled with. Two versions with the same pods get two hashes, so
// that Services and queries can tell them apart.
func (d *decision) findReplicaSet(v *version, taken map[string]bool) {
	names := map[string]bool{}
	for _, rs := range d.ReplicaSets {
		if metav1.IsControlledBy(rs, d.Experiment) && templateOf(rs) == v.spec.Name {
			v.rs = rs
		}
		names[rs.Name] = true
	}
	v.current = v.rs != nil && d.matches(v) && !d.givesWay(v)
	if v.current || (v.rs != nil && d.over()) {
		v.name, v.status.PodTemplateHash = v.rs.Name, hashOf(v.rs)
		taken[v.status.PodTemplateHash] = true
		return
	}
	hash := d.hashNow(v)
	for taken[hash] || d.ofSibling(v, hash) {
		v.status.CollisionCount = ptr.To(ptr.Deref(v.status.CollisionCount, 0) + 1)
		hash = d.hashNow(v)
	}
	taken[hash] = true
	v.status.PodTemplateHash = hash
	v.name = freeName(d.Experiment.Name+"-"+v.spec.Name, "-", names)
	if v.rs != nil {
		v.name = v.rs.Name // it makes room first
	}
}

// ofSibling is true for a hash that the ReplicaSet of another template of the Experiment
// has: one whose turn comes later keeps it.
func (d *decision) ofSibling(v *version, hash string) bool {
	return slices.ContainsFunc(d.ReplicaSets, func(rs *appsv1.ReplicaSet) bool {
		return metav1.IsControlledBy(rs, d.Experiment) && templateOf(rs) != v.spec.Name && hashOf(rs) == hash
	})
}

// hashesOfOthers are the hashes that a version must not have: the Services and
// subsets of a Rollout would select its pods as well, and they would get requests
// that are not theirs. Templates that need no defaults, as those of a Deployment
// that a Rollout refers to, would have the hash of their revision again. The pods of
// another Experiment, as of the try before this one, must not be found, either.
func (d *decision) hashesOfOthers() map[string]bool {
	hashes := map[string]bool{}
	for _, rs := range d.ReplicaSets {
		owner := metav1.GetControllerOfNoCopy(rs)
		if owner != nil && owner.Kind == v1alpha1.KindRollout || d.ofAnother(rs) {
			hashes[hashOf(rs)] = true
		}
	}
	return hashes
}

// givesWay is true for a ReplicaSet that has its hash in common with the pods of
// another Experiment, and is the one to be replaced: it has no pods, since it is
// tried again after its hash was free to be taken, or both were made at once and it
// is the later one. Once the Experiment runs it stays as it is.
func (d *decision) givesWay(v *version) bool {
	return d.was.AvailableAt == nil && slices.ContainsFunc(d.ReplicaSets, func(rs *appsv1.ReplicaSet) bool {
		if !d.ofAnother(rs) || hashOf(rs) != hashOf(v.rs) {
			return false
		}
		age := rs.CreationTimestamp.Compare(v.rs.CreationTimestamp.Time)
		return !hasPods(v.rs) || cmp.Or(age, cmp.Compare(rs.Name, v.rs.Name)) < 0
	})
}

// ofAnother is true for a ReplicaSet with pods of another Experiment.
func (d *decision) ofAnother(rs *appsv1.ReplicaSet) bool {
	return ofExperiment(rs) && !metav1.IsControlledBy(rs, d.Experiment) && hasPods(rs)
}

// hasPods is true for a ReplicaSet that has pods, or is to have some.
func hasPods(rs *appsv1.ReplicaSet) bool { return specReplicas(rs) > 0 || rs.Status.Replicas > 0 }

// freeName is base, or base followed by the separator and the first number that
// makes a name that is not taken.
func freeName(base, separator string, taken map[string]bool) string {
	name := base
	for n := 1; taken[name]; n++ {
		name = base + separator + strconv.Itoa(n)
	}
	return name
}

// matches is true when the ReplicaSet makes the pods that the spec asks for.
func (d *decision) matches(v *version) bool {
	return hashOf(v.rs) == d.hashNow(v) ||
		podtemplate.Equal(v.rs.Spec.Template, v.spec.Template)
}

// hashNow is the hash of the pods that the spec asks for, after the collisions so far.
func (d *decision) hashNow(v *version) string {
	if known := d.Hashes[v.spec.Name]; known != "" && v.status.CollisionCount == nil {
		return known
	}
	return podhash.Of(v.spec.Template, v.status.CollisionCount)
}

func hashOf(rs *appsv1.ReplicaSet) string { return rs.Labels[v1alpha1.DefaultRolloutUniqueLabelKey] }

// runReplicaSet creates the ReplicaSet of a version or brings it to its size. One
// whose pods the spec no longer asks for, or that gives way, is deleted; the next pass
// replaces it.
func (d *decision) runReplicaSet(v *version) {
	switch {
	case v.rs == nil:
		rs := d.newReplicaSet(v)
		d.do(CreateReplicaSet{ReplicaSet: rs})
		d.event("NewReplicaSetCreated", "Created ReplicaSet %s for template '%s'", rs.Name, v.spec.Name)
	case v.rs.DeletionTimestamp != nil:
	case !v.current:
		why := fmt.Sprintf("the pods of template %q have changed", v.spec.Name)
		if d.matches(v) {
			why = "the pods of another Experiment have the same hash"
		}
		d.do(DeleteReplicaSet{ReplicaSet: v.rs})
		d.event("ReplicaSetDeleted", "Deleted ReplicaSet %s: %s", v.rs.Name, why)
	default:
		v.amend().Annotations[v1alpha1.ScaleDownDeadlineAnnotation] = nil
		v.amend().MinReadySeconds = v.spec.MinReadySeconds
		d.scale(v, v.replicas())
	}
}

// newReplicaSet is the ReplicaSet of a version, with its pods: unlike the one of
// a Rollout it has nobody to make room for.
func (d *decision) newReplicaSet(v *version) *appsv1.ReplicaSet {
	template := *v.spec.Template.DeepCopy()
	template.Labels = with(template.Labels, v1alpha1.DefaultRolloutUniqueLabelKey, v.status.PodTemplateHash)
	selector := v.spec.Selector.DeepCopy()
	selector.MatchLabels = with(selector.MatchLabels, v1alpha1.DefaultRolloutUniqueLabelKey, v.status.PodTemplateHash)
	return &appsv1.ReplicaSet{
		ObjectMeta: d.meta(v, v.name, template.Labels),
		Spec: appsv1.ReplicaSetSpec{
			Replicas:        ptr.To(v.replicas()),
			MinReadySeconds: v.spec.MinReadySeconds,
			Selector:        selector,
			Template:        template,
		},
	}
}

// meta is what every object of a version carries.
func (d *decision) meta(v *version, name string, labels map[string]string) metav1.ObjectMeta {
	if id := d.Experiment.Labels[v1alpha1.LabelKeyControllerInstanceID]; id != "" {
		labels = with(labels, v1alpha1.LabelKeyControllerInstanceID, id)
	}
	return metav1.ObjectMeta{
		Name:      name,
		Namespace: d.Experiment.Namespace,
		Labels:    maps.Clone(labels),
		Annotations: map[string]string{
			v1alpha1.ExperimentNameAnnotationKey:         d.Experiment.Name,
			v1alpha1.ExperimentTemplateNameAnnotationKey: v.spec.Name,
		},
		OwnerReferences: d.owner(),
	}
}

// amend returns the pending change of the ReplicaSet.
func (v *version) amend() *UpdateReplicaSet {
	if v.update == nil {
		v.update = &UpdateReplicaSet{ReplicaSet: v.rs, Replicas: specReplicas(v.rs), Annotations: map[string]*string{}, MinReadySeconds: v.rs.Spec.MinReadySeconds}
	}
	return v.update
}

// changes forgets annotations that are as they should be, and is true if
// something is left to write.
func (u *UpdateReplicaSet) changes() bool {
	maps.DeleteFunc(u.Annotations, func(key string, value *string) bool {
		is, set := u.ReplicaSet.Annotations[key]
		return set == (value != nil) && is == ptr.Deref(value, "")
	})
	return u.Replicas != specReplicas(u.ReplicaSet) || len(u.Annotations) > 0 || u.MinReadySeconds != u.ReplicaSet.Spec.MinReadySeconds
}

func (d *decision) scale(v *version, to int32) {
	from := specReplicas(v.rs)
	if from == to {
		return
	}
	v.amend().Replicas = to
	direction := "up"
	if to < from {
		direction = "down"
	}
	d.event("ScalingReplicaSet", "Scaled %s ReplicaSet %s from %d to %d", direction, v.rs.Name, from, to)
}

// with returns a copy of labels that also holds key.
func with(labels map[string]string, key, value string) map[string]string {
	c := maps.Clone(labels)
	if c == nil {
		c = map[string]string{}
	}
	c[key] = value
	return c
}

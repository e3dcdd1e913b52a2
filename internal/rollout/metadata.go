package rollout

import (
	"encoding/json"
	"maps"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/podtemplate"
)

// PatchPod changes labels and annotations of a running pod; a nil value removes
// the key.
type PatchPod struct {
	Pod         *corev1.Pod
	Labels      map[string]*string
	Annotations map[string]*string
}

func (PatchPod) action() {}

// metadataFor is the ephemeral metadata of a ReplicaSet's role: that of the
// canary or preview while another ReplicaSet is stable, else that of the stable
// or active one. Nil where the strategy gives its role none.
func (d *decision) metadataFor(hash string) *v1alpha1.PodTemplateMetadata {
	trying, trusted := d.roles()
	if hash == d.hash && d.status.StableRS != "" && d.status.StableRS != hash {
		return trying
	}
	return trusted
}

// roles are the metadata of the canary or preview and of the stable or active pods.
func (d *decision) roles() (trying, trusted *v1alpha1.PodTemplateMetadata) {
	if bg := d.spec.Strategy.BlueGreen; bg != nil {
		return bg.PreviewMetadata, bg.ActiveMetadata
	}
	return d.spec.Strategy.Canary.CanaryMetadata, d.spec.Strategy.Canary.StableMetadata
}

// dress gives the new and the stable ReplicaSet, and their running pods, the
// metadata of their role, and takes that of another role away. Old ReplicaSets
// keep what they have: their pods are leaving.
//
// What a ReplicaSet wears is also the record of what its pods do. Where the spec no longer
// names what they have to take off, it keeps that until they have.
func (d *decision) dress() {
	for _, rs := range d.all {
		if rs != d.newRS && rs != d.stableRS {
			continue
		}
		worn, want := podtemplate.RoleMetadata(rs), d.metadataFor(hashOf(rs))
		if want == nil {
			want = &v1alpha1.PodTemplateMetadata{}
		}
		if rs == d.stableRS && podtemplate.KeptApart(rs.Spec.Template.Spec.Affinity) {
			d.update(rs).DropAntiAffinity = true // it was against a version that is stable no more
		}
		if d.dressPods(rs, worn, *want) {
			d.waiting("ReplicaSet %s is dressed after its pods: nothing else tells what they have to take off", rs.Name)
			continue
		}
		d.dressReplicaSet(rs, worn, *want)
	}
}

// dressPods dresses the pods of a ReplicaSet that run, if they are looked at. It reports
// whether any has to take off what is on record in the ReplicaSet and nowhere else.
func (d *decision) dressPods(rs *appsv1.ReplicaSet, worn, want v1alpha1.PodTemplateMetadata) (recordNeeded bool) {
	if len(d.Pods) == 0 {
		return false // most often they are not
	}
	worn, roles := d.leftOn(rs, worn), d.ofRoles()
	for _, p := range d.Pods {
		if p.DeletionTimestamp == nil && ownerName(p) == rs.Name {
			patch := d.dressPod(p, worn, want)
			recordNeeded = recordNeeded || takesOffOther(patch.Labels, p.Labels, roles.Labels) || takesOffOther(patch.Annotations, p.Annotations, roles.Annotations)
		}
	}
	return recordNeeded
}

// takesOffOther is true for changes that take away what is in has and not in known.
func takesOffOther(changes map[string]*string, has, known map[string]string) bool {
	for key, value := range changes {
		if text, is := known[key]; value == nil && (!is || text != has[key]) {
			return true
		}
	}
	return false
}

// ofRoles is what the pods of either role wear.
func (d *decision) ofRoles() v1alpha1.PodTemplateMetadata {
	all := v1alpha1.PodTemplateMetadata{Labels: map[string]string{}, Annotations: map[string]string{}}
	trying, trusted := d.roles()
	for _, role := range []*v1alpha1.PodTemplateMetadata{trying, trusted} {
		if role != nil {
			maps.Copy(all.Labels, role.Labels)
			maps.Copy(all.Annotations, role.Annotations)
		}
	}
	return all
}

// leftOn is what pods of a ReplicaSet may wear and may have to take off: what the
// ReplicaSet wears, and what belongs to either role, for it may have changed its role
// when a pod did not. What is in its template is no longer, or never was, a role's.
func (d *decision) leftOn(rs *appsv1.ReplicaSet, worn v1alpha1.PodTemplateMetadata) v1alpha1.PodTemplateMetadata {
	left := d.ofRoles()
	maps.DeleteFunc(left.Labels, func(key, value string) bool { return rs.Spec.Template.Labels[key] == value })
	maps.DeleteFunc(left.Annotations, func(key, value string) bool { return rs.Spec.Template.Annotations[key] == value })
	maps.Copy(left.Labels, worn.Labels)
	maps.Copy(left.Annotations, worn.Annotations)
	return left
}

func (d *decision) dressReplicaSet(rs *appsv1.ReplicaSet, worn, want v1alpha1.PodTemplateMetadata) {
	if maps.Equal(worn.Labels, want.Labels) && maps.Equal(worn.Annotations, want.Annotations) {
		return
	}
	u := unchanged(rs)
	u.PodLabels = replaced(rs.Spec.Template.Labels, worn.Labels, want.Labels)
	u.PodAnnotations = replaced(rs.Spec.Template.Annotations, worn.Annotations, want.Annotations)
	u.Annotations[v1alpha1.EphemeralMetadataAnnotation] = nil
	if len(want.Labels)+len(want.Annotations) > 0 {
		text := metadataJSON(want)
		u.Annotations[v1alpha1.EphemeralMetadataAnnotation] = &text
	}
	d.clothes = append(d.clothes, *u)
}

// dressPod also mends pods that the ReplicaSet made before it was dressed.
func (d *decision) dressPod(p *corev1.Pod, worn, want v1alpha1.PodTemplateMetadata) PatchPod {
	patch := PatchPod{Pod: p, Labels: replaced(p.Labels, worn.Labels, want.Labels), Annotations: replaced(p.Annotations, worn.Annotations, want.Annotations)}
	if len(patch.Labels)+len(patch.Annotations) > 0 {
		d.do(patch)
	}
	return patch
}

// replaced lists the changes that take worn away from has and put want there; nil if
// there are none.
func replaced(has, worn, want map[string]string) map[string]*string {
	var changes map[string]*string
	change := func(key string, value *string) {
		if changes == nil {
			changes = map[string]*string{}
		}
		changes[key] = value
	}
	for key, value := range worn {
		if _, stays := want[key]; !stays && has[key] == value {
			change(key, nil)
		}
	}
	for key, value := range want {
		if current, is := has[key]; !is || current != value {
			change(key, &value)
		}
	}
	return changes
}

func metadataJSON(m v1alpha1.PodTemplateMetadata) string {
	b, err := json.Marshal(m)
	if err != nil {
		return "" // maps of strings always encode
	}
	return string(b)
}

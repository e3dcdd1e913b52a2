package apply

import (
	"encoding/json"
	"maps"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// change is a merge patch of the few fields that the executor changes of an object
// that exists. It is refused if the object is no longer the one of the version.
type change struct {
	Metadata metadataChange `json:"metadata"`
	Spec     specChange     `json:"spec,omitzero"`
}

type metadataChange struct {
	Annotations     map[string]*string `json:"annotations,omitempty"` // nil removes one
	Labels          map[string]string  `json:"labels,omitempty"`
	ResourceVersion string             `json:"resourceVersion"`
}

// specChange has fields of several kinds; what is empty stays.
type specChange struct {
	MinReadySeconds *int32               `json:"minReadySeconds,omitempty"`
	Ports           []corev1.ServicePort `json:"ports,omitempty"`
	Replicas        *int32               `json:"replicas,omitempty"`
	Selector        map[string]*string   `json:"selector,omitempty"` // nil removes a label
	Template        map[string]any       `json:"template,omitempty"`
	Terminate       bool                 `json:"terminate,omitempty"`
}

// Type is that of a merge patch.
func (change) Type() types.PatchType { return types.MergePatchType }

// Data returns the JSON.
func (c change) Data(client.Object) ([]byte, error) { return json.Marshal(c) }

// PatchGo changes a ReplicaSet, a Service or a Rollout as a server changes it that is
// sent the JSON. It is for a server in the same process, which is spared most of the
// work so, and reports false, with nothing changed, for what it cannot do.
func (c change) PatchGo(obj client.Object) bool {
	done := false
	if len(c.Metadata.Labels) > 0 {
		return false
	}
	switch obj := obj.(type) {
	case *appsv1.ReplicaSet:
		done = c.Spec.resize(obj)
	case *corev1.Service:
		done = c.Spec.reselect(obj)
	case *v1alpha1.Rollout:
		done = c.Spec.IsZero()
	}
	if done {
		obj.SetResourceVersion(c.Metadata.ResourceVersion)
		if len(c.Metadata.Annotations) > 0 {
			obj.SetAnnotations(merged(obj.GetAnnotations(), c.Metadata.Annotations))
		}
	}
	return done
}

// IsZero is true for a change of nothing.
func (c specChange) IsZero() bool {
	return c.MinReadySeconds == nil && c.Replicas == nil && len(c.Ports)+len(c.Selector)+len(c.Template) == 0 && !c.Terminate
}

func (c specChange) resize(rs *appsv1.ReplicaSet) bool {
	rest := c
	rest.MinReadySeconds, rest.Replicas = nil, nil
	if !rest.IsZero() {
		return false
	}
	if c.MinReadySeconds != nil {
		rs.Spec.MinReadySeconds = *c.MinReadySeconds
	}
	if c.Replicas != nil {
		rs.Spec.Replicas = ptr.To(*c.Replicas)
	}
	return true
}

func (c specChange) reselect(svc *corev1.Service) bool {
	rest := c
	rest.Selector = nil
	if !rest.IsZero() {
		return false
	}
	if len(c.Selector) > 0 {
		svc.Spec.Selector = merged(svc.Spec.Selector, c.Selector)
	}
	return true
}

// merged returns texts with changes, of which nil removes one.
func merged(old map[string]string, changes map[string]*string) map[string]string {
	texts := make(map[string]string, len(old)+len(changes))
	maps.Copy(texts, old)
	for key, text := range changes {
		if text == nil {
			delete(texts, key)
		} else {
			texts[key] = *text
		}
	}
	return texts
}

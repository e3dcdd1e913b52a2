package world

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// concerns says which ReplicaSets a change of a pod concerns: the one that owns
// it, and of a pod of nobody those that select it. One that is on its way out has been
// counted out. It notes pods whose owner does not select them any more.
func (r *replicaSets) concerns(_ context.Context, obj client.Object) []types.NamespacedName {
	if obj.GetDeletionTimestamp() != nil {
		return nil
	}
	ref := metav1.GetControllerOfNoCopy(obj)
	if ref == nil {
		return r.selecting(obj)
	}
	if ref.Kind != "ReplicaSet" {
		return nil
	}
	owner, pod := types.NamespacedName{Namespace: obj.GetNamespace(), Name: ref.Name}, client.ObjectKeyFromObject(obj)
	if known, ok := r.selectors[owner]; ok && !known.Matches(labels.Set(obj.GetLabels())) && !slices.Contains(r.strays[owner], pod) {
		r.strays[owner] = append(r.strays[owner], pod)
	}
	return []types.NamespacedName{owner}
}

// selecting lists the ReplicaSets of a namespace that select an object.
func (r *replicaSets) selecting(obj client.Object) (keys []types.NamespacedName) {
	for key, s := range r.selectors {
		if key.Namespace == obj.GetNamespace() && s.Matches(labels.Set(obj.GetLabels())) {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(a, b types.NamespacedName) int { return cmp.Compare(a.Name, b.Name) })
	return keys
}

// adopt makes a ReplicaSet the owner of a pod that nobody owns.
func (r *replicaSets) adopt(ctx context.Context, rs *appsv1.ReplicaSet, pod *corev1.Pod) (*corev1.Pod, error) {
	pod = pod.DeepCopy()
	pod.OwnerReferences = append(pod.OwnerReferences, *metav1.NewControllerRef(rs, appsv1.SchemeGroupVersion.WithKind("ReplicaSet")))
	if err := r.client.Update(ctx, pod); err != nil {
		return nil, fmt.Errorf("adopt pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	return pod, nil
}

// release lets go of the pods that a ReplicaSet owns and does not select.
func (r *replicaSets) release(ctx context.Context, rs *appsv1.ReplicaSet) error {
	key := client.ObjectKeyFromObject(rs)
	strays := r.strays[key]
	delete(r.strays, key)
	for _, name := range strays {
		pod := &corev1.Pod{}
		if err := r.client.Get(ctx, name, pod); err != nil {
			if client.IgnoreNotFound(err) != nil {
				return fmt.Errorf("read pod %s: %w", name, err)
			}
			continue
		}
		selector, err := r.selector(rs)
		if err != nil {
			return err
		}
		if pod.DeletionTimestamp != nil || !metav1.IsControlledBy(pod, rs) || selector.Matches(labels.Set(pod.Labels)) {
			continue
		}
		pod = pod.DeepCopy()
		pod.OwnerReferences = slices.DeleteFunc(pod.OwnerReferences, func(ref metav1.OwnerReference) bool { return ref.UID == rs.UID })
		if err := r.client.Update(ctx, pod); err != nil {
			return fmt.Errorf("release pod %s: %w", name, err)
		}
	}
	return nil
}

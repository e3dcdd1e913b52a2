package ops

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// holder is the object that holds the pod template of a Rollout: the Rollout
// or the workload that it refers to. It is kept as JSON, so that fields that
// this program does not know survive a change.
type holder struct {
	object *unstructured.Unstructured
	path   []string // of the template
}

// changeTemplate lets change edit the pod template of a Rollout and writes what
// came of it, as a patch that fails if somebody else wrote in between. No
// change is no write. change gets the Rollout, too, and what to call the holder
// in errors.
func changeTemplate(ctx context.Context, c client.Client, key types.NamespacedName, verb string,
	change func(ro *v1alpha1.Rollout, template map[string]any, name string) (map[string]any, error),
) error {
	return again(func() error {
		ro, err := Get(ctx, c, key)
		if err != nil {
			return err
		}
		h, err := templateHolder(ctx, c, ro)
		if err != nil {
			return fmt.Errorf("%s rollout %q: %w", verb, key.Name, err)
		}
		before := h.object.DeepCopy()
		template, _, err := unstructured.NestedMap(h.object.Object, h.path...)
		if err != nil {
			return fmt.Errorf("%s rollout %q: template of %s: %w", verb, key.Name, h.name(), err)
		}
		template, err = change(ro, template, h.name())
		if err != nil {
			return err
		}
		if err := unstructured.SetNestedMap(h.object.Object, template, h.path...); err != nil {
			return fmt.Errorf("%s rollout %q: template of %s: %w", verb, key.Name, h.name(), err)
		}
		patch := client.MergeFrom(before)
		if data, err := patch.Data(h.object); err != nil || string(data) == "{}" {
			return err
		}
		patch = client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
		if err := c.Patch(ctx, h.object, patch); err != nil {
			return fmt.Errorf("%s rollout %q: patch %s: %w", verb, key.Name, h.name(), err)
		}
		return nil
	})
}

func (h holder) name() string {
	return fmt.Sprintf("%s %q", h.object.GetKind(), h.object.GetName())
}

func templateHolder(ctx context.Context, c client.Client, ro *v1alpha1.Rollout) (holder, error) {
	if ref := ro.Spec.WorkloadRef; ref != nil {
		workload, err := Workload(ctx, c, ro)
		if err != nil {
			return holder{}, err
		}
		if ref.Kind == "PodTemplate" {
			return holder{workload, []string{"template"}}, nil
		}
		return holder{workload, []string{"spec", "template"}}, nil
	}
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(v1alpha1.KindRollout))
	if err := c.Get(ctx, client.ObjectKeyFromObject(ro), object); err != nil {
		return holder{}, err
	}
	return holder{object, []string{"spec", "template"}}, nil
}

// Workload reads the object that spec.workloadRef names; nil if it names none.
func Workload(ctx context.Context, c client.Client, ro *v1alpha1.Rollout) (*unstructured.Unstructured, error) {
	ref := ro.Spec.WorkloadRef
	if ref == nil {
		return nil, nil
	}
	gv, err := schema.ParseGroupVersion(ref.APIVersion)
	if err != nil {
		return nil, fmt.Errorf("spec.workloadRef.apiVersion: %w", err)
	}
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(gv.WithKind(ref.Kind))
	key := types.NamespacedName{Namespace: ro.Namespace, Name: ref.Name}
	if err := c.Get(ctx, key, object); err != nil {
		return nil, fmt.Errorf("spec.workloadRef: %w", err)
	}
	return object, nil
}

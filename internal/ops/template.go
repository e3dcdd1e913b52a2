package ops

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
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
		before, err := h.template()
		if err != nil {
			return fmt.Errorf("%s rollout %q: template of %s: %w", verb, key.Name, h.name(), err)
		}
		after, err := change(ro, runtime.DeepCopyJSON(before), h.name())
		if err != nil {
			return err
		}
		edit := difference(before, after)
		if len(edit) == 0 {
			return nil
		}
		if err := c.Patch(ctx, h.identity(), h.patch(edit)); err != nil {
			return fmt.Errorf("%s rollout %q: patch %s: %w", verb, key.Name, h.name(), err)
		}
		return nil
	})
}

// template returns the template, which nobody may modify; nil if there is none.
func (h holder) template() (map[string]any, error) {
	found, _, err := unstructured.NestedFieldNoCopy(h.object.Object, h.path...)
	if err != nil || found == nil {
		return nil, err
	}
	template, ok := found.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s is a %T and not an object", strings.Join(h.path, "."), found)
	}
	return template, nil
}

// patch writes an edit of the template, provided that the holder is still as it
// was read.
func (h holder) patch(edit map[string]any) client.Patch {
	content := any(edit)
	for _, name := range slices.Backward(h.path) {
		content = map[string]any{name: content}
	}
	f := fields(content.(map[string]any))
	f["metadata"] = fields{"resourceVersion": h.object.GetResourceVersion()}
	return mergePatch(f)
}

// identity is what the holder is patched by. The answer is not read, and so need not be
// more than metadata.
func (h holder) identity() *metav1.PartialObjectMetadata {
	id := &metav1.PartialObjectMetadata{}
	id.SetGroupVersionKind(h.object.GroupVersionKind())
	id.Namespace, id.Name = h.object.GetNamespace(), h.object.GetName()
	return id
}

// difference returns the merge patch that makes before into after; it is empty
// if they are equal. A null in after is lost, as merge patches cannot say it.
func difference(before, after map[string]any) map[string]any {
	patch := map[string]any{}
	for key, value := range after {
		old, had := before[key]
		from, wasObject := old.(map[string]any)
		to, isObject := value.(map[string]any)
		switch {
		case had && wasObject && isObject:
			if inner := difference(from, to); len(inner) > 0 {
				patch[key] = inner
			}
		case !had || !reflect.DeepEqual(old, value):
			patch[key] = value
		}
	}
	for key := range before {
		if _, kept := after[key]; !kept {
			patch[key] = nil
		}
	}
	return patch
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
	if err := c.Get(ctx, client.ObjectKeyFromObject(ro), object, client.UnsafeDisableDeepCopy); err != nil {
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

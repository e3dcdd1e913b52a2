package store

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// scaleKinds are the kinds with a scale subresource.
var scaleKinds = kindSet(
	kinds("apps", "Deployment", "ReplicaSet", "StatefulSet"),
	kinds(argoGroup, "Rollout"),
)

func scalable(t *table) bool { return scaleKinds[t.gvk.GroupKind()] }

// scaleOf computes the scale of a stored object.
func scaleOf(t *table, stored client.Object) (*autoscalingv1.Scale, error) {
	scale := &autoscalingv1.Scale{
		TypeMeta: metav1.TypeMeta{APIVersion: "autoscaling/v1", Kind: "Scale"},
		ObjectMeta: metav1.ObjectMeta{
			Name: stored.GetName(), Namespace: stored.GetNamespace(), UID: stored.GetUID(),
			ResourceVersion: stored.GetResourceVersion(), CreationTimestamp: stored.GetCreationTimestamp(),
		},
	}
	content, err := contentOf(stored)
	if err != nil {
		return nil, fmt.Errorf("read the scale of %s %s: %w", t.gvk.Kind, client.ObjectKeyFromObject(stored), err)
	}
	replicas, found, err := unstructured.NestedInt64(content, "spec", "replicas")
	if err != nil || !found {
		return nil, apierrors.NewInternalError(fmt.Errorf("the spec replicas field %q does not exist", ".spec.replicas"))
	}
	scale.Spec.Replicas = int32(replicas)
	observed := "replicas"
	if t.gvk.Group == argoGroup {
		observed = "HPAReplicas"
	}
	count, _, _ := unstructured.NestedInt64(content, "status", observed)
	scale.Status.Replicas = int32(count)
	scale.Status.Selector, err = scaleSelector(t, content)
	return scale, err
}

// scaleSelector returns the pods of an object as a selector in one line: a
// Rollout reports it in its status, the built-in kinds have it in their spec.
func scaleSelector(t *table, content map[string]any) (string, error) {
	if t.gvk.Group == argoGroup {
		text, _, _ := unstructured.NestedString(content, "status", "selector")
		return text, nil
	}
	raw, _, _ := unstructured.NestedMap(content, "spec", "selector")
	var ls metav1.LabelSelector
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(raw, &ls); err != nil {
		return "", fmt.Errorf("read the selector of %s: %w", t.gvk.Kind, err)
	}
	selector, err := metav1.LabelSelectorAsSelector(&ls)
	if err != nil {
		return "", fmt.Errorf("read the selector of %s: %w", t.gvk.Kind, err)
	}
	return selector.String(), nil
}

// readScale puts the scale of a stored object into body.
func readScale(t *table, stored, body client.Object) error {
	scale, err := scaleOf(t, stored)
	if err != nil {
		return err
	}
	switch out := body.(type) {
	case *autoscalingv1.Scale:
		kept := out.TypeMeta
		*out = *scale
		out.TypeMeta = kept
		return nil
	case *unstructured.Unstructured:
		out.Object, err = runtime.DefaultUnstructuredConverter.ToUnstructured(scale)
		return err
	}
	return apierrors.NewBadRequest(fmt.Sprintf("the scale of %s %s does not fit into %T: pass an autoscaling/v1 Scale", t.gvk.Kind, stored.GetName(), body))
}

// updateScale sets spec.replicas from a Scale.
func (a *actor) updateScale(ctx context.Context, t *table, obj, body client.Object, o *client.UpdateOptions) error {
	content, err := contentOf(body)
	if err != nil {
		return err
	}
	var scale autoscalingv1.Scale
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(content, &scale); err != nil {
		return apierrors.NewBadRequest(fmt.Sprintf("the body is not an autoscaling/v1 Scale: %v", err))
	}
	req := a.request(t, client.ObjectKeyFromObject(obj), "update", "", o.DryRun)
	return a.scale(ctx, req, body, body, func(*autoscalingv1.Scale) (*autoscalingv1.Scale, error) { return &scale, nil })
}

// patchScale patches the Scale of an object.
func (a *actor) patchScale(ctx context.Context, t *table, obj, body client.Object, patch client.Patch, o *client.PatchOptions) error {
	data, err := patch.Data(body)
	if err != nil {
		return fmt.Errorf("compute the patch of the scale of %s %s: %w", t.gvk.Kind, obj.GetName(), err)
	}
	out := body
	if body == obj {
		out = nil
	}
	req := a.request(t, client.ObjectKeyFromObject(obj), "patch", "", o.DryRun)
	return a.scale(ctx, req, body, out, func(cur *autoscalingv1.Scale) (*autoscalingv1.Scale, error) {
		before, err := json.Marshal(cur)
		if err != nil {
			return nil, err
		}
		scaleTable := &table{model: &model{gvk: cur.GroupVersionKind(), layout: layoutOf(reflect.TypeFor[autoscalingv1.Scale]())}}
		after, err := patchJSON(scaleTable, before, patch.Type(), data)
		if err != nil {
			return nil, err
		}
		next := &autoscalingv1.Scale{}
		if err := utiljson.Unmarshal(after, next); err != nil {
			return nil, badObject(scaleTable, err)
		}
		return next, nil
	})
}

// scale runs one write of a scale. edit returns the wanted scale from the
// present one; the result goes into out unless that is nil.
func (a *actor) scale(ctx context.Context, req request, body, out client.Object, edit func(*autoscalingv1.Scale) (*autoscalingv1.Scale, error)) error {
	t := req.table
	op := Op{Verb: req.verb, Kind: t.gvk, Key: req.key, Subresource: "scale", Object: body}
	return a.write(ctx, op, func() (client.Object, error) {
		cur := t.head(req.key)
		if cur == nil {
			return nil, apierrors.NewNotFound(t.resource, req.key.Name)
		}
		present, err := scaleOf(t, cur)
		if err != nil {
			return nil, err
		}
		want, err := edit(present)
		if err != nil {
			return nil, err
		}
		if want.Spec.Replicas < 0 {
			return nil, apierrors.NewInvalid(schema.GroupKind{Group: "autoscaling", Kind: "Scale"}, req.key.Name, field.ErrorList{
				field.Invalid(field.NewPath("spec", "replicas"), want.Spec.Replicas, "must be greater than or equal to 0")})
		}
		next := cur.DeepCopyObject().(client.Object)
		next.SetUID(want.UID)
		next.SetResourceVersion(want.ResourceVersion)
		if err := setReplicas(next, want.Spec.Replicas); err != nil {
			return nil, err
		}
		// A Scale may come without a resourceVersion even where the object
		// may not, hence the verb.
		edited := req
		edited.verb = "scale"
		return a.store.replace(edited, cur, next)
	}, func(stored client.Object) error {
		if out == nil {
			return nil
		}
		return readScale(t, stored, out)
	})
}

// setReplicas writes spec.replicas.
func setReplicas(obj client.Object, n int32) error {
	if u, ok := obj.(*unstructured.Unstructured); ok {
		return unstructured.SetNestedField(u.Object, int64(n), "spec", "replicas")
	}
	f := reflect.ValueOf(obj).Elem().FieldByName("Spec").FieldByName("Replicas")
	if !f.IsValid() || f.Type() != reflect.TypeFor[*int32]() {
		return fmt.Errorf("%T has no spec.replicas", obj)
	}
	f.Set(reflect.ValueOf(&n))
	return nil
}

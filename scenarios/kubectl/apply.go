package kubectl

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/jsonmergepatch"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Apply creates objects from files, or changes existing ones to what the files
// say.
//
// It is the client-side apply: a three-way patch of what the file said last
// (kept in the annotation kubectl.kubernetes.io/last-applied-configuration),
// what it says now, and what the cluster has. A field that was in the file
// and no longer is gets removed, a field that was never in it stays. Kinds of
// Kubernetes itself are patched strategically, so that containers are merged
// by name; custom resources by JSON merge patch, which replaces lists.
//
// Unlike the real program it calls an object unchanged if the patch did not
// change it, even where the patch was not empty: a list of a custom resource
// that the server has filled with defaults always is in the patch.
func Apply(ctx context.Context, k *Kubectl, args []string) error {
	f := flags("apply")
	names := f.StringSliceP("filename", "f", nil, "")
	args, err := parse(f, args)
	if err != nil {
		return err
	}
	if len(args) > 0 {
		return fmt.Errorf("error: Unexpected args: %v; files are named by -f", args)
	}
	found, err := k.manifests(*names)
	if err != nil {
		return err
	}
	for _, m := range found {
		verb, err := k.apply(ctx, m)
		if err != nil {
			return err
		}
		k.printf("%s/%s %s\n", prefixOf(m.object), m.object.GetName(), verb)
	}
	return nil
}

// prefixOf returns "rollout.argoproj.io" or "service".
func prefixOf(obj *unstructured.Unstructured) string {
	return resource{gvk: obj.GroupVersionKind()}.prefix()
}

// place sets the namespace of the command line where the file names none.
func (k *Kubectl) place(m manifest) error {
	namespaced, err := k.Client.IsObjectNamespaced(m.object)
	if err != nil {
		return fmt.Errorf("error: resource mapping not found for name: %q namespace: %q from %q: %w",
			m.object.GetName(), m.object.GetNamespace(), m.file, err)
	}
	switch {
	case !namespaced || m.object.GetNamespace() == k.Namespace:
	case m.object.GetNamespace() == "":
		m.object.SetNamespace(k.Namespace)
	case k.EnforceNamespace:
		//lint:ignore ST1005 the words of kubectl
		return fmt.Errorf("error: the namespace from the provided object %q does not match the namespace %q. You must pass '--namespace=%s' to perform this operation.",
			m.object.GetNamespace(), k.Namespace, m.object.GetNamespace())
	}
	return nil
}

// apply brings one object into the cluster and says what it did: "created",
// "configured" or "unchanged".
func (k *Kubectl) apply(ctx context.Context, m manifest) (string, error) {
	if err := k.place(m); err != nil {
		return "", err
	}
	modified, err := annotateLastApplied(m.object)
	if err != nil {
		return "", err
	}
	live := &unstructured.Unstructured{}
	live.SetGroupVersionKind(m.object.GroupVersionKind())
	err = k.Client.Get(ctx, client.ObjectKeyFromObject(m.object), live, client.UnsafeDisableDeepCopy)
	if apierrors.IsNotFound(err) {
		if err := k.Client.Create(ctx, m.object, fieldOwner, validation); err != nil {
			return "", serverErrorWhen(fmt.Sprintf("error when creating %q: ", m.file), err)
		}
		return "created", nil
	}
	if err != nil {
		return "", serverErrorWhen(fmt.Sprintf("error when retrieving current configuration of %q: ", m.object.GetName()), err)
	}
	patch, err := threeWayPatch(live, modified)
	if err != nil {
		return "", fmt.Errorf("error: when applying %q to %s/%s: %w", m.file, prefixOf(live), live.GetName(), err)
	}
	if empty(patch, live) {
		return "unchanged", nil
	}
	before := live.GetResourceVersion()
	if err := k.Client.Patch(ctx, live, patch, fieldOwner, validation); err != nil {
		return "", serverErrorWhen(fmt.Sprintf("error when patching %q: ", m.file), err)
	}
	if live.GetResourceVersion() == before {
		return "unchanged", nil
	}
	return "configured", nil
}

// annotateLastApplied writes the object as JSON into its own annotation, as it
// is without that annotation, and returns the JSON of the result.
func annotateLastApplied(obj *unstructured.Unstructured) ([]byte, error) {
	annotations := obj.GetAnnotations()
	delete(annotations, corev1.LastAppliedConfigAnnotation)
	obj.SetAnnotations(annotations)
	if annotations == nil {
		annotations = map[string]string{}
		obj.SetAnnotations(annotations)
	}
	original, err := runtime.Encode(unstructured.UnstructuredJSONScheme, obj)
	if err != nil {
		return nil, fmt.Errorf("error: encode %s/%s: %w", prefixOf(obj), obj.GetName(), err)
	}
	annotations[corev1.LastAppliedConfigAnnotation] = string(original)
	obj.SetAnnotations(annotations)
	return json.Marshal(obj.Object)
}

// empty says whether a patch changes nothing; kubectl does not send it then.
func empty(patch client.Patch, live *unstructured.Unstructured) bool {
	data, err := patch.Data(live)
	return err == nil && string(data) == "{}"
}

// threeWayPatch compares what the file said, what it says and what is there.
func threeWayPatch(live *unstructured.Unstructured, modified []byte) (client.Patch, error) {
	original := []byte(live.GetAnnotations()[corev1.LastAppliedConfigAnnotation])
	current, err := json.Marshal(live.Object)
	if err != nil {
		return nil, err
	}
	typed, err := clientgoscheme.Scheme.New(live.GroupVersionKind())
	if runtime.IsNotRegisteredError(err) {
		data, err := jsonmergepatch.CreateThreeWayJSONMergePatch(original, modified, current)
		return client.RawPatch(types.MergePatchType, data), err
	}
	if err != nil {
		return nil, err
	}
	meta, err := strategicpatch.NewPatchMetaFromStruct(typed)
	if err != nil {
		return nil, err
	}
	data, err := strategicpatch.CreateThreeWayMergePatch(original, modified, current, meta, true)
	return client.RawPatch(types.StrategicMergePatchType, data), err
}

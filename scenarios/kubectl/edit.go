package kubectl

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// mergePatch writes a JSON merge patch and reports whether it changed the
// object.
func (k *Kubectl) mergePatch(ctx context.Context, obj *unstructured.Unstructured, content map[string]any) (bool, error) {
	data, err := json.Marshal(content)
	if err != nil {
		return false, err
	}
	return k.patch(ctx, obj, client.RawPatch(types.MergePatchType, data), "")
}

func (k *Kubectl) patch(ctx context.Context, obj *unstructured.Unstructured, patch client.Patch, subresource string) (bool, error) {
	before := obj.DeepCopy()
	var err error
	if subresource == "" {
		err = k.patchOrWarn(ctx, obj, patch)
	} else {
		err = k.Client.SubResource(subresource).Patch(ctx, obj, patch, fieldOwner)
	}
	if err != nil {
		return false, serverError(err)
	}
	return !equality.Semantic.DeepEqual(obj.Object, before.Object), nil
}

// patchOrWarn writes a patch. kubectl leaves it to the API server what to do about fields
// that nobody knows, and that drops them with a warning for each, which clients print.
func (k *Kubectl) patchOrWarn(ctx context.Context, obj *unstructured.Unstructured, patch client.Patch) error {
	err := k.Client.Patch(ctx, obj, patch, fieldOwner, validation)
	_, fields, unknown := strings.Cut(fmt.Sprint(err), "strict decoding error: ")
	if !unknown || !apierrors.IsBadRequest(err) && !apierrors.IsInvalid(err) {
		return err
	}
	for _, field := range strings.Split(fields, ", ") {
		k.printf("Warning: %s\n", field)
	}
	return k.Client.Patch(ctx, obj, patch, fieldOwner, client.FieldValidation(metav1.FieldValidationIgnore))
}

// Scale sets spec.replicas.
func Scale(ctx context.Context, k *Kubectl, args []string) error {
	f := flags("scale")
	replicas := f.Int64("replicas", -1, "")
	args, err := parse(f, args)
	if err != nil {
		return err
	}
	if *replicas < 0 {
		return fmt.Errorf("error: The --replicas=COUNT flag is required, and COUNT must be greater than or equal to 0")
	}
	targets, err := k.targets(ctx, args, "", false)
	if err != nil {
		return err
	}
	for _, t := range targets {
		if _, ok, _ := unstructured.NestedInt64(t.object.Object, "spec", "replicas"); !ok {
			return fmt.Errorf("error: could not scale %s: it has no spec.replicas", t.name())
		}
		if _, err := k.mergePatch(ctx, t.object, map[string]any{"spec": map[string]any{"replicas": *replicas}}); err != nil {
			return err
		}
		k.printf("%s scaled\n", t.name())
	}
	return nil
}

var patchTypes = map[string]types.PatchType{
	"json": types.JSONPatchType, "merge": types.MergePatchType, "strategic": types.StrategicMergePatchType,
}

// Patch changes an object by a patch given on the command line.
func Patch(ctx context.Context, k *Kubectl, args []string) error {
	f := flags("patch")
	typeName := f.String("type", "strategic", "")
	text := f.StringP("patch", "p", "", "")
	subresource := f.String("subresource", "", "")
	args, err := parse(f, args)
	if err != nil {
		return err
	}
	patchType, ok := patchTypes[*typeName]
	if !ok {
		return fmt.Errorf("error: --type must be one of [json merge strategic], not %q", *typeName)
	}
	data, err := yaml.YAMLToJSON([]byte(*text))
	if err != nil || *text == "" {
		return fmt.Errorf("error: unable to parse %q: it must be JSON or YAML given by -p", *text)
	}
	targets, err := k.targets(ctx, args, "", false)
	if err != nil {
		return err
	}
	for _, t := range targets {
		if patchType == types.StrategicMergePatchType && !clientgoscheme.Scheme.Recognizes(t.resource.gvk) {
			return fmt.Errorf("error: application/strategic-merge-patch+json is not supported by %s: try --type merge", t.resource.gvk)
		}
		changed, err := k.patch(ctx, t.object, client.RawPatch(patchType, data), *subresource)
		if err != nil {
			return err
		}
		k.printf("%s patched%s\n", t.name(), noChange(changed))
	}
	return nil
}

func noChange(changed bool) string {
	if changed {
		return ""
	}
	return " (no change)"
}

// Annotate sets and removes annotations.
func Annotate(ctx context.Context, k *Kubectl, args []string) error {
	return k.setMetadata(ctx, metadataEdit{verb: "annotate", field: "annotations", set: "annotated", removed: "annotated", same: "annotated"}, args)
}

// Label sets and removes labels.
func Label(ctx context.Context, k *Kubectl, args []string) error {
	return k.setMetadata(ctx, metadataEdit{verb: "label", field: "labels", set: "labeled", removed: "unlabeled", same: "not labeled"}, args)
}

// metadataEdit says what differs between labels and annotations.
type metadataEdit struct{ verb, field, set, removed, same string }

// setMetadata reads "KIND NAME... KEY=VALUE... KEY-..." and writes the map.
func (k *Kubectl) setMetadata(ctx context.Context, e metadataEdit, args []string) error {
	f := flags(e.verb)
	overwrite := f.Bool("overwrite", false, "")
	selector := f.StringP("selector", "l", "", "")
	all := f.Bool("all", false, "")
	args, err := parse(f, args)
	if err != nil {
		return err
	}
	names, edits, removes := splitEdits(args)
	if len(edits) == 0 {
		return fmt.Errorf("error: at least one %s update is required: KEY=VALUE sets, KEY- removes", e.verb)
	}
	targets, err := k.targets(ctx, names, *selector, *all)
	if err != nil {
		return err
	}
	for _, t := range targets {
		if err := k.setMetadataOf(ctx, e, t, edits, *overwrite, removes); err != nil {
			return err
		}
	}
	return nil
}

func (k *Kubectl) setMetadataOf(ctx context.Context, e metadataEdit, t target, edits map[string]any, overwrite, removes bool) error {
	present, _, _ := unstructured.NestedStringMap(t.object.Object, "metadata", e.field)
	for _, key := range sortedKeys(edits) {
		if old, ok := present[key]; ok && !overwrite && edits[key] != nil && edits[key] != old {
			return fmt.Errorf("error: '%s' already has a value (%s), and --overwrite is false", key, old)
		}
	}
	changed, err := k.mergePatch(ctx, t.object, map[string]any{"metadata": map[string]any{e.field: edits}})
	if err != nil {
		return err
	}
	word := e.set
	switch {
	case !changed:
		word = e.same
	case removes:
		word = e.removed
	}
	k.printf("%s %s\n", t.name(), word)
	return nil
}

// splitEdits separates names from KEY=VALUE and KEY-; a nil value removes.
// removes is true if nothing is set.
func splitEdits(args []string) (names []string, edits map[string]any, removes bool) {
	edits, removes = map[string]any{}, true
	for i, arg := range args {
		key, value, sets := strings.Cut(arg, "=")
		switch {
		case sets:
			edits[key], removes = value, false
		case i > 0 && strings.HasSuffix(arg, "-"):
			edits[strings.TrimSuffix(arg, "-")] = nil
		default:
			names = append(names, arg)
		}
	}
	return names, edits, removes
}

func sortedKeys(m map[string]any) []string {
	var keys []string
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// SetImage changes the images of containers of a Deployment, a ReplicaSet or a
// Pod: "deployment/NAME CONTAINER=IMAGE...", with * for every container.
func SetImage(ctx context.Context, k *Kubectl, args []string) error {
	args, err := parse(flags("set image"), args)
	if err != nil {
		return err
	}
	names, edits, _ := splitEdits(args)
	if len(edits) == 0 {
		return fmt.Errorf("error: at least one image update is required: CONTAINER=IMAGE")
	}
	targets, err := k.targets(ctx, names, "", false)
	if err != nil {
		return err
	}
	for _, t := range targets {
		if err := k.setImageOf(ctx, t, edits); err != nil {
			return err
		}
	}
	return nil
}

// podSpecs says where the kinds that SetImage knows keep their pod.
var podSpecs = map[string][]string{
	"Deployment": {"spec", "template", "spec"}, "ReplicaSet": {"spec", "template", "spec"}, "Pod": {"spec"},
}

func (k *Kubectl) setImageOf(ctx context.Context, t target, edits map[string]any) error {
	path, ok := podSpecs[t.resource.gvk.Kind]
	if !ok {
		return fmt.Errorf("error: unable to set the image of %s: use kubectl argo rollouts set image for a rollout", t.name())
	}
	containers, _, _ := unstructured.NestedSlice(t.object.Object, append(path, "containers")...)
	for _, name := range sortedKeys(edits) {
		found := false
		for _, c := range containers {
			if c, ok := c.(map[string]any); ok && (name == "*" || c["name"] == name) {
				c["image"], found = edits[name], true
			}
		}
		if !found {
			return fmt.Errorf("error: unable to find container named %q", name)
		}
	}
	content := map[string]any{"containers": containers}
	for _, field := range slices.Backward(path) {
		content = map[string]any{field: content}
	}
	changed, err := k.mergePatch(ctx, t.object, content)
	if err == nil && changed {
		k.printf("%s image updated\n", t.name())
	}
	return err
}

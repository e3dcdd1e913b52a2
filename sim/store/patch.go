package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Patch changes an object by a merge, JSON or strategic merge patch, and then
// follows the rules of Update. Strategic patches are for built-in kinds alone,
// as on a real API server. Server-side apply is not implemented.
func (a *actor) Patch(ctx context.Context, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
	o := client.PatchOptions{}
	o.ApplyOptions(opts)
	return a.patch(ctx, obj, obj, patch, "", &o)
}

// patch changes the object named by key; the result goes into out, from which
// the patch is computed. sub is "" or "status".
func (a *actor) patch(ctx context.Context, key, out client.Object, patch client.Patch, sub string, o *client.PatchOptions) error {
	gvk, t, err := a.store.kindOf(key)
	if err != nil {
		return err
	}
	req := a.request(t, client.ObjectKeyFromObject(key), "patch", o.FieldValidation, o.DryRun)
	req.sub = sub
	return a.write(ctx, Op{Verb: "patch", Kind: gvk, Key: req.key, Subresource: sub, Object: out}, func() (client.Object, error) {
		cur := t.head(req.key)
		if cur == nil {
			return nil, apierrors.NewNotFound(t.resource, req.key.Name)
		}
		next, err := a.store.applyPatch(req, cur, out, patch)
		if err != nil {
			return nil, err
		}
		return a.store.replace(req, cur, next)
	}, func(stored client.Object) error { return a.answer(t, stored, out) })
}

// goPatch is a patch that can change a Go object as its JSON would. It reports false
// if it cannot; the object is then as it was. Inside of the object it replaces and
// does not write.
type goPatch interface {
	client.Patch
	PatchGo(obj client.Object) bool
}

// applyPatch returns the patched object as a private copy. The patch is computed
// from out.
func (s *Store) applyPatch(req request, cur, out client.Object, patch client.Patch) (client.Object, error) {
	if direct, ok := patch.(goPatch); ok && s.trustsFields(req) && req.sub == "" {
		if next := req.table.shallowCopy(cur); direct.PatchGo(next) {
			return next, nil
		}
	}
	data, err := patch.Data(out)
	if err != nil {
		return nil, fmt.Errorf("compute the patch of %s %s: %w", req.table.gvk.Kind, req.key, err)
	}
	next, err := s.patched(req, cur, patch.Type(), data)
	if bad := (undecodable{}); errors.As(err, &bad) {
		return nil, badPatch(req.table, cur, patch.Type(), data, bad)
	}
	if err != nil {
		return nil, err
	}
	if name := next.GetName(); name != req.key.Name {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("the name of the object (%s) does not match the name on the URL (%s)", name, req.key.Name))
	}
	if next.GetNamespace() != req.key.Namespace {
		return nil, apierrors.NewBadRequest("the namespace of the provided object does not match the namespace sent on the request")
	}
	return next, nil
}

func (s *Store) patched(req request, cur client.Object, kind types.PatchType, data []byte) (client.Object, error) {
	t := req.table
	if kind == types.MergePatchType {
		if next, done, err := s.merged(req, cur, data); done {
			return next, err
		}
	}
	before, err := json.Marshal(cur)
	if err != nil {
		return nil, fmt.Errorf("encode stored %s %s: %w", t.gvk.Kind, req.key, err)
	}
	after, err := patchJSON(t, before, kind, data)
	if err != nil {
		return nil, err
	}
	return s.decodePatched(req, cur, after)
}

// merged applies a merge patch in the short ways, for Go types and for custom
// resources with a schema. It reports done == false if neither applies.
func (s *Store) merged(req request, cur client.Object, data []byte) (next client.Object, done bool, err error) {
	t := req.table
	if s.trustsFields(req) {
		next := cur.DeepCopyObject().(client.Object)
		if !mergeTyped(next, data) {
			return nil, false, nil
		}
		giveKind(next, t.gvk)
		return next, true, nil
	}
	custom, err := s.schemaFor(req)
	if err != nil || custom == nil {
		return nil, err != nil, err
	}
	old, err := t.contentOf(cur)
	if err != nil {
		return nil, true, badObject(t, err)
	}
	content, ok := mergeContent(old, data)
	if !ok {
		return nil, false, nil
	}
	next, err = custom.decode(req, content, old, cur)
	return next, true, err
}

// badPatch is the answer to a patch that makes of an object what cannot be decoded: it
// is invalid, and the whole of what came out is shown, or the patch if it was strategic.
func badPatch(t *table, cur client.Object, kind types.PatchType, data []byte, bad undecodable) error {
	before, err := json.Marshal(cur)
	if err != nil {
		return bad
	}
	after, err := patchJSON(t, before, kind, data)
	if err != nil {
		return err
	}
	shown := string(after)
	var content map[string]any
	if kind == types.StrategicMergePatchType && json.Unmarshal(data, &content) == nil {
		shown = fmt.Sprintf("%+v", content)
	}
	return apierrors.NewInvalid(schema.GroupKind{}, "", field.ErrorList{field.Invalid(field.NewPath("patch"), shown, bad.why.Error())})
}

// trustsFields reports whether nobody has to look at the fields of what is
// written, beyond what the Go type can hold.
func (s *Store) trustsFields(req request) bool {
	return req.table.layout.goType != nil && !req.strict && !s.hasSchema(req)
}

// decodePatched decodes a patched object, by the short way if nobody has to
// look at its fields.
func (s *Store) decodePatched(req request, cur client.Object, after []byte) (client.Object, error) {
	t := req.table
	if s.trustsFields(req) {
		out := reflect.New(t.layout.goType).Interface().(client.Object)
		if err := utiljson.Unmarshal(after, out); err != nil {
			return nil, badObject(t, err)
		}
		giveKind(out, t.gvk)
		return out, nil
	}
	var content map[string]any
	if err := utiljson.Unmarshal(after, &content); err != nil {
		return nil, badObject(t, err)
	}
	if content == nil {
		return nil, badObject(t, fmt.Errorf("the patch leaves no object"))
	}
	return s.decodeWrite(req, cur, &unstructured.Unstructured{Object: content})
}

// maxPatchOperations is the API server's limit for a JSON patch.
const maxPatchOperations = 10000

// patchJSON applies a patch to the JSON of an object. The patch libraries panic
// on some malformed input, such as a test operation on the whole document; a
// real API server catches that in its HTTP handler.
func patchJSON(t *table, before []byte, kind types.PatchType, data []byte) (after []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			after, err = nil, apierrors.NewBadRequest(fmt.Sprintf("the patch is malformed: %v", p))
		}
	}()
	switch kind {
	case types.MergePatchType:
		after, err := jsonpatch.MergePatch(before, data)
		if err != nil {
			return nil, apierrors.NewBadRequest(err.Error())
		}
		return after, nil
	case types.JSONPatchType:
		return patchByOperations(before, data)
	case types.StrategicMergePatchType:
		if t.facts.custom || t.layout.goType == nil {
			return nil, unsupportedPatch("application/json-patch+json, application/merge-patch+json")
		}
		return patchStrategically(t, before, data)
	}
	return nil, unsupportedPatch("application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json")
}

func patchByOperations(before, data []byte) ([]byte, error) {
	patch, err := jsonpatch.DecodePatch(data)
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	if len(patch) > maxPatchOperations {
		return nil, apierrors.NewRequestEntityTooLargeError(fmt.Sprintf(
			"The allowed maximum operations in a JSON patch is %d, got %d", maxPatchOperations, len(patch)))
	}
	after, err := patch.Apply(before)
	if err != nil {
		return nil, apierrors.NewGenericServerResponse(http.StatusUnprocessableEntity, "", schema.GroupResource{}, "", err.Error(), 0, false)
	}
	return after, nil
}

func patchStrategically(t *table, before, data []byte) ([]byte, error) {
	var original, patch map[string]any
	if err := json.Unmarshal(before, &original); err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	if err := json.Unmarshal(data, &patch); err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	schemaOf, err := strategicpatch.NewPatchMetaFromStruct(reflect.New(t.layout.goType).Interface())
	if err != nil {
		return nil, fmt.Errorf("read the patch rules of %s: %w", t.gvk.Kind, err)
	}
	merged, err := strategicpatch.StrategicMergeMapPatchUsingLookupPatchMeta(original, patch, schemaOf)
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	return json.Marshal(merged)
}

func unsupportedPatch(accepted string) error {
	return apierrors.NewGenericServerResponse(http.StatusUnsupportedMediaType, "patch", schema.GroupResource{}, "",
		"the body of the request was in an unknown format - accepted media types include: "+accepted, 0, false)
}

// Apply is server-side apply, which the simulator does not have: it keeps no
// managed fields.
func (a *actor) Apply(_ context.Context, _ runtime.ApplyConfiguration, _ ...client.ApplyOption) error {
	return unsupportedPatch("application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json")
}

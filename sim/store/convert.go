package store

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// decode makes a private copy of what a caller passed, in the form in which
// the table stores it, of a status with no more than is necessary.
func decode(req request, in client.Object) (client.Object, error) {
	t := req.table
	if !t.stores(in) {
		content, err := contentOf(in)
		if err != nil {
			return nil, badObject(t, err)
		}
		return decodeContent(t, content, req.strict)
	}
	var out client.Object
	switch {
	case req.sub == "status":
		out = t.statusOf(in, req.actor.shares || req.actor.sharesStatus)
	case req.actor.shares:
		out = t.shallowCopy(in)
	default:
		out = in.DeepCopyObject().(client.Object)
	}
	giveKind(out, t.gvk)
	return out, nil
}

// stores reports whether an object is of the Go type that a table stores.
func (t *table) stores(obj client.Object) bool {
	return t.layout.goType != nil && reflect.TypeOf(obj).Elem() == t.layout.goType
}

// statusOf returns an object that has nothing but the status of obj, a copy unless
// it is to be shared, and what identifies it.
func (t *table) statusOf(obj client.Object, share bool) client.Object {
	var out client.Object
	if share {
		out = reflect.New(t.layout.goType).Interface().(client.Object)
		copyStatus(t, obj, out)
	} else {
		if t.scratch == nil {
			t.scratch = reflect.New(t.layout.goType).Interface().(client.Object)
		}
		copyStatus(t, obj, t.scratch)
		out = t.scratch.DeepCopyObject().(client.Object)
	}
	out.SetNamespace(obj.GetNamespace())
	out.SetName(obj.GetName())
	out.SetUID(obj.GetUID())
	out.SetResourceVersion(obj.GetResourceVersion())
	return out
}

// withoutContent returns an object that has the metadata and the status of obj, sharing
// memory.
func (t *table) withoutContent(obj client.Object) client.Object {
	out := t.shallowCopy(obj)
	for _, f := range t.layout.content {
		reflect.ValueOf(out).Elem().Field(f.index).SetZero()
	}
	return out
}

// decodeContent is decode for JSON content that the store owns.
func decodeContent(t *table, content map[string]any, strict bool) (client.Object, error) {
	convertAutoscaler(t, content)
	if t.layout.goType == nil {
		unknown, err := coerceMetadata(content, strict)
		if err == nil && len(unknown) > 0 {
			err = runtime.NewStrictDecodingError(unknown)
		}
		if err != nil {
			return nil, badObject(t, err)
		}
		u := &unstructured.Unstructured{Object: content}
		u.SetGroupVersionKind(t.gvk)
		return u, nil
	}
	out := reflect.New(t.layout.goType).Interface().(client.Object)
	err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(content, out, strict)
	if err != nil {
		return nil, badObject(t, explain(t, content, err))
	}
	giveKind(out, t.gvk)
	return out, nil
}

// coerceMetadata gives the metadata of JSON content the shape that it has for
// all kinds, dropping unknown fields. With strict it names those instead; the
// error is a field of the wrong type.
func coerceMetadata(content map[string]any, strict bool) (unknown []error, err error) {
	if hasPlainMetadata(content) {
		return nil, nil
	}
	meta, found, paths, err := objectmeta.GetObjectMetaWithOptions(content, objectmeta.ObjectMetaOptions{ReturnUnknownFieldPaths: strict})
	if err != nil || !found {
		return nil, err
	}
	for _, path := range paths {
		unknown = append(unknown, fmt.Errorf("unknown field %q", path))
	}
	return unknown, objectmeta.SetObjectMeta(content, meta)
}

// hasPlainMetadata reports whether metadata has the shape that coercion would give
// it, as that of most objects that are written again has. The general way goes
// through Go types and JSON.
func hasPlainMetadata(content map[string]any) bool {
	meta, ok := content["metadata"].(map[string]any)
	if !ok {
		return false
	}
	for key, value := range meta {
		switch key {
		case "name", "namespace", "uid", "resourceVersion":
			if text, ok := value.(string); !ok || text == "" {
				return false
			}
		case "generation":
			if n, ok := value.(int64); !ok || n == 0 {
				return false
			}
		case "creationTimestamp":
			text, _ := value.(string)
			if t, err := time.Parse(time.RFC3339, text); err != nil || t.UTC().Format(time.RFC3339) != text {
				return false
			}
		case "labels", "annotations":
			if !isTexts(value) {
				return false
			}
		default:
			return false
		}
	}
	return len(meta) > 0
}

// isTexts reports whether a value is an object of strings, and has some.
func isTexts(value any) bool {
	m, ok := value.(map[string]any)
	for _, v := range m {
		if _, isText := v.(string); !isText {
			return false
		}
	}
	return ok && len(m) > 0
}

// explain replaces the error of the converter by that of the JSON decoder,
// which names the field, if it has one too.
func explain(t *table, content map[string]any, err error) error {
	if runtime.IsStrictDecodingError(err) {
		return err
	}
	data, jsonErr := json.Marshal(content)
	if jsonErr == nil {
		jsonErr = utiljson.Unmarshal(data, reflect.New(t.layout.goType).Interface())
	}
	if jsonErr != nil {
		return jsonErr
	}
	return err
}

// undecodable is the answer of an API server to a body that it cannot decode.
type undecodable struct {
	*apierrors.StatusError
	why error
}

// Unwrap returns the answer.
func (e undecodable) Unwrap() error { return e.StatusError }

func badObject(t *table, err error) error {
	return undecodable{apierrors.NewBadRequest(fmt.Sprintf("%s in version %q cannot be handled as a %s: %v",
		t.gvk.Kind, t.gvk.Version, t.gvk.Kind, err)), err}
}

// contentOf returns an object as JSON content that shares nothing with it.
func contentOf(obj client.Object) (map[string]any, error) {
	if u, ok := obj.(*unstructured.Unstructured); ok {
		content, err := cleanJSON(u.Object)
		if err != nil {
			return nil, err
		}
		m, _ := content.(map[string]any)
		if m == nil {
			m = map[string]any{}
		}
		return m, nil
	}
	return runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
}

// contentOf returns a stored object as JSON content, which the caller must not modify.
// The content of a present object is remembered: users patch what they have read.
func (t *table) contentOf(stored client.Object) (map[string]any, error) {
	if u, ok := stored.(*unstructured.Unstructured); ok {
		return u.Object, nil
	}
	r := t.records[client.ObjectKeyFromObject(stored)]
	if r == nil || r.head() != stored {
		return contentOf(stored)
	}
	present := &r.versions[len(r.versions)-1]
	if present.content != nil {
		return present.content, nil
	}
	content, err := t.contentOn(present.base, stored)
	if err == nil {
		present.content, present.base = content, nil
	}
	return content, err
}

// contentOn returns a stored object as JSON content, of which base is all but metadata
// and status if it is not nil.
func (t *table) contentOn(base map[string]any, stored client.Object) (map[string]any, error) {
	if base == nil {
		return contentOf(stored)
	}
	part, err := contentOf(t.withoutContent(stored))
	if err != nil {
		return nil, err
	}
	content := maps.Clone(base)
	content["metadata"] = part["metadata"]
	delete(content, "status")
	if status, has := part["status"]; has {
		content["status"] = status
	}
	return content, nil
}

// cleanJSON copies a JSON value and turns Go numbers and containers that only
// look like JSON (int, []string) into what a decoder would have produced, so
// that later copies do not panic on them.
func cleanJSON(v any) (any, error) {
	switch x := v.(type) {
	case nil, string, bool, int64:
		return x, nil
	case float64:
		return wholeNumber(x), nil
	case int:
		return int64(x), nil
	case int32:
		return int64(x), nil
	case map[string]any:
		out := make(map[string]any, len(x))
		for k, e := range x {
			c, err := cleanJSON(e)
			if err != nil {
				return nil, err
			}
			out[k] = c
		}
		return out, nil
	case []any:
		out := make([]any, len(x))
		for i, e := range x {
			c, err := cleanJSON(e)
			if err != nil {
				return nil, err
			}
			out[i] = c
		}
		return out, nil
	}
	return viaJSON(v)
}

// wholeNumber turns a float without a fraction into an integer, as encoding to
// JSON and decoding does: a YAML decoder that knows no integers reads
// "replicas: 5" as 5.0. Floats of 2^63 and beyond stay what they are.
func wholeNumber(x float64) any {
	if x == math.Trunc(x) && math.Abs(x) < 1<<63 {
		return int64(x)
	}
	return x
}

func viaJSON(v any) (any, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("value of type %T has no JSON form: %w", v, err)
	}
	// The unstructured decoder keeps whole numbers as int64.
	wrapped := map[string]any{}
	if err := utiljson.Unmarshal([]byte(`{"v":`+string(data)+`}`), &wrapped); err != nil {
		return nil, err
	}
	return wrapped["v"], nil
}

// fill copies a stored object into an object of the caller's choice: the same
// Go type, another version of it, unstructured or metadata alone. Typed and
// partial results carry the kind asked for. With share, what is inside an object
// is not copied if it has the stored form.
func fill(t *table, stored, out client.Object, share bool) error {
	if share && t.stores(out) {
		reflect.ValueOf(out).Elem().Set(reflect.ValueOf(stored).Elem())
		return nil
	}
	switch dst := out.(type) {
	case *unstructured.Unstructured:
		return fillUnstructured(t, stored, dst, share)
	case *metav1.PartialObjectMetadata:
		return fillPartial(stored, dst)
	}
	if copyTyped(stored, out) {
		return nil
	}
	if reflect.TypeOf(out) == reflect.TypeOf(stored) {
		reflect.ValueOf(out).Elem().Set(reflect.ValueOf(stored.DeepCopyObject()).Elem())
		return nil
	}
	content, err := t.contentOf(stored)
	if err != nil {
		return err
	}
	zero := reflect.New(reflect.TypeOf(out).Elem())
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(content, zero.Interface()); err != nil {
		return fmt.Errorf("convert stored %s %s to %T: %w", t.gvk.Kind, client.ObjectKeyFromObject(stored), out, err)
	}
	reflect.ValueOf(out).Elem().Set(zero.Elem())
	return nil
}

// copyTyped copies the kinds that are read most without the extra object that
// the general way makes.
func copyTyped(src, dst client.Object) bool {
	switch d := dst.(type) {
	case *corev1.Pod:
		if s, ok := src.(*corev1.Pod); ok {
			s.DeepCopyInto(d)
			return true
		}
	case *appsv1.ReplicaSet:
		if s, ok := src.(*appsv1.ReplicaSet); ok {
			s.DeepCopyInto(d)
			return true
		}
	case *corev1.Service:
		if s, ok := src.(*corev1.Service); ok {
			s.DeepCopyInto(d)
			return true
		}
	}
	return false
}

func fillUnstructured(t *table, stored client.Object, dst *unstructured.Unstructured, share bool) error {
	gvk := dst.GroupVersionKind()
	if gvk.Kind == "" || gvk.Version == "" {
		gvk = t.gvk
	}
	content, err := t.contentOf(stored)
	if err != nil {
		return fmt.Errorf("convert stored %s %s: %w", t.gvk.Kind, client.ObjectKeyFromObject(stored), err)
	}
	if share {
		dst.Object = maps.Clone(content) // the kind is set below
	} else {
		dst.Object = runtime.DeepCopyJSON(content)
	}
	dst.SetGroupVersionKind(gvk)
	return nil
}

// fillPartial copies the metadata alone.
func fillPartial(stored client.Object, dst *metav1.PartialObjectMetadata) error {
	gvk := dst.GroupVersionKind()
	meta, err := metadataOf(stored)
	if err != nil {
		return err
	}
	*dst = metav1.PartialObjectMetadata{}
	meta.DeepCopyInto(&dst.ObjectMeta)
	dst.SetGroupVersionKind(gvk)
	return nil
}

// metadataOf returns the metadata of a stored object; the caller must not
// modify it.
func metadataOf(obj client.Object) (*metav1.ObjectMeta, error) {
	if acc, ok := obj.(metav1.ObjectMetaAccessor); ok {
		if m, ok := acc.GetObjectMeta().(*metav1.ObjectMeta); ok {
			return m, nil
		}
	}
	content, err := contentOf(obj)
	if err != nil {
		return nil, err
	}
	var partial metav1.PartialObjectMetadata
	err = runtime.DefaultUnstructuredConverter.FromUnstructured(map[string]any{"metadata": content["metadata"]}, &partial)
	return &partial.ObjectMeta, err
}

// setKind puts a kind into TypeMeta, or takes it out for the typed objects of
// a live client.
func (a *actor) setKind(obj client.Object, gvk schema.GroupVersionKind) {
	if a.user && isTyped(obj) {
		gvk = schema.GroupVersionKind{}
	}
	giveKind(obj, gvk)
}

// giveKind sets the kind of an object that does not have it yet: to put it together
// is dearer than to look.
func giveKind(obj client.Object, gvk schema.GroupVersionKind) {
	kind := obj.GetObjectKind()
	if meta, ok := kind.(*metav1.TypeMeta); ok && meta.Kind == gvk.Kind && isVersion(meta.APIVersion, gvk.GroupVersion()) {
		return
	}
	if kind.GroupVersionKind() != gvk {
		kind.SetGroupVersionKind(gvk)
	}
}

// isVersion reports whether an apiVersion is that of a group and version, without
// taking the one apart or putting the other together.
func isVersion(apiVersion string, gv schema.GroupVersion) bool {
	if gv.Group == "" {
		return apiVersion == gv.Version
	}
	group, ok := strings.CutSuffix(apiVersion, gv.Version)
	return ok && len(group) == len(gv.Group)+1 && group[:len(gv.Group)] == gv.Group && group[len(gv.Group)] == '/'
}

// convertAutoscaler turns the one field of an autoscaling/v1 autoscaler that
// v2 spells differently into its metric. It is the only conversion that the
// store makes, because manifests of that version are still common.
func convertAutoscaler(t *table, content map[string]any) {
	if t.gvk.Group != "autoscaling" || t.gvk.Kind != "HorizontalPodAutoscaler" || t.gvk.Version == "v1" {
		return
	}
	spec, _ := content["spec"].(map[string]any)
	percent, ok := spec["targetCPUUtilizationPercentage"]
	if !ok {
		return
	}
	delete(spec, "targetCPUUtilizationPercentage")
	spec["metrics"] = []any{map[string]any{
		"type": "Resource",
		"resource": map[string]any{
			"name":   "cpu",
			"target": map[string]any{"type": "Utilization", "averageUtilization": percent},
		},
	}}
}

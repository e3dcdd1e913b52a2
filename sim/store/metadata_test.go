package store

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/runtime"
)

// Metadata that is left alone is metadata that coercion leaves as it is.
func TestPlainMetadata(t *testing.T) {
	for name, tt := range map[string]struct {
		meta  map[string]any
		plain bool
	}{
		"a name":            {map[string]any{"name": "web"}, true},
		"what was stored":   {map[string]any{"name": "web", "namespace": "shop", "uid": "u", "resourceVersion": "7", "generation": int64(2), "creationTimestamp": "2026-01-05T09:00:00Z", "labels": map[string]any{"a": "b"}, "annotations": map[string]any{"c": ""}}, true},
		"nothing":           {map[string]any{}, false},
		"an empty name":     {map[string]any{"name": ""}, false},
		"a number as label": {map[string]any{"name": "web", "labels": map[string]any{"a": int64(1)}}, false},
		"no label":          {map[string]any{"name": "web", "labels": map[string]any{}}, false},
		"null":              {map[string]any{"name": "web", "creationTimestamp": nil}, false},
		"a time elsewhere":  {map[string]any{"name": "web", "creationTimestamp": "2026-01-05T10:00:00+01:00"}, false},
		"something unknown": {map[string]any{"name": "web", "nickname": "w"}, false},
		"an owner":          {map[string]any{"name": "web", "ownerReferences": []any{}}, false},
	} {
		content := map[string]any{"metadata": tt.meta}
		if got := hasPlainMetadata(content); got != tt.plain {
			t.Errorf("%s: plain %v", name, got)
		}
		if !tt.plain {
			continue
		}
		coerced := runtime.DeepCopyJSON(content)
		meta, _, err := objectmeta.GetObjectMeta(coerced, false)
		if err == nil {
			err = objectmeta.SetObjectMeta(coerced, meta)
		}
		if d := cmp.Diff(content, coerced); err != nil || d != "" {
			t.Errorf("%s: %v %s", name, err, d)
		}
	}
}

// Names that pass at a glance are names that the rule of the API lets pass.
func TestNameIsSubdomain(t *testing.T) {
	for _, name := range []string{
		"", "a", "web-1", "-a", "a-", "a--", "-", ".", ".-", "a.b", "a.b-", "a.-", "a..b", "a.-b", "a-.b", ".a", "a.", "A", "a_b", "ä", "1",
		strings.Repeat("a", 63), strings.Repeat("a", 64), strings.Repeat("a", 254),
	} {
		for _, prefix := range []bool{false, true} {
			got, want := nameIsSubdomain(name, prefix), apivalidation.NameIsDNSSubdomain(name, prefix)
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("%q, prefix %v: %s", name, prefix, d)
			}
		}
	}
}

// What is plain is what an API server accepts.
func FuzzIsPlain(f *testing.F) {
	f.Add("web", "web-", "default", "app.kubernetes.io/name", "v1.2_3", "a")
	f.Add("web.1", "", "kube.system", "x..y/z", "-", "Aé")
	f.Add("w", "-", "a-", "/a", "a-.b", "a/b/c")
	f.Add("w", "w", "a", "A/b", strings.Repeat("a", 64), "Ab")
	f.Fuzz(func(t *testing.T, name, prefix, namespace, key, value, annotation string) {
		obj := &corev1.Pod{}
		obj.Name, obj.GenerateName, obj.Namespace = name, prefix, namespace
		obj.Labels, obj.Annotations = map[string]string{key: value}, map[string]string{annotation: value}
		for _, kind := range []string{"Pod", "Service", "Namespace"} {
			tb := &table{model: &model{gvk: corev1.SchemeGroupVersion.WithKind(kind)}}
			errs := apivalidation.ValidateObjectMetaAccessor(obj, true, nameRule(tb), metadataPath)
			if isPlain(obj) && hasPlainNames(tb, obj) && len(errs) > 0 {
				t.Errorf("%s %s/%s passes at a glance: %v", kind, namespace, name, errs)
			}
		}
	})
}

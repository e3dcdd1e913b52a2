package store

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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
	for _, name := range []string{"", "a", "web-1", "-a", "a-", "a.b", "a..b", "A", "a_b", "ä", "1", "-", strings.Repeat("a", 63), strings.Repeat("a", 64), strings.Repeat("a", 254)} {
		got, want := nameIsSubdomain(name, false), apivalidation.NameIsDNSSubdomain(name, false)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%q: %s", name, d)
		}
	}
}

package store

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"pgregory.net/rapid"
)

// drawWidget draws the content of a Widget. One value in five is none that its
// schema accepts.
func drawWidget(t *rapid.T, label string) map[string]any {
	pick := func(good []any, bad ...any) any {
		if rapid.IntRange(0, 4).Draw(t, label+" is bad") == 4 {
			good = bad
		}
		return rapid.SampledFrom(good).Draw(t, label)
	}
	named := map[string]any{"name": "a"}
	content := map[string]any{"metadata": map[string]any{"name": "w"}, "spec": map[string]any{}}
	spec := content["spec"].(map[string]any)
	for _, key := range rapid.Permutation([]string{"size", "size", "limit", "mode", "free", "parts", "else", "status"}).Draw(t, label+" order")[:5] {
		switch key {
		case "size":
			spec[key] = pick([]any{int64(1), int64(2)}, int64(-1), "x", nil)
		case "limit":
			spec[key] = pick([]any{int64(10)}, "x")
		case "mode":
			spec[key] = pick([]any{"fast", "slow"}, "else", nil)
		case "free":
			spec[key] = pick([]any{map[string]any{"x": "y"}, map[string]any{}}, "x")
		case "parts":
			spec[key] = pick([]any{[]any{named}, []any{named, named}}, []any{map[string]any{}}, []any{named, "x"}, nil)
		case "else":
			spec[key] = "x"
		case "status":
			content[key] = pick([]any{map[string]any{"phase": "Good"}}, map[string]any{"phase": "Ugly"}, nil)
		}
	}
	return content
}

// What replaces a valid object is looked at as thoroughly as a new object is.
// What replaces an invalid one may keep what is wrong with it, no more.
func TestChangesFit(t *testing.T) {
	custom, err := widgetSchemas(t).lookup(schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "Widget"})
	if err != nil {
		t.Fatal(err)
	}
	s := custom.openAPI
	rapid.Check(t, func(t *rapid.T) {
		old, value := drawWidget(t, "old"), drawWidget(t, "new")
		valid, passes := fits(s, value), changesFit(s, value, old)
		if valid && !passes || passes && !valid && fits(s, old) {
			t.Fatalf("changesFit is %v, and whether the new object is valid is %v\nold %v\nnew %v", passes, valid, old, value)
		}
	})
}

// What a patch makes of a normal object is normalized as thoroughly as a new object
// is, though only what is not shared with the old one is looked at, and the old one
// stays as it is.
func TestNormalizeChanges(t *testing.T) {
	custom, err := widgetSchemas(t).lookup(schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "Widget"})
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		old, strict := drawWidget(t, "old"), rapid.Bool().Draw(t, "strict")
		if err := custom.normalize(old, nil, false); err != nil {
			t.Fatal(err)
		}
		before := runtime.DeepCopyJSON(old)
		content, ok := mergeContent(old, mustJSON(drawWidget(t, "patch")))
		if !ok {
			t.Skip("not a patch for the short way")
		}
		want := runtime.DeepCopyJSON(content)
		wantErr, gotErr := custom.normalize(want, nil, strict), custom.normalize(content, old, strict)
		if d := cmp.Diff(fmt.Sprint(wantErr), fmt.Sprint(gotErr)); d != "" {
			t.Fatalf("the errors differ (-whole +changes): %s", d)
		}
		if d := cmp.Diff(want, content); d != "" && wantErr == nil {
			t.Fatalf("normalized (-whole +changes): %s", d)
		}
		if d := cmp.Diff(before, old); d != "" {
			t.Fatalf("the old content changed: %s", d)
		}
	})
}

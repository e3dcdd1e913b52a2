package ops

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	"pgregory.net/rapid"
)

// drawObject draws a JSON object of few names and values, so that two of them
// have much in common.
func drawObject(t *rapid.T, depth int) map[string]any {
	object := map[string]any{}
	for _, key := range []string{"a", "b", "c"} {
		switch rapid.IntRange(0, 5).Draw(t, key) {
		case 0:
			object[key] = "x"
		case 1:
			object[key] = []any{"x", map[string]any{"y": 1.0}}
		case 2:
			object[key] = []any{"x"}
		case 3, 4:
			if depth > 0 {
				object[key] = drawObject(t, depth-1)
			}
		}
	}
	return object
}

// The patch makes before into after, and says nothing if they are equal.
func TestDifference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before, after := drawObject(t, 2), drawObject(t, 2)
		patched, err := jsonpatch.MergePatch(encode(t, before), encode(t, difference(before, after)))
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]any{}
		if err := json.Unmarshal(patched, &got); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(after, got); d != "" {
			t.Fatalf("patched (-want +got):\n%s", d)
		}
		if edit := difference(after, got); len(edit) > 0 {
			t.Fatalf("equal objects differ by %v", edit)
		}
	})
}

func encode(t *rapid.T, v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

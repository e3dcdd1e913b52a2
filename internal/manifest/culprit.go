package manifest

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"

	strictjson "sigs.k8s.io/json"
)

// culprit is the path and the type of the value for which a document of JSON cannot
// be decoded into a type; the path is empty if it is the document itself. The
// decoder's own word is not enough: types that decode themselves, such as times and
// quantities, do not know where they are. So each value is tried without those
// beside it.
func culprit(data []byte, into reflect.Type) (path string, t reflect.Type) {
	var content map[string]any
	if json.Unmarshal(data, &content) != nil {
		return "", into
	}
	return blame(content, into, func(alone any) bool {
		data, err := json.Marshal(alone)
		return err == nil && strictjson.UnmarshalCaseSensitivePreserveInts(data, reflect.New(into).Interface()) != nil
	})
}

// blame goes down to the deepest value that is refused by itself: "a.b[0].c", of a
// type. refused puts a value into place and decodes.
func blame(value any, t reflect.Type, refused func(alone any) bool) (string, reflect.Type) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch value := value.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(value)) {
			within := func(alone any) bool { return refused(map[string]any{name: alone}) }
			if inner := fieldType(t, name); inner != nil && within(value[name]) {
				rest, found := blame(value[name], inner, within)
				return join(name, rest), found
			}
		}
	case []any:
		for i, item := range value {
			if t.Kind() != reflect.Slice {
				break // a map or a string was asked for
			}
			within := func(alone any) bool { return refused([]any{alone}) }
			if within(item) {
				rest, found := blame(item, t.Elem(), within)
				return join(fmt.Sprintf("[%d]", i), rest), found
			}
		}
	}
	return "", t
}

// join joins a step and the path behind it: "a" and "[0].b" to "a[0].b".
func join(step, rest string) string {
	if rest == "" || rest[0] == '[' {
		return step + rest
	}
	return step + "." + rest
}

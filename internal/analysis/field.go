package analysis

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// Field reads a field of a Rollout as text: metadata.name, metadata.labels['x'],
// status.canary.weights.canary.weight, status.pauseConditions[0].reason. A label
// or annotation that is not there is empty, as in the downward API; any other
// field that is not there is an error. A field with fields of its own is JSON.
func Field(ro *v1alpha1.Rollout, path string) (string, error) {
	keys, err := splitPath(path)
	if err != nil {
		return "", fmt.Errorf("invalid path %s in rollout: %w", path, err)
	}
	if len(keys) == 3 && keys[0] == "metadata" {
		switch keys[1] {
		case "labels":
			return ro.Labels[keys[2]], nil
		case "annotations":
			return ro.Annotations[keys[2]], nil
		}
	}
	tree, err := runtime.DefaultUnstructuredConverter.ToUnstructured(ro)
	if err != nil {
		return "", fmt.Errorf("rollout %s/%s as a tree: %w", ro.Namespace, ro.Name, err)
	}
	var at any = tree
	for _, key := range keys {
		if at = child(at, key); at == nil {
			return "", fmt.Errorf("invalid path %s in rollout: %s is not there", path, key)
		}
	}
	if text, ok := at.(string); ok {
		return text, nil
	}
	text, err := json.Marshal(at)
	if err != nil {
		return "", fmt.Errorf("path %s in rollout: %w", path, err)
	}
	return string(text), nil
}

// CheckField says whether a path can name a field of a Rollout at all. Whether the
// Rollout has it is another question: parts of its status come and go.
func CheckField(path string) error {
	keys, err := splitPath(path)
	if err != nil {
		return err
	}
	at := reflect.TypeFor[v1alpha1.Rollout]()
	for _, key := range keys {
		if at = childType(at, key); at == nil {
			return fmt.Errorf("a Rollout has no such field: %s is unknown there", key)
		}
		if reflect.PointerTo(at).Implements(reflect.TypeFor[json.Marshaler]()) {
			return nil // what is inside of it is its own affair
		}
	}
	return nil
}

// childType is the type of a field, of an element of a list, or of a value of a map;
// nil if there is none.
func childType(t reflect.Type, key string) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Map:
		return t.Elem()
	case reflect.Slice:
		if i, err := strconv.Atoi(key); err != nil || i < 0 {
			return nil
		}
		return t.Elem()
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name == key {
				return f.Type
			}
			if inner := f.Type; f.Anonymous && name == "" {
				if found := childType(inner, key); found != nil {
					return found
				}
			}
		}
	}
	return nil
}

// child is the field of a tree, or the element of a list; nil if there is none.
func child(at any, key string) any {
	switch at := at.(type) {
	case map[string]any:
		return at[key]
	case []any:
		if i, err := strconv.Atoi(key); err == nil && i >= 0 && i < len(at) {
			return at[i]
		}
	}
	return nil
}

// splitPath splits a path at dots and brackets; what is between brackets may be
// quoted and then contain both.
func splitPath(path string) ([]string, error) {
	var keys []string
	for rest := path; rest != ""; {
		if !strings.HasPrefix(rest, "[") {
			end := strings.IndexAny(rest, ".[")
			if end < 0 {
				end = len(rest)
			}
			if end == 0 {
				return nil, fmt.Errorf("a name is missing before %q", rest)
			}
			keys, rest = append(keys, rest[:end]), rest[end:]
		} else {
			key, after, err := bracketed(rest)
			if err != nil {
				return nil, err
			}
			keys, rest = append(keys, key), after
		}
		if next, ok := strings.CutPrefix(rest, "."); ok {
			if next == "" {
				return nil, fmt.Errorf("a name is missing after the last dot")
			}
			rest = next
		}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("it is empty")
	}
	return keys, nil
}

// bracketed takes ['key'], ["key"] or [key] from the beginning of a path.
func bracketed(path string) (key, rest string, err error) {
	end := "]"
	if len(path) > 1 && (path[1] == '\'' || path[1] == '"') {
		end = path[1:2] + "]"
	}
	from := len(end)
	i := strings.Index(path[from:], end)
	if i < 0 {
		return "", "", fmt.Errorf("%q is not closed", path)
	}
	return path[from : from+i], path[from+i+len(end):], nil
}

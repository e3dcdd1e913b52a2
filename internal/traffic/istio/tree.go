package istio

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strings"
)

// node is an object of a tree that was decoded from JSON or YAML.
type node = map[string]any

// object returns the object under a key; nil if there is none. path is that of
// the parent, empty at the top, and appears in the error.
func object(parent node, path, key string) (node, error) {
	switch v := parent[key].(type) {
	case nil:
		return nil, nil
	case node:
		return v, nil
	default:
		return nil, fmt.Errorf("%s is %s, it must be an object", strings.TrimPrefix(path+"."+key, "."), kindOf(v))
	}
}

// withSpec returns an object with a copy of its spec, which may be written, and
// with everything else as it is.
func withSpec(obj node) (out, spec node, err error) {
	spec, err = object(obj, "", "spec")
	if err == nil && spec == nil {
		err = errors.New("there is no spec")
	}
	if err != nil {
		return nil, nil, err
	}
	out, spec = maps.Clone(obj), clone(spec).(node)
	out["spec"] = spec
	return out, spec, nil
}

// objects returns the list of objects under a key; nil if there is none.
func objects(parent node, path, key string) ([]node, error) {
	var list []node
	switch v := parent[key].(type) {
	case nil:
	case []any:
		for i, item := range v {
			o, ok := item.(node)
			if !ok {
				return nil, fmt.Errorf("%s.%s[%d] is %s, it must be an object", path, key, i, kindOf(item))
			}
			list = append(list, o)
		}
	default:
		return nil, fmt.Errorf("%s.%s is %s, it must be a list", path, key, kindOf(v))
	}
	return list, nil
}

// anyList is the form in which a tree holds a list.
func anyList(list []node) []any {
	out := make([]any, len(list))
	for i := range list {
		out[i] = list[i]
	}
	return out
}

// text returns the string under a key, empty if there is none.
func text(parent node, key string) string {
	s, _ := parent[key].(string)
	return s
}

// texts returns the strings of the list under a key.
func texts(parent node, key string) []string {
	list, _ := parent[key].([]any)
	var out []string
	for _, item := range list {
		if s, ok := item.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// number returns the whole number under a key, 0 if there is none. Decoders
// disagree about the type of numbers.
func number(parent node, key string) int64 {
	f, _ := asNumber(parent[key])
	return int64(f)
}

func asNumber(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	case int:
		return float64(v), true
	case int32:
		return float64(v), true
	case json.Number:
		f, err := v.Float64()
		return f, err == nil
	}
	return 0, false
}

// equal compares trees by what they mean: 1 and 1.0 are the same number.
func equal(a, b any) bool {
	if x, ok := asNumber(a); ok {
		y, ok := asNumber(b)
		return ok && x == y
	}
	switch a := a.(type) {
	case node:
		b, ok := b.(node)
		if !ok || len(a) != len(b) {
			return false
		}
		for key, value := range a {
			other, has := b[key]
			if !has || !equal(value, other) {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !equal(a[i], b[i]) {
				return false
			}
		}
		return true
	}
	return reflect.DeepEqual(a, b)
}

// clone copies a tree, whatever it is made of.
func clone(v any) any {
	switch v := v.(type) {
	case node:
		out := make(node, len(v))
		for key, value := range v {
			out[key] = clone(value)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = clone(v[i])
		}
		return out
	}
	return v
}

func kindOf(v any) string {
	if _, ok := asNumber(v); ok {
		return "a number"
	}
	switch v.(type) {
	case nil:
		return "null"
	case string:
		return "a string"
	case bool:
		return "true or false"
	case []any:
		return "a list"
	case node:
		return "an object"
	}
	return fmt.Sprintf("a %T", v)
}

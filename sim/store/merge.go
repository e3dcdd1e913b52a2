package store

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"strings"
	"sync"

	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// mergeTyped applies a merge patch to a Go object without a detour over the
// JSON of the whole object, which makes the small patches that controllers
// write five times cheaper. It reports false for the few patches that it would
// have to think about; the object is then half patched and must be thrown
// away. TestMergeTyped and FuzzMergeTyped hold it to the general way.
func mergeTyped(obj client.Object, data []byte) bool {
	return mergeStruct(reflect.ValueOf(obj).Elem(), data)
}

func mergeStruct(dst reflect.Value, data []byte) bool {
	var patch map[string]json.RawMessage
	if err := json.Unmarshal(data, &patch); err != nil || patch == nil {
		return false
	}
	names := fieldNames(dst.Type())
	for key, value := range patch {
		index, known := names[key]
		if !known {
			if !isNull(value) && mayHoldNull(value) {
				return false
			}
			continue // an unknown field is dropped, as decoding drops it
		}
		if !mergeValue(dst.FieldByIndex(index), value) {
			return false
		}
	}
	return true
}

// mergeValue patches one field: null removes it, an object goes into an
// object, and anything else replaces what is there.
func mergeValue(dst reflect.Value, value json.RawMessage) bool {
	if isNull(value) {
		dst.SetZero()
		return true
	}
	if value[0] == '{' {
		switch {
		case dst.Addr().Type().Implements(unmarshaler):
		case dst.Kind() == reflect.Struct:
			return mergeStruct(dst, value)
		case dst.Kind() == reflect.Pointer && dst.Type().Elem().Kind() == reflect.Struct && !dst.Type().Implements(unmarshaler):
			if dst.IsNil() {
				dst.Set(reflect.New(dst.Type().Elem()))
			}
			return mergeStruct(dst.Elem(), value)
		case dst.Type() == reflect.TypeFor[map[string]string]():
			return mergeStrings(dst, value)
		}
	}
	return replaceValue(dst, value)
}

var unmarshaler = reflect.TypeFor[json.Unmarshaler]()

// mergeStrings patches labels, annotations and their like.
func mergeStrings(dst reflect.Value, value json.RawMessage) bool {
	var patch map[string]*string
	if err := json.Unmarshal(value, &patch); err != nil {
		return false
	}
	if dst.IsNil() {
		dst.Set(reflect.ValueOf(map[string]string{}))
	}
	m := dst.Interface().(map[string]string)
	for key, text := range patch {
		if text == nil {
			delete(m, key)
		} else {
			m[key] = *text
		}
	}
	return true
}

// replaceValue decodes a value into a field. What the decoder refuses, and
// nulls inside of lists and objects, are left to the general way.
func replaceValue(dst reflect.Value, value json.RawMessage) bool {
	if mayHoldNull(value) || dst.Kind() == reflect.Map {
		return false
	}
	fresh := reflect.New(dst.Type())
	if err := utiljson.Unmarshal(value, fresh.Interface()); err != nil {
		return false
	}
	dst.Set(fresh.Elem())
	return true
}

func isNull(value json.RawMessage) bool { return string(value) == "null" }

// mayHoldNull reports whether there may be a null in a JSON value; a text with
// that word counts too.
func mayHoldNull(value json.RawMessage) bool { return bytes.Contains(value, []byte("null")) }

// plain reports whether a JSON value has no null in it.
func plain(value any) bool {
	switch v := value.(type) {
	case nil:
		return false
	case map[string]any:
		for _, e := range v {
			if !plain(e) {
				return false
			}
		}
	case []any:
		for _, e := range v {
			if !plain(e) {
				return false
			}
		}
	}
	return true
}

// mergeContent applies a merge patch to JSON content. What the patch leaves alone
// is shared between the content and the result. It reports false for the few
// patches that it would have to think about. TestMergeContent and
// FuzzMergeContent hold it to the general way.
func mergeContent(content map[string]any, data []byte) (map[string]any, bool) {
	var patch map[string]any
	if err := utiljson.Unmarshal(data, &patch); err != nil || patch == nil {
		return nil, false
	}
	clean, err := cleanJSON(patch)
	if err != nil {
		return nil, false
	}
	return mergeObjects(content, clean.(map[string]any))
}

func mergeObjects(old, patch map[string]any) (map[string]any, bool) {
	out := make(map[string]any, len(old))
	maps.Copy(out, old)
	for key, value := range patch {
		object, isObject := value.(map[string]any)
		before, wasObject := old[key].(map[string]any)
		switch {
		case value == nil:
			delete(out, key)
		case isObject && wasObject:
			merged, ok := mergeObjects(before, object)
			if !ok {
				return nil, false
			}
			out[key] = merged
		case plain(value):
			out[key] = value
		default:
			return nil, false
		}
	}
	return out, true
}

var fieldCache sync.Map // of reflect.Type to map[string][]int

// fieldNames maps the JSON names of a struct to its fields, those of inlined
// structs included. Types are few and live as long as the process.
func fieldNames(t reflect.Type) map[string][]int {
	if names, ok := fieldCache.Load(t); ok {
		return names.(map[string][]int)
	}
	names := map[string][]int{}
	for i := range t.NumField() {
		field := t.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case name == "-" || !field.IsExported():
		case name == "" && (field.Anonymous || strings.Contains(options, "inline")):
			for inner, index := range fieldNames(field.Type) {
				names[inner] = append([]int{i}, index...)
			}
		case name != "":
			names[name] = []int{i}
		default:
			names[field.Name] = []int{i}
		}
	}
	fieldCache.Store(t, names)
	return names
}

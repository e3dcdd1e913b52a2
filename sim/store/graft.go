package store

import (
	"maps"
	"reflect"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// knownContent is the content of an object that is about to be stored.
type knownContent struct {
	of      client.Object
	content map[string]any
}

// graft decodes content as decodeContent does, but no more of it than what differs from
// old, which is the content of cur as a conversion gives it: a patch changes a field or
// two. What else there is, the result shares with cur. It also returns the content of
// the result, as a conversion would give it. TestGraft holds it to the general way.
func (t *table) graft(content, old map[string]any, cur client.Object) (client.Object, map[string]any, error) {
	out := t.shallowCopy(cur)
	canonical, err := graftStruct(content, old, reflect.ValueOf(out).Elem())
	if err != nil {
		return nil, nil, badObject(t, explain(t, content, err))
	}
	giveKind(out, t.gvk)
	return out, canonical, nil
}

// graftStruct writes to out, of which old is the content.
func graftStruct(content, old map[string]any, out reflect.Value) (canonical map[string]any, err error) {
	fields := fieldNames(out.Type())
	canonical = maps.Clone(old)
	changed := map[string]any{}
	for key := range old {
		if _, kept := content[key]; !kept {
			changed[key] = nil
		}
	}
	for key, value := range content {
		index, known := fields[key]
		was, had := old[key]
		if !known || had && isShared(value, was) {
			continue // an unknown field is dropped, as decoding drops it
		}
		now, isObject := value.(map[string]any)
		before, wasObject := was.(map[string]any)
		if !isObject || !wasObject {
			if !had || !sameJSON(value, was) {
				changed[key] = value
			}
			continue
		}
		inner, ok := ownStruct(out.FieldByIndex(index))
		if !ok {
			changed[key] = value
			continue
		}
		if canonical[key], err = graftStruct(now, before, inner); err != nil {
			return nil, err
		}
	}
	return canonical, decodeFields(changed, fields, out, canonical)
}

// ownStruct returns the struct in a field, of which nobody else has a copy then; ok is
// false if the field holds none, or one with a JSON form of its own.
func ownStruct(field reflect.Value) (inner reflect.Value, ok bool) {
	if field.Addr().Type().Implements(unmarshaler) || field.Type().Implements(unmarshaler) {
		return inner, false
	}
	if field.Kind() == reflect.Pointer && !field.IsNil() {
		copied := reflect.New(field.Type().Elem())
		copied.Elem().Set(field.Elem())
		field.Set(copied)
		field = copied.Elem()
	}
	return field, field.Kind() == reflect.Struct
}

// decodeFields sets fields of a struct, and of its content, from JSON values; nil clears.
func decodeFields(values map[string]any, fields map[string][]int, out reflect.Value, canonical map[string]any) error {
	if len(values) == 0 {
		return nil
	}
	fresh := reflect.New(out.Type())
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(values, fresh.Interface()); err != nil {
		return err
	}
	converted, err := runtime.DefaultUnstructuredConverter.ToUnstructured(fresh.Interface())
	if err != nil {
		return err
	}
	for key := range values {
		out.FieldByIndex(fields[key]).Set(fresh.Elem().FieldByIndex(fields[key]))
		if value, has := converted[key]; has {
			canonical[key] = value
		} else {
			delete(canonical, key)
		}
	}
	return nil
}

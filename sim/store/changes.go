package store

import (
	"reflect"
	"slices"

	"k8s.io/kube-openapi/pkg/validation/spec"
	"k8s.io/kube-openapi/pkg/validation/strfmt"
	"k8s.io/kube-openapi/pkg/validation/validate"
)

// changesFit reports whether a value satisfies a schema wherever it differs
// from the value that it replaces. A new image then costs the validation of a
// text, not that of a whole Rollout. What was wrong before and stays as it is
// passes, as it does on an API server.
func changesFit(s *spec.Schema, value, old any) bool {
	if isShared(value, old) {
		return true
	}
	switch now := value.(type) {
	case map[string]any:
		before, wasObject := old.(map[string]any)
		missing := func(key string) bool { return now[key] == nil }
		if wasObject && hasOnlyProperties(s) && !slices.ContainsFunc(s.Required, missing) {
			return propertiesFit(s, now, before)
		}
	case []any:
		before, wasList := old.([]any)
		if wasList && len(now) == len(before) && hasOnlyItems(s) {
			return itemsFit(s.Items.Schema, now, before)
		}
	}
	return sameJSON(value, old) || fits(s, value)
}

func propertiesFit(s *spec.Schema, value, old map[string]any) bool {
	for key, v := range value {
		property, known := s.Properties[key]
		if !known {
			continue
		}
		was, had := old[key]
		if had && !changesFit(&property, v, was) || !had && !fits(&property, v) {
			return false
		}
	}
	return true
}

func itemsFit(s *spec.Schema, value, old []any) bool {
	for i, v := range value {
		if !changesFit(s, v, old[i]) {
			return false
		}
	}
	return true
}

func fits(s *spec.Schema, value any) bool {
	return validate.NewSchemaValidator(s, nil, "", strfmt.Default).Validate(value).IsValid()
}

// hasOnlyProperties reports whether an object satisfies a schema if each of its
// properties does and none that is required is missing.
func hasOnlyProperties(s *spec.Schema) bool {
	return s.Type.Contains("object") && s.AdditionalProperties == nil && len(s.PatternProperties) == 0 &&
		s.MinProperties == nil && s.MaxProperties == nil && len(s.Enum) == 0 && len(s.Dependencies) == 0 &&
		s.Not == nil && len(s.AllOf)+len(s.AnyOf)+len(s.OneOf) == 0
}

// hasOnlyItems reports whether a list satisfies a schema if it is as long as one that
// does, and each of its items satisfies that of items.
func hasOnlyItems(s *spec.Schema) bool {
	return s.Type.Contains("array") && s.Items != nil && s.Items.Schema != nil && !s.UniqueItems && len(s.Enum) == 0 &&
		s.Not == nil && len(s.AllOf)+len(s.AnyOf)+len(s.OneOf) == 0
}

// sameJSON compares JSON values. Those that share memory are equal at a glance.
func sameJSON(a, b any) bool {
	switch x := a.(type) {
	case string:
		y, ok := b.(string)
		return ok && x == y
	case map[string]any:
		y, ok := b.(map[string]any)
		return ok && len(x) == len(y) && (isShared(x, y) || sameFields(x, y))
	case []any:
		y, ok := b.([]any)
		return ok && len(x) == len(y) && (isShared(x, y) || slices.EqualFunc(x, y, sameJSON))
	}
	return reflect.DeepEqual(a, b)
}

// sameFields compares objects with as many fields.
func sameFields(a, b map[string]any) bool {
	for key, v := range a {
		w, has := b[key]
		if !has || !sameJSON(v, w) {
			return false
		}
	}
	return true
}

// isShared reports whether two JSON values are the very same object or list.
func isShared(a, b any) bool {
	switch x := a.(type) {
	case map[string]any:
		y, ok := b.(map[string]any)
		return ok && reflect.ValueOf(x).Pointer() == reflect.ValueOf(y).Pointer()
	case []any:
		y, ok := b.([]any)
		return ok && len(x) > 0 && len(x) == len(y) && &x[0] == &y[0]
	}
	return false
}

// unshared returns the fields of content without the objects and lists that it shares
// with old: what a patch has left alone was pruned, defaulted and checked when it was
// written, and nothing that a schema says of it depends on its neighbours. What
// is in the result belongs to content, the objects that lead to it do not.
func unshared(content, old map[string]any) map[string]any {
	if old == nil {
		return content
	}
	part := make(map[string]any, len(content))
	for key, v := range content {
		was := old[key]
		if isShared(v, was) {
			continue
		}
		now, isObject := v.(map[string]any)
		before, wasObject := was.(map[string]any)
		if isObject && wasObject {
			v = unshared(now, before)
		}
		part[key] = v
	}
	return part
}

// adopt makes content what has become of its part that is not shared with old.
func adopt(content, old, part map[string]any) {
	if old == nil {
		return
	}
	for key, v := range content {
		was := old[key]
		if isShared(v, was) {
			continue
		}
		next, kept := part[key]
		now, isObject := v.(map[string]any)
		before, wasObject := was.(map[string]any)
		switch {
		case !kept:
			delete(content, key)
		case isObject && wasObject:
			adopt(now, before, next.(map[string]any))
		default:
			content[key] = next
		}
	}
	for key, v := range part {
		if _, has := content[key]; !has {
			content[key] = v // a default
		}
	}
}

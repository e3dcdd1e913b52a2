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
// list of containers, not that of a whole Rollout, which takes ten times as
// long. What was wrong before and stays as it is passes, as it does on an API
// server.
func changesFit(s *spec.Schema, value, old any) bool {
	if sameJSON(value, old) {
		return true
	}
	now, isObject := value.(map[string]any)
	before, wasObject := old.(map[string]any)
	if !isObject || !wasObject || !hasOnlyProperties(s) || slices.ContainsFunc(s.Required, func(key string) bool { return now[key] == nil }) {
		return fits(s, value)
	}
	for key, v := range now {
		property, known := s.Properties[key]
		if !known {
			continue
		}
		was, had := before[key]
		if had && !changesFit(&property, v, was) || !had && !fits(&property, v) {
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

// sameJSON compares JSON values. Those that share memory are equal at a glance.
func sameJSON(a, b any) bool { return equalValues(reflect.ValueOf(a), reflect.ValueOf(b)) }

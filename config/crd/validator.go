package crd

import (
	"fmt"
	"slices"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
)

// Validator checks objects of the five kinds as an API server with these
// definitions would, without a cluster.
type Validator struct {
	kinds map[string]kindSchema
}

// kindSchema is the schema of one kind in the two forms that the API server uses.
type kindSchema struct {
	structural *structuralschema.Structural
	validator  validation.SchemaValidator
}

// NewValidator compiles the definitions.
func NewValidator() (*Validator, error) {
	defs, err := All()
	if err != nil {
		return nil, err
	}
	v := &Validator{kinds: map[string]kindSchema{}}
	for _, def := range defs {
		s, err := compile(def.Spec.Versions[0].Schema.OpenAPIV3Schema)
		if err != nil {
			return nil, fmt.Errorf("compiling the schema of %s: %w", def.Name, err)
		}
		v.kinds[def.Spec.Names.Kind] = s
	}
	return v, nil
}

func compile(props *apiextensionsv1.JSONSchemaProps) (kindSchema, error) {
	internal := &apiextensions.JSONSchemaProps{}
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(props, internal, nil); err != nil {
		return kindSchema{}, err
	}
	structural, err := structuralschema.NewStructural(internal)
	if err != nil {
		return kindSchema{}, err
	}
	validator, _, err := validation.NewSchemaValidator(internal)
	if err != nil {
		return kindSchema{}, err
	}
	return kindSchema{structural, validator}, nil
}

// Default fills in the defaults of an object, decoded from JSON with whole
// numbers as int64. An object of another kind is left alone.
func (v *Validator) Default(object map[string]any) {
	kind, _ := object["kind"].(string)
	if s, ok := v.kinds[kind]; ok {
		defaulting.Default(object, s.structural)
	}
}

// Problems says what an API server would hold against an object, decoded from
// JSON with whole numbers as int64: first the fields that it does not know, which
// it would drop, then what it would refuse. None means that it accepts the
// object. Problems drops unknown fields and fills in defaults on the way.
func (v *Validator) Problems(object map[string]any) []string {
	kind, _ := object["kind"].(string)
	s, ok := v.kinds[kind]
	if !ok {
		return []string{fmt.Sprintf("kind: %q is none of this API group", kind)}
	}
	var found []string
	options := structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true}
	for _, path := range pruning.PruneWithOptions(object, s.structural, true, options) {
		found = append(found, path+": unknown field")
	}
	defaulting.Default(object, s.structural)
	for _, err := range validation.ValidateCustomResource(nil, object, s.validator) {
		found = append(found, err.Error())
	}
	for _, err := range listtype.ValidateListSetsAndMaps(nil, s.structural, object) {
		found = append(found, err.Error())
	}
	slices.Sort(found) // the schema is asked in the order of a map
	return found
}

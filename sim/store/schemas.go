package store

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"sync"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	crdvalidation "k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/kube-openapi/pkg/validation/spec"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Schemas are custom resource definitions, compiled when a kind is first
// written. One value serves any number of stores, in any number of goroutines,
// so a process needs but one.
type Schemas struct {
	load func(schema.GroupKind) (*apiextensionsv1.CustomResourceDefinition, error)

	mu       sync.Mutex
	compiled map[schema.GroupVersionKind]*customSchema
	admitted map[admissionKey]admission
}

// admissionKey is what an admission depends on, but for the object.
type admissionKey struct {
	gvk    schema.GroupVersionKind
	name   types.NamespacedName
	stored reflect.Type // nil: unstructured
	sub    string
	strict bool
}

// admission is the last object of its key that was admitted, and what became of it, in
// Go and as JSON content.
type admission struct {
	in, out client.Object
	content map[string]any
}

// maxAdmitted bounds the objects that are remembered. When there are as many, all
// are dropped.
const maxAdmitted = 256

// once does what decode does, but for an object like the last one of its name only
// the first time: who plays a manifest over and over, from other seeds and with other
// troubles, has it checked once.
func (s *Schemas) once(req request, in client.Object, decode func() (client.Object, error)) (client.Object, error) {
	key := admissionKey{req.table.gvk, client.ObjectKeyFromObject(in), req.table.layout.goType, req.sub, req.strict}
	s.mu.Lock()
	last, ok := s.admitted[key]
	s.mu.Unlock()
	if ok && reflect.DeepEqual(last.in, in) {
		return last.copy(req.table), nil
	}
	asked, err := remembered(in)
	if err != nil {
		return nil, badObject(req.table, err)
	}
	out, err := decode()
	if err != nil {
		return nil, err
	}
	content, err := contentOf(out)
	if err != nil {
		return nil, badObject(req.table, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.admitted == nil || len(s.admitted) >= maxAdmitted {
		s.admitted = map[admissionKey]admission{}
	}
	last = admission{asked, out, content}
	s.admitted[key] = last
	return last.copy(req.table), nil
}

// copy returns what a table stores.
func (a *admission) copy(t *table) client.Object {
	out := a.out.DeepCopyObject().(client.Object)
	t.known = knownContent{out, a.content}
	return out
}

// NewSchemas returns schemas from definitions that load returns, nil for a kind
// that it does not know. A kind is loaded when a user first writes it, one
// version once.
func NewSchemas(load func(schema.GroupKind) (*apiextensionsv1.CustomResourceDefinition, error)) *Schemas {
	return &Schemas{load: load, compiled: map[schema.GroupVersionKind]*customSchema{}}
}

// remembered returns a copy of what somebody wrote, whose content need not be JSON
// in form.
func remembered(in client.Object) (client.Object, error) {
	if _, ok := in.(*unstructured.Unstructured); !ok {
		return in.DeepCopyObject().(client.Object), nil
	}
	content, err := contentOf(in)
	return &unstructured.Unstructured{Object: content}, err
}

// lookup returns the schema of a kind; nil if no definition is known for it.
func (s *Schemas) lookup(gvk schema.GroupVersionKind) (*customSchema, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, ok := s.compiled[gvk]; ok {
		return c, nil
	}
	crd, err := s.load(gvk.GroupKind())
	if err != nil {
		return nil, fmt.Errorf("load the custom resource definition of %s: %w", gvk.GroupKind(), err)
	}
	c, err := compileSchema(crd, gvk.Version)
	if err != nil {
		return nil, fmt.Errorf("compile the schema of %s: %w", gvk, err)
	}
	s.compiled[gvk] = c
	return c, nil
}

// customSchema is what an API server derives from one version of a definition.
type customSchema struct {
	structural *structuralschema.Structural
	openAPI    *spec.Schema
	rules      *cel.Validator // nil: no x-kubernetes-validations
	status     bool           // status is a subresource
	scale      []string       // paths of the numbers of pods that a scale shows, as ".spec.replicas"
}

func compileSchema(crd *apiextensionsv1.CustomResourceDefinition, version string) (*customSchema, error) {
	if crd == nil {
		return nil, nil
	}
	for i := range crd.Spec.Versions {
		v := &crd.Spec.Versions[i]
		if v.Name != version || v.Schema == nil {
			continue
		}
		var internal apiextensions.CustomResourceValidation
		if err := apiextensionsv1.Convert_v1_CustomResourceValidation_To_apiextensions_CustomResourceValidation(v.Schema, &internal, nil); err != nil {
			return nil, err
		}
		structural, err := structuralschema.NewStructural(internal.OpenAPIV3Schema)
		if err != nil {
			return nil, err
		}
		if err := defaulting.PruneDefaults(structural); err != nil {
			return nil, err
		}
		_, openAPI, err := crdvalidation.NewSchemaValidator(internal.OpenAPIV3Schema)
		if err != nil {
			return nil, err
		}
		return &customSchema{
			structural: structural,
			openAPI:    openAPI,
			rules:      cel.NewValidator(structural, true, celconfig.PerCallLimit),
			status:     v.Subresources != nil && v.Subresources.Status != nil,
			scale:      scalePaths(v.Subresources),
		}, nil
	}
	return nil, nil
}

// normalize prunes and defaults the content of a custom resource in place, but for
// what it shares with old, the content that it replaces. With strict, fields that the
// schema does not know are an error.
func (c *customSchema) normalize(content, old map[string]any, strict bool) error {
	errs, err := coerceMetadata(content, strict)
	if err != nil {
		return err
	}
	part := unshared(content, old)
	defaulting.Default(part, c.structural)
	opts := structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: strict}
	for _, path := range pruning.PruneWithOptions(part, c.structural, true, opts) {
		errs = append(errs, fmt.Errorf("unknown field %q", path))
	}
	if len(errs) > 0 {
		return runtime.NewStrictDecodingError(errs)
	}
	defaulting.PruneNonNullableNullsWithoutDefaults(part, c.structural)
	adopt(content, old, part)
	return nil
}

// validate checks content against the schema. old is the content that it
// replaces, nil for a new object; rules that compare the two need it.
func (c *customSchema) validate(content, old map[string]any) field.ErrorList {
	var errs field.ErrorList
	if old == nil || !changesFit(c.openAPI, content, old) {
		errs = crdvalidation.ValidateCustomResource(nil, content, crdvalidation.NewSchemaValidatorFromOpenAPI(c.openAPI))
		// They come in the order of a map, which is another one each time.
		slices.SortFunc(errs, func(a, b *field.Error) int {
			return cmp.Or(cmp.Compare(a.Field, b.Field), cmp.Compare(a.Error(), b.Error()))
		})
	}
	errs = append(errs, c.validateScale(content)...)
	errs = append(errs, listtype.ValidateListSetsAndMaps(nil, c.structural, unshared(content, old))...)
	if c.rules == nil {
		return errs
	}
	if slices.ContainsFunc(errs, blocksRules) {
		return append(errs, field.Invalid(nil, nil, "some validation rules were not checked because the object was invalid; correct the existing errors to complete validation"))
	}
	var before any
	if old != nil {
		before = old
	}
	more, _ := c.rules.Validate(context.Background(), nil, c.structural, content, before, celconfig.RuntimeCELCostBudget)
	return append(errs, more...)
}

// scalePaths are where a definition says that numbers of pods are.
func scalePaths(s *apiextensionsv1.CustomResourceSubresources) []string {
	if s == nil || s.Scale == nil {
		return nil
	}
	return []string{s.Scale.SpecReplicasPath, s.Scale.StatusReplicasPath}
}

// validateScale checks the numbers that a scale shows, as an API server does besides
// the schema: what is no number is wrong twice.
func (c *customSchema) validateScale(content map[string]any) field.ErrorList {
	var errs field.ErrorList
	for _, path := range c.scale {
		n, _, err := unstructured.NestedInt64(content, strings.Split(strings.TrimPrefix(path, "."), ".")...)
		switch at := field.NewPath(path); {
		case err != nil:
			errs = append(errs, field.Invalid(at, n, err.Error()))
		case n < 0:
			errs = append(errs, field.Invalid(at, n, "should be a non-negative integer"))
		case n > math.MaxInt32:
			errs = append(errs, field.Invalid(at, n, fmt.Sprintf("should be less than or equal to %d", math.MaxInt32)))
		}
	}
	return errs
}

// blocksRules reports whether an error leaves the object in a shape that rules
// cannot be evaluated on.
func blocksRules(err *field.Error) bool {
	switch err.Type {
	case field.ErrorTypeNotSupported, field.ErrorTypeRequired, field.ErrorTypeTooLong, field.ErrorTypeTooMany, field.ErrorTypeTypeInvalid:
		return true
	}
	return false
}

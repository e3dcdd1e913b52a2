package store

import (
	"bytes"
	"maps"
	"reflect"
	"slices"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// difference says which parts of an object a write changes.
type difference struct {
	metadata    bool // anything in metadata that a write may change
	annotations bool // annotations in particular
	content     bool // everything beside metadata and status
	status      bool
}

func (d difference) any() bool { return d.metadata || d.content || d.status }

// compareWritten is compare for a write, which of a status subresource changes
// nothing else.
func compareWritten(req request, cur, next client.Object) difference {
	if i := req.table.layout.status; req.sub == "status" && i >= 0 {
		return difference{status: !equalValues(reflect.ValueOf(cur).Elem().Field(i), reflect.ValueOf(next).Elem().Field(i))}
	}
	return compare(req.table, cur, next)
}

// compare finds what differs between two stored objects of one table, in the
// sense of the API: nil and empty are the same, as they are in JSON.
func compare(t *table, a, b client.Object) difference {
	d := difference{annotations: !maps.Equal(a.GetAnnotations(), b.GetAnnotations())}
	d.metadata = d.annotations || !sameMetadata(a, b)
	if ua, ok := a.(*unstructured.Unstructured); ok {
		d.content, d.status = compareContent(ua.Object, b.(*unstructured.Unstructured).Object)
		return d
	}
	va, vb := reflect.ValueOf(a).Elem(), reflect.ValueOf(b).Elem()
	for _, i := range t.layout.content {
		if !equalValues(va.Field(i), vb.Field(i)) {
			d.content = true
			break
		}
	}
	if i := t.layout.status; i >= 0 {
		d.status = !equalValues(va.Field(i), vb.Field(i))
	}
	return d
}

func compareContent(a, b map[string]any) (content, status bool) {
	differs := func(key string) bool { return !sameJSON(a[key], b[key]) }
	for _, m := range []map[string]any{a, b} {
		for key := range m {
			switch key {
			case "metadata", "apiVersion", "kind":
			case "status":
				status = status || differs(key)
			default:
				content = content || differs(key)
			}
		}
	}
	return content, status
}

func sameMetadata(a, b client.Object) bool {
	return maps.Equal(a.GetLabels(), b.GetLabels()) &&
		slices.Equal(a.GetFinalizers(), b.GetFinalizers()) &&
		equalValues(reflect.ValueOf(a.GetOwnerReferences()), reflect.ValueOf(b.GetOwnerReferences())) &&
		equalValues(reflect.ValueOf(a.GetDeletionTimestamp()), reflect.ValueOf(b.GetDeletionTimestamp())) &&
		equalValues(reflect.ValueOf(a.GetDeletionGracePeriodSeconds()), reflect.ValueOf(b.GetDeletionGracePeriodSeconds()))
}

var (
	timeType      = reflect.TypeFor[metav1.Time]()
	microTimeType = reflect.TypeFor[metav1.MicroTime]()
	quantityType  = reflect.TypeFor[resource.Quantity]()
)

// equalValues is reflect.DeepEqual with the API's idea of equality: times are
// instants, quantities are amounts, and a nil slice or map equals an empty
// one. API objects are trees, so it needs no memory of what it has visited.
func equalValues(a, b reflect.Value) bool {
	if !a.IsValid() || !b.IsValid() {
		return a.IsValid() == b.IsValid()
	}
	if a.Type() != b.Type() {
		return false
	}
	switch a.Kind() {
	case reflect.Pointer, reflect.Interface:
		if a.IsNil() || b.IsNil() {
			return a.IsNil() == b.IsNil()
		}
		return a.Kind() == reflect.Pointer && a.Pointer() == b.Pointer() || equalValues(a.Elem(), b.Elem())
	case reflect.Struct:
		return equalStructs(a, b)
	case reflect.Slice:
		return equalSlices(a, b)
	case reflect.Map:
		return equalMaps(a, b)
	case reflect.String:
		return a.String() == b.String()
	case reflect.Bool:
		return a.Bool() == b.Bool()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return a.Int() == b.Int()
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}

func equalStructs(a, b reflect.Value) bool {
	switch a.Type() {
	case timeType:
		return in[metav1.Time](a).Equal(in[metav1.Time](b))
	case microTimeType:
		return in[metav1.MicroTime](a).Equal(in[metav1.MicroTime](b))
	case quantityType:
		return in[resource.Quantity](a).Cmp(*in[resource.Quantity](b)) == 0
	}
	for i := range a.NumField() {
		field := a.Field(i)
		if !field.CanInterface() { // an unexported field: not an API type
			return reflect.DeepEqual(a.Interface(), b.Interface())
		}
		if !equalValues(field, b.Field(i)) {
			return false
		}
	}
	return true
}

// in points at the T that v holds, which is copied only if it has no address.
func in[T any](v reflect.Value) *T {
	if v.CanAddr() {
		return v.Addr().Interface().(*T)
	}
	copied := v.Interface().(T)
	return &copied
}

func equalSlices(a, b reflect.Value) bool {
	if a.Len() != b.Len() {
		return false
	}
	if a.Len() == 0 || a.Pointer() == b.Pointer() {
		return true
	}
	if a.Type().Elem().Kind() == reflect.Uint8 {
		return bytes.Equal(a.Bytes(), b.Bytes())
	}
	for i := range a.Len() {
		if !equalValues(a.Index(i), b.Index(i)) {
			return false
		}
	}
	return true
}

func equalMaps(a, b reflect.Value) bool {
	if a.Len() != b.Len() {
		return false
	}
	if a.Len() == 0 || a.Pointer() == b.Pointer() {
		return true
	}
	if texts, ok := a.Interface().(map[string]string); ok {
		return maps.Equal(texts, b.Interface().(map[string]string))
	}
	iter := a.MapRange()
	for iter.Next() {
		other := b.MapIndex(iter.Key())
		if !other.IsValid() || !equalValues(iter.Value(), other) {
			return false
		}
	}
	return true
}

// Package equal compares API objects by what they mean: a nil list is an empty one,
// times are instants and quantities are amounts, as for
// k8s.io/apimachinery/pkg/api/equality. It does so without looking up at each field
// what its type is: the first comparison of a type makes a function for it, which reads
// memory by offsets. That is several times as fast, and every status is compared
// before it is written.
//
// Read equal.go for who calls it and compile.go for what the functions do. The meaning is
// that of the library, which compile_test.go holds it against.
package equal

import (
	"reflect"
	"unsafe"
)

// Objects reports whether a and b, which may be nil, mean the same.
func Objects[T any](a, b *T) bool {
	if a == b || a == nil || b == nil {
		return a == b
	}
	return of(reflect.TypeFor[T]())(unsafe.Pointer(a), unsafe.Pointer(b))
}

// Comparer compares two parts of objects that have one type.
type Comparer struct{ same comparison }

// Of makes the comparer of a type.
func Of(t reflect.Type) Comparer { return Comparer{of(t)} }

// Same reports whether two values of the type mean the same. They must have an address,
// as the fields of what a pointer points at do.
func (c Comparer) Same(a, b reflect.Value) bool {
	return c.same(a.Addr().UnsafePointer(), b.Addr().UnsafePointer())
}

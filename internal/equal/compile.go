package equal

import (
	"bytes"
	"maps"
	"reflect"
	"sync"
	"unsafe"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// comparison tells whether the values at two addresses mean the same.
type comparison func(a, b unsafe.Pointer) bool

// known holds a comparison for each type that was ever compared.
var known sync.Map

func of(t reflect.Type) comparison {
	if same, ok := known.Load(t); ok {
		return same.(comparison)
	}
	same := compile(t)
	known.Store(t, same)
	return same
}

// compile makes the comparison of a type. What it does not know it leaves to the library.
func compile(t reflect.Type) comparison {
	switch t {
	case reflect.TypeFor[metav1.Time]():
		return by(func(a, b *metav1.Time) bool { return a.Equal(b) })
	case reflect.TypeFor[metav1.MicroTime]():
		return by(func(a, b *metav1.MicroTime) bool { return a.Equal(b) })
	case reflect.TypeFor[resource.Quantity]():
		return by(func(a, b *resource.Quantity) bool { return a.Cmp(*b) == 0 })
	}
	switch t.Kind() {
	case reflect.String:
		return by(func(a, b *string) bool { return *a == *b })
	case reflect.Bool, reflect.Int8, reflect.Uint8:
		return by(func(a, b *uint8) bool { return *a == *b })
	case reflect.Int32, reflect.Uint32:
		return by(func(a, b *uint32) bool { return *a == *b })
	case reflect.Int, reflect.Int64, reflect.Uint, reflect.Uint64:
		return by(func(a, b *uint64) bool { return *a == *b })
	case reflect.Pointer:
		return pointers(t)
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return by(func(a, b *[]byte) bool { return bytes.Equal(*a, *b) })
		}
		return slices(t)
	case reflect.Struct:
		return structs(t)
	case reflect.Map:
		if t.Key().Kind() == reflect.String && t.Elem().Kind() == reflect.String {
			return by(func(a, b *map[string]string) bool { return maps.Equal(*a, *b) })
		}
		general := byLibrary(t)
		return func(a, b unsafe.Pointer) bool { // a map is a pointer
			return *(*unsafe.Pointer)(a) == *(*unsafe.Pointer)(b) || general(a, b)
		}
	}
	return byLibrary(t)
}

// by takes what the addresses point at for a T: the type in question, or one that looks
// the same in memory.
func by[T any](same func(a, b *T) bool) comparison {
	return func(a, b unsafe.Pointer) bool { return same((*T)(a), (*T)(b)) }
}

// later is the comparison of a type that may contain itself: it is made when it is needed.
func later(t reflect.Type) func() comparison {
	return sync.OnceValue(func() comparison { return of(t) })
}

func pointers(t reflect.Type) comparison {
	elem := later(t.Elem())
	return by(func(a, b *unsafe.Pointer) bool {
		if *a == *b || *a == nil || *b == nil {
			return *a == *b
		}
		return elem()(*a, *b)
	})
}

// slice is how a slice looks in memory.
type slice struct {
	data unsafe.Pointer
	len  int
	_    int // the capacity
}

func slices(t reflect.Type) comparison {
	elem, size := later(t.Elem()), t.Elem().Size()
	return by(func(a, b *slice) bool {
		if a.len != b.len {
			return false
		}
		if a.len == 0 || a.data == b.data {
			return true
		}
		same := elem()
		for i := range uintptr(a.len) {
			if !same(unsafe.Add(a.data, i*size), unsafe.Add(b.data, i*size)) {
				return false
			}
		}
		return true
	})
}

// member is a field of a struct.
type member struct {
	offset uintptr
	same   comparison
}

func structs(t reflect.Type) comparison {
	var members []member
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() { // not an API type: the library would panic
			return byMemory(t)
		}
		members = append(members, member{f.Offset, compile(f.Type)})
	}
	return func(a, b unsafe.Pointer) bool {
		for i := range members {
			m := &members[i]
			if !m.same(unsafe.Add(a, m.offset), unsafe.Add(b, m.offset)) {
				return false
			}
		}
		return true
	}
}

func byMemory(t reflect.Type) comparison {
	return func(a, b unsafe.Pointer) bool {
		return reflect.DeepEqual(reflect.NewAt(t, a).Interface(), reflect.NewAt(t, b).Interface())
	}
}

func byLibrary(t reflect.Type) comparison {
	return func(a, b unsafe.Pointer) bool {
		return equality.Semantic.DeepEqual(reflect.NewAt(t, a).Elem().Interface(), reflect.NewAt(t, b).Elem().Interface())
	}
}

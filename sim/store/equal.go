package store

import (
	"maps"
	"reflect"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/internal/equal"
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
	if l := &req.table.layout; req.sub == "status" && l.goType != nil && l.status >= 0 {
		return difference{status: !l.sameStatus.Same(reflect.ValueOf(cur).Elem().Field(l.status), reflect.ValueOf(next).Elem().Field(l.status))}
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
	for _, f := range t.layout.content {
		if !f.same.Same(va.Field(f.index), vb.Field(f.index)) {
			d.content = true
			break
		}
	}
	if i := t.layout.status; i >= 0 {
		d.status = !t.layout.sameStatus.Same(va.Field(i), vb.Field(i))
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
	ownersA, ownersB := a.GetOwnerReferences(), b.GetOwnerReferences()
	return maps.Equal(a.GetLabels(), b.GetLabels()) &&
		slices.Equal(a.GetFinalizers(), b.GetFinalizers()) && equal.Objects(&ownersA, &ownersB) &&
		equal.Objects(a.GetDeletionTimestamp(), b.GetDeletionTimestamp()) &&
		equal.Objects(a.GetDeletionGracePeriodSeconds(), b.GetDeletionGracePeriodSeconds())
}

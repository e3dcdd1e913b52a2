package store

import (
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
)

// verbTouch is what a touch is called in the trace.
const verbTouch = "touch"

// Touch gives an object a new version and leaves all else of it as it is. It is what
// others see of a write that changed only who manages which field, which this store does
// not keep. It reports whether there is such an object.
func (s *Store) Touch(actor string, gvk schema.GroupVersionKind, key types.NamespacedName) bool {
	t := s.tableFor(gvk)
	s.catchUp(t.gvk.GroupKind())
	key = t.keyIn(key)
	cur := t.head(key)
	if cur == nil {
		return false
	}
	s.commit(change{table: t, record: t.records[key], kind: watch.Modified, object: t.shallowCopy(cur), actor: actor, verb: verbTouch})
	return true
}

package store

import (
	"errors"
	"fmt"
	"reflect"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Stored objects are shared with subscribers, with Range and with readers that
// ask for no copy, all of whom promise not to modify them. A broken promise
// changes history and shows far from its cause; the detector finds it.

// keepOriginal remembers a second copy of a present object.
func (s *Store) keepOriginal(r *record, obj client.Object) {
	if s.originals == nil {
		return
	}
	if obj == nil {
		delete(s.originals, r)
		return
	}
	s.originals[r] = obj.DeepCopyObject().(client.Object)
}

// CheckUnmodified reports the stored objects that somebody has modified in
// place. It needs Options.DetectMutation and fits into kernel.OnInstant.
func (s *Store) CheckUnmodified() error {
	if s.originals == nil {
		return errors.New("the store keeps no originals to compare with: set Options.DetectMutation")
	}
	for _, t := range s.sortedTables() {
		for _, r := range t.live {
			if !reflect.DeepEqual(r.head(), s.originals[r]) {
				return fmt.Errorf("%s %s was modified in place: a receiver of shared objects wrote to one", t.gvk.Kind, r.key)
			}
		}
	}
	return nil
}

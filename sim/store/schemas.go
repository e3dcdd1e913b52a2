package store

import (
	"sigs.k8s.io/controller-runtime/pkg/client"
)

type Schemas struct{}

func (s *Store) hasSchema(req request) bool { return false }

func (s *Store) decodeWrite(req request, in client.Object) (client.Object, error) {
	return decode(req.table, in, req.strict)
}
func (s *Store) validateCreate(req request, obj client.Object) error       { return nil }
func (s *Store) validateUpdate(req request, cur, next client.Object) error { return nil }
func prepareCreate(t *table, obj client.Object)                            {}
func setDefaults(obj client.Object)                                        {}
func (s *Store) allocate(t *table, next, cur client.Object)                {}

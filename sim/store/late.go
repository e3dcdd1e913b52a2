package store

import (
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// moment is the time and the revision of a write.
type moment struct {
	at  time.Time
	rev Revision
}

// lateWrite is a write that was put off.
type lateWrite struct {
	moment
	write func()
}

// WriteLate puts off a write of one object until somebody asks for its kind, for objects
// that most runs write and never look at. Nobody can tell: the write has the time and
// the revision of this moment, and is made at once if somebody watches the kind.
func (s *Store) WriteLate(gvk schema.GroupVersionKind, write func()) {
	t := s.tableFor(gvk)
	if len(t.subscribers) > 0 {
		write()
		return
	}
	if len(t.late) == 0 {
		s.behind = append(s.behind, t)
	}
	s.rev++
	t.late = append(t.late, lateWrite{moment{s.kernel.Now(), s.rev}, write})
}

// catchUp makes the late writes of a kind.
func (s *Store) catchUp(kind schema.GroupKind) {
	for i, t := range s.behind {
		if t.gvk.GroupKind() != kind {
			continue
		}
		s.behind = append(s.behind[:i:i], s.behind[i+1:]...)
		late := t.late
		t.late = nil
		for _, l := range late {
			s.late = &l.moment
			l.write()
		}
		s.late = nil
		return
	}
}

// next is the revision of a write.
func (s *Store) next() Revision {
	if s.late != nil {
		return s.late.rev
	}
	s.rev++
	return s.rev
}

// time is the kernel's, or that at which a late write was asked for.
func (s *Store) time() time.Time {
	if s.late != nil {
		return s.late.at
	}
	return s.kernel.Now()
}

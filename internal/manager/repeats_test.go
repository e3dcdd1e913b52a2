package manager

import (
	"fmt"
	"slices"
	"testing"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// sink notes what is written; it knows nothing of the Events named in expired.
type sink struct {
	expired []string
	calls   []string
}

func (s *sink) Create(e *corev1.Event) (*corev1.Event, error) {
	s.calls = append(s.calls, fmt.Sprintf("create %s %d version %q", e.Name, e.Count, e.ResourceVersion))
	return e, nil
}

func (s *sink) Update(e *corev1.Event) (*corev1.Event, error) { return e, nil }

func (s *sink) Patch(e *corev1.Event, patch []byte) (*corev1.Event, error) {
	if slices.Contains(s.expired, e.Name) {
		return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "events"}, e.Name)
	}
	s.calls = append(s.calls, fmt.Sprintf("patch %s %s", e.Name, patch))
	return e, nil
}

// TestRepeats: the last count is written once, also of what has expired.
func TestRepeats(t *testing.T) {
	s := &sink{expired: []string{"old"}}
	r := newRepeats(s, logr.Discard())
	event := func(name string, count int32) *corev1.Event {
		return &corev1.Event{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, ResourceVersion: "7"}, Count: count}
	}
	for n := int32(2); n < 5; n++ {
		if _, err := r.Patch(event("new", n), fmt.Appendf(nil, `{"count":%d}`, n)); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.calls) > 0 {
		t.Errorf("written at once: %q", s.calls)
	}
	r.flush()
	if _, err := r.Patch(event("old", 9), nil); err != nil {
		t.Fatal(err)
	}
	r.flush()
	r.flush()
	if want := []string{`patch new {"count":4}`, `create old 9 version ""`}; !slices.Equal(s.calls, want) {
		t.Errorf("got %q, want %q", s.calls, want)
	}
}

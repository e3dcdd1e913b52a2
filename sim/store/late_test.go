package store

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A late write is not made before somebody asks, and looks as if it had been.
func TestWriteLate(t *testing.T) {
	f := newFixture(t, Options{})
	kind := kindOf(f, configMap("a", nil))
	made := 0
	late := func(name string) {
		f.store.WriteLate(kind, func() {
			made++
			f.must(f.Create(ctx, configMap(name, nil)))
		})
	}
	late("a")                                 // 1
	f.must(f.Create(ctx, replicaSet("r", 1))) // 2
	if made != 0 {
		t.Error("the write was made before anybody asked for its kind")
	}
	f.must(f.kernel.RunUntil(epoch.Add(time.Minute)))
	if a := get(f, configMap("a", nil)); a.ResourceVersion != "1" || !a.CreationTimestamp.Time.Equal(epoch) {
		t.Errorf("it is of %s, at revision %s", a.CreationTimestamp, a.ResourceVersion)
	}
	late("b") // 3
	got, cancel := recorder(f, configMap("", nil))
	defer cancel()
	late("c") // 4
	if made != 3 {
		t.Errorf("%d writes were made for one who watches, of 3", made)
	}
	f.settle()
	if d := cmp.Diff([]string{"ADDED a@3", "ADDED b@3", "ADDED c@4"}, *got); d != "" {
		t.Error(d)
	}
}

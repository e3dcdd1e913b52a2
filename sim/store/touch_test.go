package store

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// A touched object has a new version, of which those who watch are told, and is the same.
func TestTouch(t *testing.T) {
	f := newFixture(t, Options{})
	f.must(f.Create(ctx, replicaSet("r", 1)))
	before := get(f, replicaSet("r", 0))
	got, cancel := recorder(f, replicaSet("", 0))
	defer cancel()
	kind, key := kindOf(f, before), client.ObjectKeyFromObject(before)
	if !f.store.Touch("somebody", kind, key) {
		t.Fatal("it is not there")
	}
	f.settle()
	if d := cmp.Diff([]string{"ADDED r@1", "MODIFIED r@2"}, *got); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(before, get(f, replicaSet("r", 0)), cmpopts.IgnoreFields(metav1.ObjectMeta{}, "ResourceVersion")); d != "" {
		t.Error(d)
	}
	key.Name = "another"
	if f.store.Touch("somebody", kind, key) || f.store.Revision() != 2 {
		t.Error("an object that is not there was touched")
	}
}

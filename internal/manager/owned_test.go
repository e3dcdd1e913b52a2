package manager

import (
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/aviary-rollouts/aviary/internal/control"
)

// indexes collects what a cache is told to index.
type indexes map[string]client.IndexerFunc

func (i indexes) IndexField(_ context.Context, _ client.Object, field string, f client.IndexerFunc) error {
	i[field] = f
	return nil
}

// Of the ReplicaSets of a namespace an owner is told of its own, and of those that are
// nobody's.
func TestListOfAnOwner(t *testing.T) {
	replicaSet := func(namespace, name string, owners ...metav1.OwnerReference) *appsv1.ReplicaSet {
		return &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, OwnerReferences: owners}}
	}
	by := func(uid types.UID, controls bool) metav1.OwnerReference {
		return metav1.OwnerReference{APIVersion: "argoproj.io/v1alpha1", Kind: "Rollout", Name: "r", UID: uid, Controller: ptr.To(controls)}
	}
	found := indexes{}
	if err := indexOwners(t.Context(), found); err != nil {
		t.Fatal(err)
	}
	b := fake.NewClientBuilder().WithObjects(
		replicaSet("a", "mine", by("1", true)), replicaSet("a", "others", by("2", true)), replicaSet("a", "free"),
		replicaSet("a", "not-controlled", by("1", false)), replicaSet("b", "elsewhere", by("1", true)),
	)
	for field, f := range found {
		b = b.WithIndex(&appsv1.ReplicaSet{}, field, f)
	}
	view := clusterView{Client: b.Build()}
	for _, tc := range []struct {
		name string
		opts []client.ListOption
		want []string
	}{
		{"of an owner", []client.ListOption{client.InNamespace("a"), control.OwnedBy("1")}, []string{"free", "mine", "not-controlled"}},
		{"of one who has none", []client.ListOption{client.InNamespace("a"), control.OwnedBy("3")}, []string{"free", "not-controlled"}},
		{"of everybody", []client.ListOption{client.InNamespace("a")}, []string{"free", "mine", "not-controlled", "others"}},
	} {
		list := &appsv1.ReplicaSetList{}
		if err := view.List(t.Context(), list, tc.opts...); err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		var got []string
		for _, rs := range list.Items {
			got = append(got, rs.Name)
		}
		slices.Sort(got)
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
}

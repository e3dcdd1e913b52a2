package store

import (
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// family is an owner with two dependents, one of which has a dependent itself.
func family(f *fixture) (owner *appsv1.ReplicaSet, child, sibling, grandchild client.Object) {
	owner = replicaSet("owner", 1)
	f.must(f.Create(ctx, owner))
	mid := replicaSet("child", 1)
	child = ownedBy(mid, owner)
	f.must(f.Create(ctx, child))
	sibling = ownedBy(configMap("sibling", nil), owner)
	f.must(f.Create(ctx, sibling))
	grandchild = ownedBy(configMap("grandchild", nil), mid)
	f.must(f.Create(ctx, grandchild))
	f.settle()
	return owner, child, sibling, grandchild
}

func TestBackgroundDeletion(t *testing.T) {
	f := newFixture(t, Options{GCDelay: time.Second})
	owner, child, sibling, grandchild := family(f)
	f.must(f.Delete(ctx, owner))
	f.settle()
	f.gone(owner)
	get(f, child)
	f.must(f.kernel.RunUntil(epoch.Add(time.Second)))
	f.gone(child)
	f.gone(sibling)
	get(f, grandchild)
	f.must(f.kernel.RunUntil(epoch.Add(2 * time.Second)))
	f.gone(grandchild)
}

func TestOrphanDeletion(t *testing.T) {
	f := newFixture(t, Options{})
	owner, child, _, grandchild := family(f)
	f.must(f.Delete(ctx, owner, client.PropagationPolicy(metav1.DeletePropagationOrphan)))
	if get(f, owner).DeletionTimestamp == nil {
		t.Error("the owner is not being deleted")
	}
	f.settle()
	f.gone(owner)
	if refs := get(f, child).GetOwnerReferences(); len(refs) != 0 {
		t.Errorf("the orphan still has owners: %v", refs)
	}
	if refs := get(f, grandchild).GetOwnerReferences(); len(refs) != 1 {
		t.Errorf("the grandchild lost its owner: %v", refs)
	}
}

func TestForegroundDeletion(t *testing.T) {
	f := newFixture(t, Options{GCDelay: time.Second})
	owner, child, _, grandchild := family(f)
	held := get(f, grandchild)
	held.SetFinalizers([]string{"example.com/hold"})
	f.must(f.Update(ctx, held))
	f.must(f.Delete(ctx, owner, client.PropagationPolicy(metav1.DeletePropagationForeground)))
	f.must(f.kernel.RunUntil(epoch.Add(time.Minute)))
	for _, obj := range []client.Object{owner, child, grandchild} {
		if got := get(f, obj); got.GetDeletionTimestamp() == nil {
			t.Errorf("%s is not being deleted", obj.GetName())
		}
	}
	f.must(f.Patch(ctx, held, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))))
	f.must(f.kernel.RunUntil(epoch.Add(2 * time.Minute)))
	for _, obj := range []client.Object{owner, child, grandchild} {
		f.gone(obj)
	}
}

// An object with another owner stays and forgets the one that is gone.
func TestTwoOwners(t *testing.T) {
	f := newFixture(t, Options{})
	a, b := replicaSet("a", 1), replicaSet("b", 1)
	f.must(f.Create(ctx, a))
	f.must(f.Create(ctx, b))
	obj := configMap("shared", nil)
	ownedBy(obj, a)
	obj.OwnerReferences[0].Controller = nil
	ownedBy(obj, b)
	f.must(f.Create(ctx, obj))
	f.must(f.Delete(ctx, a))
	f.settle()
	if refs := get(f, obj).OwnerReferences; len(refs) != 1 || refs[0].Name != "b" {
		t.Errorf("owners %v", refs)
	}
	f.must(f.Delete(ctx, b))
	f.settle()
	f.gone(obj)
}

// A dependent that arrives after its owner has gone is collected, one whose
// owner was merely replaced by a namesake too.
func TestLateDependent(t *testing.T) {
	f := newFixture(t, Options{})
	owner := replicaSet("owner", 1)
	f.must(f.Create(ctx, owner))
	f.must(f.Delete(ctx, owner))
	f.must(f.Create(ctx, replicaSet("owner", 1)))
	late := ownedBy(configMap("late", nil), owner)
	f.must(f.Create(ctx, late))
	get(f, late)
	f.settle()
	f.gone(late)
}

// Pods of a deleted ReplicaSet get their grace period.
func TestCollectedPodsAreGraceful(t *testing.T) {
	f := newFixture(t, Options{})
	rs := replicaSet("web", 1)
	f.must(f.Create(ctx, rs))
	p := ownedBy(pod("web-1", "node"), rs)
	f.must(f.Create(ctx, p))
	f.must(f.Delete(ctx, rs))
	f.settle()
	if got := get(f, p); got.GetDeletionTimestamp() == nil || *got.GetDeletionGracePeriodSeconds() != 30 {
		t.Errorf("pod %v", got)
	}
}

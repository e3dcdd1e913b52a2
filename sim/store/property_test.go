package store

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/sim/kernel"
)

// step is one call of a random history. Its fields mean what each verb makes
// of them.
type step struct {
	verb  int
	name  int
	value int
	owner int
}

const stepVerbs = 9

func drawSteps(t *rapid.T) []step {
	// The history begins with something to work on.
	begin := []step{{verb: 0, name: 0}, {verb: 0, name: 1}, {verb: 1, owner: 0}, {verb: 1, owner: 1}, {verb: 2, owner: 0, value: 1}}
	return append(begin, rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
		return step{
			verb:  rapid.IntRange(0, stepVerbs-1).Draw(t, "verb"),
			name:  rapid.IntRange(0, 1).Draw(t, "name"),
			value: rapid.IntRange(0, 2).Draw(t, "value"),
			owner: rapid.IntRange(0, 1).Draw(t, "owner"),
		}
	}), 1, 80).Draw(t, "steps")...)
}

// play runs a history and returns the store. Errors of single calls are part
// of it; each is written into the trace.
func play(seed uint64, steps []step, options Options) (*kernel.Kernel, *Store, error) {
	k := kernel.New(seed, epoch)
	s := New(k, testScheme(), options)
	c := s.Client("random")
	for _, st := range steps {
		k.After(time.Duration(st.value)*time.Second, kernel.ClassUser, "step", func() {
			if err := st.run(c); err != nil {
				k.Trace().Add(err.Error())
			}
		})
		if err := k.RunUntil(k.Now().Add(time.Duration(st.value) * time.Second)); err != nil {
			return k, s, err
		}
	}
	return k, s, nil
}

func (st step) run(c client.Client) error {
	cm := configMap(fmt.Sprint("c", st.name), map[string]string{"k": strconv.Itoa(st.value)})
	rs := replicaSet(fmt.Sprint("r", st.owner), int32(st.value))
	p := pod("p", map[int]string{0: "", 1: "node", 2: "node"}[st.value])
	p.Name, p.GenerateName = "", fmt.Sprintf("p%d-", st.name)
	switch st.verb {
	case 0:
		return c.Create(ctx, cm)
	case 1:
		return c.Create(ctx, rs)
	case 2:
		if err := c.Get(ctx, client.ObjectKeyFromObject(rs), rs); err != nil {
			return err
		}
		ownedBy(p, rs)
		return c.Create(ctx, p)
	case 3:
		return c.Update(ctx, cm)
	case 4:
		return c.Patch(ctx, cm, client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"data":{"p":"%d"},"metadata":{"finalizers":["x.io/%d"]}}`, st.value, st.value)))
	case 5:
		return c.Patch(ctx, cm, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`)))
	case 6:
		return c.Delete(ctx, cm)
	case 7:
		return c.Delete(ctx, rs, client.PropagationPolicy([]string{"Background", "Foreground", "Orphan"}[st.value]))
	}
	return c.DeleteAllOf(ctx, &corev1.Pod{}, client.InNamespace("default"), client.GracePeriodSeconds(int64(st.value)))
}

// Every write takes the next revision, subscribers see all of them once and in
// order, and a second run with the same seed leaves the same trace.
func TestHistoryProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed, steps := rapid.Uint64().Draw(t, "seed"), drawSteps(t)
		k, s, err := play(seed, steps, Options{})
		if err != nil {
			t.Fatal(err)
		}
		last := Revision(0)
		for _, line := range k.Trace().Lines() {
			var rev Revision
			if i := slices.Index([]byte(line.Text), '='); i > 0 {
				if _, err := fmt.Sscanf(line.Text[i-3:], " rv=%d", &rev); err == nil {
					if rev != last+1 {
						t.Fatalf("revision %d after %d: %s", rev, last, line)
					}
					last = rev
				}
			}
		}
		if last != s.Revision() {
			t.Fatalf("the trace ends at revision %d, the store at %d", last, s.Revision())
		}
		again, _, err := play(seed, steps, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if k.Trace().Hash() != again.Trace().Hash() {
			t.Fatalf("two runs with seed %d differ", seed)
		}
	})
}

// What a view sees at any revision is what the present was then, and what a
// subscriber builds from events alone is the present.
func TestViewsAgreeWithThePast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		steps := drawSteps(t)
		k := kernel.New(1, epoch)
		s := New(k, testScheme(), Options{DetectMutation: true})
		c := s.Client("random")
		past := map[Revision]map[string]string{}
		mirror := map[string]string{}
		s.Subscribe(corev1.SchemeGroupVersion.WithKind("ConfigMap"), func(e Event) {
			if e.Type == "DELETED" {
				delete(mirror, e.Object.GetName())
			} else {
				mirror[e.Object.GetName()] = e.Object.GetResourceVersion()
			}
		})
		present := func(c client.Client) map[string]string {
			out := map[string]string{}
			var list corev1.ConfigMapList
			if err := c.List(ctx, &list); err != nil {
				t.Fatal(err)
			}
			for _, cm := range list.Items {
				out[cm.Name] = cm.ResourceVersion
			}
			return out
		}
		for _, st := range steps {
			_ = st.run(c) // a refused call leaves the present as it is
			if err := k.Settle(); err != nil {
				t.Fatal(err)
			}
			past[s.Revision()] = present(c)
			if !maps.Equal(mirror, past[s.Revision()]) {
				t.Fatalf("events give %v, the present is %v", mirror, past[s.Revision()])
			}
			if err := s.CheckUnmodified(); err != nil {
				t.Fatal(err)
			}
		}
		for rev, want := range past {
			if got := present(s.Client("lagging", ReadsFrom(func() Revision { return rev }))); !maps.Equal(got, want) {
				t.Fatalf("at revision %d the view shows %v, the present was %v", rev, got, want)
			}
		}
	})
}

// No object outlives all its owners, and nothing that is being deleted waits
// for nothing.
func TestNothingDangles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		_, s, err := play(1, drawSteps(t), Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, table := range s.sortedTables() {
			for _, r := range table.live {
				obj := r.head()
				alive := len(obj.GetOwnerReferences()) == 0 || obj.GetDeletionTimestamp() != nil
				for _, ref := range obj.GetOwnerReferences() {
					alive = alive || s.uids[ref.UID] != nil
				}
				if !alive {
					t.Fatalf("%s %s outlived its owners", table.gvk.Kind, r.key)
				}
				if deletionDone(obj) {
					t.Fatalf("%s %s is deleted and still there", table.gvk.Kind, r.key)
				}
			}
		}
	})
}

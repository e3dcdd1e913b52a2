package scenarios_test

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/yaml"

	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/internal/control"
	"github.com/aviary-rollouts/aviary/internal/manager"
	"github.com/aviary-rollouts/aviary/internal/manifest"
	"github.com/aviary-rollouts/aviary/scenarios/backend"
	"github.com/aviary-rollouts/aviary/scenarios/replay"
	"github.com/aviary-rollouts/aviary/sim"
	"github.com/aviary-rollouts/aviary/sim/store"
)

// right is one thing that one may do: "patch apps/replicasets",
// "update argoproj.io/rollouts/status".
type right string

func rightTo(verb string, kind schema.GroupKind, subresource string) right {
	plural, _ := meta.UnsafeGuessKindToResource(kind.WithVersion("v1"))
	text := verb + " " + kind.Group + "/" + plural.Resource
	if subresource != "" {
		text += "/" + subresource
	}
	return right(text)
}

// TestRights compares what the controller may do with what it does while all
// scenarios are played: every right is needed, and no other is.
func TestRights(t *testing.T) {
	granted := grants(t, "../config/rbac/role.yaml")
	needed := sets.New(
		// client-go writes Events: an Event that is told again is patched.
		rightTo("create", schema.GroupKind{Kind: "Event"}, ""), rightTo("patch", schema.GroupKind{Kind: "Event"}, ""),
		// Before a Service is let go of, the server is asked for its Rollout, and not the cache.
		rightTo("get", schema.GroupKind{Group: "argoproj.io", Kind: "Rollout"}, ""),
		// Of a workload that another controller has made the cache keeps no template.
		rightTo("get", schema.GroupKind{Group: "apps", Kind: "ReplicaSet"}, ""), rightTo("get", schema.GroupKind{Kind: "PodTemplate"}, ""),
	)
	r := &recording{rights: needed, uncached: kindsOf(t, manager.Uncached()), watched: watched(t)}
	for kind := range r.watched {
		needed.Insert(rightTo("list", kind, ""), rightTo("watch", kind, ""))
	}
	for _, s := range all(t) {
		player := replay.Player{Clock: clock.Real{}, Open: func() (backend.Backend, error) {
			cluster, err := backend.NewSim(sim.Options{Seed: 1, NoTrace: true})
			if err == nil {
				cluster.Sim().Store().AddHooks(store.Hooks{Before: func(op store.Op) error { r.note(t, op); return nil }})
			}
			return cluster, err
		}}
		if o := player.Play(t.Context(), s); o.Err != nil {
			t.Fatal(o.Err)
		}
	}
	for _, unused := range sorted(granted.Difference(needed)) {
		t.Errorf("config/rbac/role.yaml grants what no scenario needs: %s", unused)
	}
	for _, missing := range sorted(needed.Difference(granted)) {
		t.Errorf("config/rbac/role.yaml does not grant what the controller does: %s", missing)
	}
}

func sorted(s sets.Set[right]) []right {
	list := s.UnsortedList()
	slices.Sort(list)
	return list
}

// recording notes what the calls of the controllers need.
type recording struct {
	rights            sets.Set[right]
	uncached, watched sets.Set[schema.GroupKind]
}

func (r *recording) note(t *testing.T, op store.Op) {
	if op.Client != sim.ControllerName {
		return
	}
	kind := op.Kind.GroupKind()
	kind.Kind = strings.TrimSuffix(kind.Kind, "List")
	switch {
	case op.Write() || r.uncached.Has(kind):
		r.rights.Insert(rightTo(op.Verb, kind, op.Subresource))
	case !r.watched.Has(kind):
		t.Errorf("%s: the kind is neither watched nor read without a cache: reading it fails", op)
	}
	if op.Verb != "create" || op.Object == nil || op.Subresource != "" {
		return
	}
	for _, owner := range op.Object.GetOwnerReferences() {
		if ptr.Deref(owner.BlockOwnerDeletion, false) { // OwnerReferencesPermissionEnforcement asks for this
			gv, err := schema.ParseGroupVersion(owner.APIVersion)
			if err != nil {
				t.Error(err)
			}
			r.rights.Insert(rightTo("update", schema.GroupKind{Group: gv.Group, Kind: owner.Kind}, "finalizers"))
		}
	}
}

// watched lists the kinds that the table of controllers watches.
func watched(t *testing.T) sets.Set[schema.GroupKind] {
	t.Helper()
	var prototypes []client.Object
	for _, c := range control.Controllers(control.Deps{}) {
		prototypes = append(prototypes, c.For)
		for _, w := range c.Watches {
			prototypes = append(prototypes, w.Kind)
		}
	}
	return kindsOf(t, prototypes)
}

func kindsOf(t *testing.T, prototypes []client.Object) sets.Set[schema.GroupKind] {
	t.Helper()
	scheme, err := manifest.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	kinds := sets.New[schema.GroupKind]()
	for _, p := range prototypes {
		gvk, err := apiutil.GVKForObject(p, scheme)
		if err != nil {
			t.Fatal(err)
		}
		kinds.Insert(gvk.GroupKind())
	}
	return kinds
}

// grants reads the rights of the roles in a file.
func grants(t *testing.T, file string) sets.Set[right] {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	granted := sets.New[right]()
	for _, document := range bytes.Split(data, []byte("\n---\n")) {
		role := struct {
			metav1.TypeMeta `json:",inline"`
			Rules           []rbacv1.PolicyRule `json:"rules"`
		}{}
		if err := yaml.Unmarshal(document, &role); err != nil {
			t.Fatal(err)
		}
		for _, rule := range role.Rules {
			for _, group := range rule.APIGroups {
				for _, resource := range rule.Resources {
					for _, verb := range rule.Verbs {
						granted.Insert(right(verb + " " + group + "/" + resource))
					}
				}
			}
		}
	}
	return granted
}

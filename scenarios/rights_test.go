package scenarios_test

import (
	"bytes"
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	fakecoordination "k8s.io/client-go/kubernetes/typed/coordination/v1/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/yaml"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
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
	)
	r := &recording{rights: needed, uncached: kindsOf(t, manager.Uncached()), watched: watched(t)}
	for kind := range r.watched {
		needed.Insert(rightTo("list", kind, ""), rightTo("watch", kind, ""))
	}
	options := sim.Options{Seed: 1, NoTrace: true, Controllers: func(d control.Deps) []control.Controller {
		d.Live = live{d.Client, needed}
		return control.Controllers(d)
	}}
	for _, s := range all(t) {
		player := replay.Player{Clock: clock.Real{}, Open: func() (backend.Backend, error) {
			cluster, err := backend.NewSim(options)
			if err == nil {
				cluster.Sim().Store().AddHooks(store.Hooks{Before: func(op store.Op) error { r.note(t, op); return nil }})
			}
			return cluster, err
		}}
		if o := player.Play(t.Context(), s); o.Err != nil {
			t.Fatal(o.Err)
		}
	}
	foreignWorkloads(t, options)
	compare(t, "config/rbac/role.yaml", granted, needed)
}

// foreignWorkloads lends Rollouts the templates of objects that others have made, of which
// the cache keeps none. No scenario can: only the server knows the UID of an owner.
func foreignWorkloads(t *testing.T, options sim.Options) {
	t.Helper()
	cluster, err := sim.New(options)
	if err != nil {
		t.Fatal(err)
	}
	add := func(obj client.Object) {
		t.Helper()
		if err := cluster.Client().Create(t.Context(), obj); err != nil {
			t.Fatal(err)
		}
	}
	owner := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "owner"}, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}}}
	add(owner)
	made := metav1.ObjectMeta{Namespace: "default", Name: "made", OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(owner, corev1.SchemeGroupVersion.WithKind("Service"))}}
	pods := metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: pods.MatchLabels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: "web:1"}}}}
	add(&corev1.PodTemplate{ObjectMeta: made, Template: template})
	add(&appsv1.ReplicaSet{ObjectMeta: made, Spec: appsv1.ReplicaSetSpec{Replicas: ptr.To(int32(0)), Selector: &pods, Template: template}})
	for name, version := range map[string]string{"PodTemplate": "v1", "ReplicaSet": "apps/v1"} {
		add(&v1alpha1.Rollout{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: strings.ToLower(name)}, Spec: v1alpha1.RolloutSpec{
			WorkloadRef: &v1alpha1.ObjectRef{APIVersion: version, Kind: name, Name: made.Name}, Selector: &pods,
			Strategy: v1alpha1.RolloutStrategy{Canary: &v1alpha1.CanaryStrategy{}},
		}})
	}
	if err := cluster.Settle(); err != nil {
		t.Fatal(err)
	}
}

// TestLeaseRights compares what the controller may do with leases with what becoming,
// staying and ceasing to be the leader takes.
func TestLeaseRights(t *testing.T) {
	server := &clienttesting.Fake{}
	server.AddReactor("*", "*", clienttesting.ObjectReaction(clienttesting.NewObjectTracker(clientgoscheme.Scheme, clientgoscheme.Codecs.UniversalDecoder())))
	elect := func(name string) {
		ctx, stop := context.WithCancel(t.Context())
		e, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
			Lock: &resourcelock.LeaseLock{
				LeaseMeta: metav1.ObjectMeta{Namespace: "argo-rollouts", Name: manager.LockName}, Client: &fakecoordination.FakeCoordinationV1{Fake: server},
				LockConfig: resourcelock.ResourceLockConfig{Identity: name},
			},
			LeaseDuration: 3 * time.Second, RenewDeadline: 2 * time.Second, RetryPeriod: time.Millisecond, ReleaseOnCancel: true,
			Callbacks: leaderelection.LeaderCallbacks{OnStartedLeading: func(context.Context) { stop() }, OnStoppedLeading: func() {}},
		})
		if err != nil {
			t.Fatal(err)
		}
		e.Run(ctx)
	}
	elect("first")
	elect("second")
	needed := sets.New[right]()
	for _, a := range server.Actions() {
		needed.Insert(right(a.GetVerb() + " " + a.GetResource().Group + "/" + a.GetResource().Resource))
	}
	compare(t, "config/rbac/lease.yaml", grants(t, "../config/rbac/lease.yaml"), needed)
}

// compare says which rights of a file are too many, and which are missing there.
func compare(t *testing.T, file string, granted, needed sets.Set[right]) {
	t.Helper()
	for _, unused := range sorted(granted.Difference(needed)) {
		t.Errorf("%s grants what nobody needs: %s", file, unused)
	}
	for _, missing := range sorted(needed.Difference(granted)) {
		t.Errorf("%s does not grant what the controller does: %s", file, missing)
	}
}

// live notes what is read from the API server itself, whatever the cache has.
type live struct {
	client.Client
	rights sets.Set[right]
}

var _ client.Reader = live{}

// Get reads one object.
func (l live) Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	if err := l.note("get", obj); err != nil {
		return err
	}
	return l.Client.Get(ctx, key, obj, opts...)
}

// List reads many.
func (l live) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	if err := l.note("list", list); err != nil {
		return err
	}
	return l.Client.List(ctx, list, opts...)
}

func (l live) note(verb string, obj runtime.Object) error {
	gvk, err := l.GroupVersionKindFor(obj)
	if err != nil {
		return err
	}
	l.rights.Insert(rightTo(verb, schema.GroupKind{Group: gvk.Group, Kind: strings.TrimSuffix(gvk.Kind, "List")}, ""))
	return nil
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

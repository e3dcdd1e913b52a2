package istio

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/traffic"
)

// cluster is a client of a cluster that serves Istio in a version, with some
// objects; updates are counted by kind and name.
type cluster struct {
	client.Client
	updates []string
}

func newCluster(t *testing.T, version string, objects ...client.Object) *cluster {
	t.Helper()
	c := &cluster{}
	mapper := meta.NewDefaultRESTMapper(nil)
	scheme := runtime.NewScheme()
	if version != "" {
		gv := schema.GroupVersion{Group: Group, Version: version}
		mapper = meta.NewDefaultRESTMapper([]schema.GroupVersion{gv})
		for _, kind := range []string{KindVirtualService, KindDestinationRule} {
			mapper.Add(gv.WithKind(kind), meta.RESTScopeNamespace)
			scheme.AddKnownTypeWithName(gv.WithKind(kind), &unstructured.Unstructured{})
			scheme.AddKnownTypeWithName(gv.WithKind(kind+"List"), &unstructured.UnstructuredList{})
		}
	}
	c.Client = fake.NewClientBuilder().WithScheme(scheme).WithRESTMapper(mapper).WithObjects(objects...).WithInterceptorFuncs(interceptor.Funcs{
		Update: func(ctx context.Context, inner client.WithWatch, obj client.Object, opts ...client.UpdateOption) error {
			c.updates = append(c.updates, obj.GetObjectKind().GroupVersionKind().Kind+" "+client.ObjectKeyFromObject(obj).String())
			return inner.Update(ctx, obj, opts...)
		},
	}).Build()
	return c
}

// in prepares objects to be stored.
func in(namespace, version string, o Objects) []client.Object {
	list := o.All()
	for _, obj := range list {
		obj.SetNamespace(namespace)
		obj.(*unstructured.Unstructured).SetAPIVersion(Group + "/" + version)
	}
	return list
}

// TestRouter takes a Rollout through an update, in all versions of the API.
func TestRouter(t *testing.T) {
	ctx := context.Background()
	for _, version := range []string{"v1alpha3", "v1beta1", "v1"} {
		t.Run(version, func(t *testing.T) {
			ro, o := load(t, "cases/mock-server-canary-istio-destinationrule-analysistemplate-experiment.yaml")
			c := newCluster(t, version, in("default", version, o)...)
			var wrote []string
			r := Router{Client: c, Wrote: func(obj client.Object) { wrote = append(wrote, obj.GetName()+" "+obj.GetResourceVersion()) }}
			both := []string{"DestinationRule default/mock-server", "VirtualService default/mock-server"}
			for _, s := range []struct {
				want    traffic.Routing
				updates []string
				changes []traffic.Change
			}{
				{subset(0, "v1", "v1"), both, []traffic.Change{
					{Reason: "UpdatedDestinationRule", Message: "DestinationRule `mock-server` subsets 'stable' select 'v1', 'canary' select 'v1'"},
				}},
				{subset(0, "v1", "v1"), nil, nil},
				{subset(20, "v1", "v2", expCanary), both, []traffic.Change{
					{Reason: "UpdatedDestinationRule", Message: "DestinationRule `mock-server` subsets 'stable' select 'v1', 'canary' select 'v2', 'mock-server-experiment-canary' select '65c7c65dd7'"},
					{Reason: "Updated VirtualService", Message: "VirtualService `mock-server` set to desiredWeight '20'"},
				}},
				{subset(40, "v1", "v2"), both, []traffic.Change{
					{Reason: "UpdatedDestinationRule", Message: "DestinationRule `mock-server` subsets 'stable' select 'v1', 'canary' select 'v2'"},
					{Reason: "Updated VirtualService", Message: "VirtualService `mock-server` set to desiredWeight '40'"},
				}},
				{subset(60, "v1", "v2"), both[1:], []traffic.Change{{Reason: "Updated VirtualService", Message: "VirtualService `mock-server` set to desiredWeight '60'"}}},
			} {
				c.updates, wrote = nil, nil
				changes, err := r.Apply(ctx, ro, s.want)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(s.changes, changes); diff != "" {
					t.Error(diff)
				}
				if diff := cmp.Diff(s.updates, c.updates); diff != "" {
					t.Error(diff)
				}
				if len(wrote) != len(s.updates) {
					t.Errorf("told of %v", wrote)
				}
			}
			seen, err := r.Observe(ctx, ro)
			want := traffic.Observed{Weights: weights(40, 60), StableHash: "v1", CanaryHash: "v2", Synced: true}
			if diff := cmp.Diff(want, seen); diff != "" || err != nil {
				t.Errorf("error %v: %s", err, diff)
			}
		})
	}
}

// TestRouterManagedRoutes checks the event of a change that moves no weight,
// and that somebody else's mark stays.
func TestRouterManagedRoutes(t *testing.T) {
	ro, o := load(t, "cases/mock-server-canary-istio-virtualservice.yaml")
	o.VirtualServices[0].SetAnnotations(map[string]string{v1alpha1.ManagedByRolloutsKey: "other", "mine": "1"})
	c := newCluster(t, "v1", in("default", "v1", o)...)
	r := Router{Client: c, Version: "v1"}
	want := host(0)
	want.Managed, want.Headers = []string{"a"}, []v1alpha1.SetHeaderRoute{header("a", when("x", exact("1")))}
	changes, err := r.Apply(context.Background(), ro, want)
	if diff := cmp.Diff([]traffic.Change{{Reason: "Updated VirtualService", Message: "VirtualService `mock-server` set to managed routes 'a'"}}, changes); diff != "" || err != nil {
		t.Errorf("error %v: %s", err, diff)
	}
	if len(c.updates) != 1 {
		t.Errorf("the routes and their record take %d writes", len(c.updates))
	}
	got, err := r.Read(context.Background(), References(ro))
	if err != nil {
		t.Fatal(err)
	}
	annotations := got.VirtualServices[0].GetAnnotations()
	if owners := RouteOwners(got.VirtualServices[0]); len(owners) != 1 || owners[0] != client.ObjectKeyFromObject(ro) {
		t.Errorf("the annotation is %q", annotations[v1alpha1.ManagedRoutesKey])
	}
	delete(annotations, v1alpha1.ManagedRoutesKey)
	if diff := cmp.Diff(map[string]string{v1alpha1.ManagedByRolloutsKey: "other", "mine": "1"}, annotations); diff != "" {
		t.Error(diff)
	}
}

// TestRouterOtherNamespace finds name.namespace, and a name with a dot.
func TestRouterOtherNamespace(t *testing.T) {
	ctx := context.Background()
	for _, c := range []struct{ written, namespace, name string }{
		{"mock-server", "default", "mock-server"}, {"mock-server.mesh", "mesh", "mock-server"}, {"mock.server.mesh", "mesh", "mock.server"}, {"mock.server", "default", "mock.server"},
	} {
		ro, o := load(t, "cases/mock-server-canary-istio-virtualservice.yaml")
		configOf(ro).VirtualService.Name = c.written
		o.VirtualServices[0].SetName(c.name)
		http := o.VirtualServices[0].Object["spec"].(node)["http"].([]any)[0].(node)["route"].([]any)
		http[0].(node)["destination"].(node)["host"] = "mock-server-stable.default.svc.cluster.local"
		http[1].(node)["destination"].(node)["host"] = "mock-server-canary.default"
		cluster := newCluster(t, "v1", in(c.namespace, "v1", o)...)
		if _, err := (Router{Client: cluster}).Apply(ctx, ro, host(20)); err != nil {
			t.Errorf("%s: %v", c.written, err)
		}
		want := types.NamespacedName{Namespace: c.namespace, Name: c.name}
		if diff := cmp.Diff([]string{"VirtualService " + want.String()}, cluster.updates); diff != "" {
			t.Errorf("%s: %s", c.written, diff)
		}
	}
}

// TestRouterFailures checks what people are told, and that the objects that are
// well are written all the same.
func TestRouterFailures(t *testing.T) {
	ctx := context.Background()
	two, o := load(t, "production/istio/rollout.yaml", "production/istio/virtualservice-01.yaml", "production/istio/virtualservice-02.yaml")
	subsets, dr := load(t, "cases/mock-server-canary-istio-destinationrule.yaml")
	second := Objects{VirtualServices: o.VirtualServices[1:]}
	wrong := o.VirtualServices[1].DeepCopy()
	wrong.Object["spec"] = node{"http": []any{}}
	for _, c := range []struct {
		name    string
		ro      *v1alpha1.Rollout
		want    traffic.Routing
		cluster *cluster
		reason  string
		err     string
		updates []string
	}{
		{"one of two is missing", two, silly(20), newCluster(t, "v1", in("default", "v1", second)...), traffic.ReasonNoVirtualService, "VirtualService `silly-demo-1` not found", []string{"VirtualService default/silly-demo-2"}},
		{"one of two is wrong", two, silly(20), newCluster(t, "v1", in("default", "v1", Objects{VirtualServices: []*unstructured.Unstructured{o.VirtualServices[0], wrong}})...), "", "VirtualService default/silly-demo-2: Istio VirtualService has invalid HTTP routes. Error: Route 'secondary' not found", []string{"VirtualService default/silly-demo-1"}},
		{"no DestinationRule", subsets, subset(20, "a", "b"), newCluster(t, "v1", in("default", "v1", Objects{VirtualServices: dr.VirtualServices})...), traffic.ReasonNoDestinationRule, "DestinationRule `mock-server` not found", nil},
		{"no Istio", subsets, subset(20, "a", "b"), newCluster(t, ""), traffic.ReasonNoDestinationRule, "DestinationRule `mock-server` not found: no matches for kind \"DestinationRule\" in group \"networking.istio.io\": install Istio's custom resource definitions", nil},
		{"another version", two, silly(20), newCluster(t, "v1", in("default", "v1", o)...), traffic.ReasonNoVirtualService, "VirtualService `silly-demo-1` not found: no matches", nil},
		{"no Istio in the Rollout", &v1alpha1.Rollout{}, silly(20), newCluster(t, ""), "", "", nil},
	} {
		r := Router{Client: c.cluster}
		if c.name == "another version" {
			r.Version = "v1beta1"
		}
		changes, err := r.Apply(ctx, c.ro, c.want)
		if (c.err == "") != (err == nil) || err != nil && !strings.HasPrefix(err.Error(), c.err) {
			t.Errorf("%s: error %v", c.name, err)
		}
		var failure *traffic.Failure
		if errors.As(err, &failure) != (c.reason != "") || failure != nil && failure.Reason != c.reason {
			t.Errorf("%s: failure %+v", c.name, failure)
		}
		if diff := cmp.Diff(c.updates, c.cluster.updates); diff != "" || len(changes) != len(c.updates) {
			t.Errorf("%s: changes %v: %s", c.name, changes, diff)
		}
		if seen, err := r.Observe(ctx, c.ro); err != nil || (seen.Problem == "") != (c.err == "") {
			t.Errorf("%s: observed %+v, error %v", c.name, seen, err)
		}
	}
}

// TestRouterClientErrors checks errors of the API server: a view that is too
// old, and one that cannot be had.
func TestRouterClientErrors(t *testing.T) {
	ctx := context.Background()
	ro, o := load(t, "cases/mock-server-canary-istio-virtualservice.yaml")
	c := newCluster(t, "v1", in("default", "v1", o)...)
	stale := interceptor.NewClient(c.Client.(client.WithWatch), interceptor.Funcs{
		Get: func(ctx context.Context, inner client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
			err := inner.Get(ctx, key, obj, opts...)
			obj.SetResourceVersion("1")
			return err
		},
	})
	changes, err := Router{Client: stale}.Apply(ctx, ro, host(20))
	if !apierrors.IsConflict(err) || len(changes) != 0 {
		t.Errorf("changes %v, error %v", changes, err)
	}
	forbidden := interceptor.NewClient(c.Client.(client.WithWatch), interceptor.Funcs{
		Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
			return apierrors.NewForbidden(schema.GroupResource{Group: Group, Resource: "virtualservices"}, "mock-server", errors.New("no rule"))
		},
	})
	if _, err := (Router{Client: forbidden}).Apply(ctx, ro, host(20)); !apierrors.IsForbidden(err) || !strings.HasPrefix(err.Error(), "reading VirtualService default/mock-server: ") {
		t.Errorf("error %v", err)
	}
	if _, err := (Router{Client: forbidden}).Observe(ctx, ro); !apierrors.IsForbidden(err) {
		t.Errorf("error %v", err)
	}
}

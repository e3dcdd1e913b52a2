package control

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/internal/traffic"
	"github.com/aviary-rollouts/aviary/internal/traffic/istio"
)

var ruleKey = types.NamespacedName{Namespace: "shop", Name: "web"}

// naming is a Rollout that names a DestinationRule; none if it is empty.
func naming(namespace, name, rule string) *v1alpha1.Rollout {
	ro := &v1alpha1.Rollout{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID(namespace + name), Generation: 1}}
	ro.Spec.Strategy.Canary = &v1alpha1.CanaryStrategy{}
	if rule != "" {
		ro.Spec.Strategy.Canary.TrafficRouting = &v1alpha1.RolloutTrafficRouting{Istio: &v1alpha1.IstioTrafficRouting{DestinationRule: &v1alpha1.IstioDestinationRule{Name: rule}}}
	}
	return ro
}

// changedRule is the DestinationRule shop/web, changed by a Rollout; by nobody if it is empty.
func changedRule(by string) *unstructured.Unstructured {
	dr := istioKind(istio.KindDestinationRule)
	dr.SetNamespace(ruleKey.Namespace)
	dr.SetName(ruleKey.Name)
	labels := map[string]any{"app": "web"}
	if by != "" {
		dr.SetAnnotations(map[string]string{v1alpha1.ManagedByRolloutsKey: by})
		labels[v1alpha1.DefaultRolloutUniqueLabelKey] = "abc"
	}
	dr.Object["spec"] = map[string]any{"subsets": []any{map[string]any{"name": "stable", "labels": labels}}}
	return dr
}

// clusterWith makes clusters with Istio's kinds and these objects.
func clusterWith(t *testing.T, objects ...client.Object) *fake.ClientBuilder {
	t.Helper()
	scheme := newScheme(t)
	mapper := meta.NewDefaultRESTMapper([]schema.GroupVersion{{Group: istio.Group, Version: "v1"}, v1alpha1.SchemeGroupVersion, corev1.SchemeGroupVersion})
	for _, kind := range []schema.GroupVersionKind{
		istioKind(istio.KindVirtualService).GroupVersionKind(), istioKind(istio.KindDestinationRule).GroupVersionKind(),
		v1alpha1.SchemeGroupVersion.WithKind(v1alpha1.KindRollout), corev1.SchemeGroupVersion.WithKind("Service"),
	} {
		mapper.Add(kind, meta.RESTScopeNamespace)
	}
	return fake.NewClientBuilder().WithScheme(scheme).WithRESTMapper(mapper).WithObjects(objects...)
}

// TestDestinationRules: a DestinationRule is let go of if no Rollout of any namespace
// names it, as far as the API server knows.
func TestDestinationRules(t *testing.T) {
	const told = "Normal UpdatedDestinationRule DestinationRule `web` subsets select the pods of all revisions: no Rollout names it any more"
	of := func(list ...client.Object) []client.Object { return list }
	for _, tc := range []struct {
		name         string
		by           string
		cached, live []client.Object
		oneNamespace bool
		free         bool
		events       []string
	}{
		{"somebody's own", "", nil, nil, false, false, nil},
		{"named", "web", of(naming("shop", "web", "web")), nil, false, false, nil},
		{"named by another Rollout than the one that came first", "web", of(naming("shop", "web", ""), naming("shop", "other", "web")), nil, false, false, nil},
		{"named from another namespace", "web", of(naming("front", "web", "web.shop")), nil, false, false, nil},
		{"named from another namespace, by a Rollout that another controller has", "web", nil, ofAnother(naming("front", "web", "web.shop")), false, false, nil},
		{"of a Rollout that another controller has", "web", nil, ofAnother(naming("shop", "web", "web")), false, false, nil},
		{"named no longer by a Rollout that another controller has", "web", nil, ofAnother(naming("shop", "web", "")), false, false, nil},
		{"named again, which the cache does not know yet", "web", of(naming("shop", "web", "")), of(naming("shop", "web", "web")), false, false, nil},
		{"named no longer", "web", of(naming("shop", "web", "")), of(naming("shop", "web", "")), false, true, []string{told}},
		{"of a Rollout that is gone", "web", nil, of(naming("front", "web", "web")), false, true, nil},
		{"of a Rollout that is gone, to a controller of one namespace", "web", nil, nil, true, true, nil},
		{"named, to a controller of one namespace", "web", nil, of(naming("shop", "other", "web")), true, false, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dr := changedRule(tc.by)
			c := clusterWith(t, append(tc.cached, dr)...).Build()
			live := clusterWith(t, tc.live...).WithInterceptorFuncs(interceptor.Funcs{
				List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
					if where := (&client.ListOptions{}).ApplyOptions(opts); tc.oneNamespace && where.Namespace == "" {
						return apierrors.NewForbidden(schema.GroupResource{Resource: "rollouts"}, "", errors.New("at the cluster scope"))
					}
					return c.List(ctx, list, opts...)
				}}).Build()
			var events eventLog
			r := &routeReconciler{Deps: Deps{Client: c, Live: live, Share: unlabelled(t), Events: &events}, specs: newRolloutSpecs(), kind: istio.KindDestinationRule}
			if wake, err := r.Reconcile(t.Context(), ruleKey); err != nil || !wake.IsZero() {
				t.Fatalf("another look at %s, error %v", wake, err)
			}
			want, got := changedRule(tc.by), istioKind(istio.KindDestinationRule)
			if tc.free {
				want = changedRule("")
			}
			if err := c.Get(t.Context(), ruleKey, got); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff([]any{want.GetAnnotations(), want.Object["spec"]}, []any{got.GetAnnotations(), got.Object["spec"]}); d != "" {
				t.Errorf("the DestinationRule (-want +got):\n%s", d)
			}
			if !slices.Equal([]string(events), tc.events) {
				t.Errorf("events %q, want %q", events, tc.events)
			}
		})
	}
}

// TestDestinationRulesThatNeedNoLook: that a Rollout moves the subsets is no reason to look
// whether it still names them, and a change of its spec wakes only what it names no more.
func TestDestinationRulesThatNeedNoLook(t *testing.T) {
	elsewhere := naming("front", "far", "web.shop")
	specs := newRolloutSpecs()
	specs.of(client.ObjectKeyFromObject(elsewhere), elsewhere)
	r := &routeReconciler{specs: specs, kind: istio.KindDestinationRule}
	other := changedRule("web")
	other.SetName("other")
	for _, tc := range []struct {
		name    string
		changed client.Object
		want    bool
	}{
		{"nobody's", changedRule(""), true},
		{"named, from another namespace", changedRule("far"), true},
		{"named by nobody", other, false},
		{"its Rollout names it", elsewhere, true},
		{"its Rollout does not", naming("front", "far", "web"), false},
	} {
		key := ruleKey
		if tc.changed.GetName() == "other" {
			key.Name = "other"
		}
		if got := r.isEcho(key, tc.changed); got != tc.want {
			t.Errorf("%s: %t", tc.name, got)
		}
	}
	if got := r.routesOf(t.Context(), elsewhere); !slices.Contains(got, ruleKey) {
		t.Errorf("it may name %v", got)
	}
}

// TestVirtualServicesThatNobodyNames: what Experiments get goes back, whether their
// Services are still there or not.
func TestVirtualServicesThatNobodyNames(t *testing.T) {
	vs := istioKind(istio.KindVirtualService)
	vs.SetNamespace("mesh")
	vs.SetName("web")
	vs.SetAnnotations(map[string]string{v1alpha1.ManagedByRolloutsKey: "web"})
	to := func(host string, weight int64) any {
		return map[string]any{"destination": map[string]any{"host": host}, "weight": weight}
	}
	vs.Object["spec"] = map[string]any{"http": []any{map[string]any{"route": []any{
		to("stable.shop", 60), to("canary.shop", 0), to("mine.shop.svc", 5), to("web-abc-2-0-baseline.shop", 20), to("other-abc-2-0-baseline.shop", 5), to("trial.shop.svc.cluster.local", 10),
	}}}}
	trial := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "trial"}}
	mine := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "mine"}}
	e := &v1alpha1.Experiment{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "e", UID: "e"}}
	trial.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(e, v1alpha1.SchemeGroupVersion.WithKind(v1alpha1.KindExperiment))}
	c := clusterWith(t, vs, trial, mine).Build()
	r := &routeReconciler{Deps: Deps{Client: c, Live: c, Events: &eventLog{}}, specs: newRolloutSpecs(), kind: istio.KindVirtualService}
	if wake, err := r.Reconcile(t.Context(), client.ObjectKeyFromObject(vs)); err != nil || !wake.IsZero() {
		t.Fatalf("another look at %s, error %v", wake, err)
	}
	got := istioKind(istio.KindVirtualService)
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(vs), got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"http": []any{map[string]any{"route": []any{
		to("stable.shop", 90), to("canary.shop", 0), to("mine.shop.svc", 5), to("other-abc-2-0-baseline.shop", 5),
	}}}}
	if d := cmp.Diff(want, got.Object["spec"]); d != "" || len(got.GetAnnotations()) > 0 {
		t.Errorf("annotations %v; spec (-want +got):\n%s", got.GetAnnotations(), d)
	}
}

// TestManagedRoutesOfOneOfSeveralRollouts: where another Rollout still names a
// VirtualService, those that do not lose their routes, as far as the API server knows.
func TestManagedRoutesOfOneOfSeveralRollouts(t *testing.T) {
	of := func(list ...client.Object) []client.Object { return list }
	for _, tc := range []struct {
		name         string
		cached, live []client.Object // of a and far, beside b, which names it
		forbidden    bool            // to look at other namespaces
		routes       string
		writes       int
	}{
		{"all name it", of(routing("shop", "a", "web"), routing("front", "far", "web.shop")), nil, false, "far b a shop front", 0},
		{"one names another", of(routing("shop", "a", "other"), routing("front", "far", "web.shop")), of(routing("shop", "a", "other")), false, "far b shop front", 1},
		{"one names another, and another controller has it", of(routing("front", "far", "web.shop")), ofAnother(routing("shop", "a", "other")), false, "far b a shop front", 0},
		{"one is gone", of(routing("front", "far", "web.shop")), nil, false, "far b shop front", 1},
		{"one is gone, as the cache says", of(routing("front", "far", "web.shop")), of(routing("shop", "a", "web")), false, "far b a shop front", 0},
		{"one of another namespace is gone", of(routing("shop", "a", "web")), nil, false, "b a shop front", 1},
		{"one of another namespace, to a controller of one", of(routing("shop", "a", "web")), nil, true, "far b a shop front", 0},
		{"all are gone", nil, nil, false, "b shop front", 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			vs := sharedService(t)
			writes := 0
			c := clusterWith(t, append(tc.cached, vs, routing("shop", "b", "web"))...).WithInterceptorFuncs(interceptor.Funcs{
				Update: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.UpdateOption) error {
					writes++
					return c.Update(ctx, obj, opts...)
				}}).Build()
			live := clusterWith(t, tc.live...).WithInterceptorFuncs(interceptor.Funcs{
				Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
					if tc.forbidden && key.Namespace != "shop" {
						return apierrors.NewForbidden(schema.GroupResource{Resource: "rollouts"}, key.Name, errors.New("of another namespace"))
					}
					return c.Get(ctx, key, obj, opts...)
				}}).Build()
			r := &routeReconciler{Deps: Deps{Client: c, Live: live, Share: unlabelled(t), Events: &eventLog{}}, specs: newRolloutSpecs(), kind: istio.KindVirtualService}
			if _, err := r.Reconcile(t.Context(), client.ObjectKeyFromObject(vs)); err != nil {
				t.Fatal(err)
			}
			got := istioKind(istio.KindVirtualService)
			if err := c.Get(t.Context(), client.ObjectKeyFromObject(vs), got); err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, route := range got.Object["spec"].(map[string]any)["http"].([]any) {
				names = append(names, route.(map[string]any)["name"].(string))
			}
			if text := strings.Join(names, " "); text != tc.routes || writes != tc.writes {
				t.Errorf("%q after %d writes, want %q after %d", text, writes, tc.routes, tc.writes)
			}
			if by := changedBy(got); by != "b" {
				t.Errorf("changed by %q", by)
			}
		})
	}
}

// routing is a Rollout that names a VirtualService.
func routing(namespace, name, vs string) *v1alpha1.Rollout {
	ro := naming(namespace, name, "any")
	ro.Spec.Strategy.Canary.TrafficRouting.Istio = &v1alpha1.IstioTrafficRouting{VirtualService: &v1alpha1.IstioVirtualService{Name: vs}}
	return ro
}

// sharedService is the VirtualService shop/web with routes that the Rollouts shop/a,
// shop/b and front/far have made, each under its own name, beside a route for each
// namespace that splits.
func sharedService(t *testing.T) *unstructured.Unstructured {
	t.Helper()
	vs := istioKind(istio.KindVirtualService)
	vs.SetNamespace("shop")
	vs.SetName("web")
	vs.SetAnnotations(map[string]string{v1alpha1.ManagedByRolloutsKey: "b"})
	split := func(namespace string) any {
		to := func(service string) any {
			return map[string]any{"destination": map[string]any{"host": service + "." + namespace}}
		}
		return map[string]any{"name": namespace, "route": []any{to("stable"), to("canary")}}
	}
	vs.Object["spec"] = map[string]any{"http": []any{split("shop"), split("front")}}
	for _, by := range []types.NamespacedName{{Namespace: "shop", Name: "a"}, {Namespace: "shop", Name: "b"}, {Namespace: "front", Name: "far"}} {
		out, _, err := istio.TransformVirtualService(vs.Object, istio.Target{Namespace: by.Namespace, Name: by.Name, Routes: v1alpha1.IstioVirtualService{Name: "web", Routes: []string{by.Namespace}}}, traffic.Routing{
			StableService: "stable", CanaryService: "canary", Managed: []string{by.Name},
			Headers: []v1alpha1.SetHeaderRoute{{Name: by.Name, Match: []v1alpha1.HeaderRoutingMatch{{HeaderName: "x-to", HeaderValue: &v1alpha1.StringMatch{Exact: by.Name}}}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		vs.Object = out
	}
	return vs
}

// TestVirtualServicesThatNeedALook: one whose Rollouts all name it needs none, one with a
// route of a Rollout that does not needs one.
func TestVirtualServicesThatNeedALook(t *testing.T) {
	specs := newRolloutSpecs()
	know := func(ro *v1alpha1.Rollout) { specs.of(client.ObjectKeyFromObject(ro), ro) }
	r := &routeReconciler{specs: specs, kind: istio.KindVirtualService}
	vs := sharedService(t)
	key := client.ObjectKeyFromObject(vs)
	know(routing("shop", "a", "web"))
	know(routing("shop", "b", "web"))
	if r.isEcho(key, vs) {
		t.Error("nobody looks at the route of a Rollout that does not name it")
	}
	know(routing("front", "far", "web.shop"))
	if !r.isEcho(key, vs) {
		t.Error("it is looked at though all name it")
	}
}

package check_test

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
	"github.com/aviary-rollouts/aviary/sim/check"
)

// virtualService splits the requests of web; experiment gets what is left.
func virtualService(stable, canary, experiment int64) *unstructured.Unstructured {
	to := func(host string, weight int64) any {
		return map[string]any{"destination": map[string]any{"host": host}, "weight": weight}
	}
	route := []any{to("stable", stable), to("canary", canary)}
	if experiment > 0 {
		route = append(route, to("experiment", experiment))
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
		"metadata": map[string]any{"namespace": "default", "name": "web"},
		"spec":     map[string]any{"hosts": []any{"web"}, "http": []any{map[string]any{"name": "primary", "route": route}}},
	}}
}

// subsetsOfWeb splits them between subsets of the Service web.
func subsetsOfWeb(stable, canary int64) *unstructured.Unstructured {
	vs := virtualService(stable, canary, 0)
	routes, _, _ := unstructured.NestedSlice(vs.Object, "spec", "http")
	for _, entry := range routes[0].(map[string]any)["route"].([]any) {
		to := entry.(map[string]any)["destination"].(map[string]any)
		to["host"], to["subset"] = "web", to["host"]
	}
	vs.Object["spec"].(map[string]any)["http"] = routes
	return vs
}

// split writes the VirtualService as the controller.
func (b *bench) split(stable, canary int64) {
	b.t.Helper()
	b.update(virtualService(stable, canary, 0))
}

func (b *bench) update(vs *unstructured.Unstructured) {
	b.t.Helper()
	now := &unstructured.Unstructured{}
	now.SetGroupVersionKind(vs.GroupVersionKind())
	b.get(now, "web")
	vs.SetResourceVersion(now.GetResourceVersion())
	b.do(b.client.Update(b.t.Context(), vs))
}

func (b *bench) service(name, hash string) {
	b.t.Helper()
	b.do(b.client.Create(b.t.Context(), &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name},
		Spec: corev1.ServiceSpec{
			Selector: map[string]string{v1alpha1.DefaultRolloutUniqueLabelKey: hash}, Ports: []corev1.ServicePort{{Port: 80}},
		},
	}))
}

// routed is a canary whose requests a VirtualService splits, with five stable
// pods, and so many ready pods of the new revision.
func routed(t *testing.T, ready int, checks ...check.Check) *bench {
	b := newBench(t, append(checks, check.NewRoutes())[0])
	ro := b.rollout(func(ro *v1alpha1.Rollout) {
		c := ro.Spec.Strategy.Canary
		c.StableService, c.CanaryService = "stable", "canary"
		c.TrafficRouting = &v1alpha1.RolloutTrafficRouting{
			Istio:         &v1alpha1.IstioTrafficRouting{VirtualService: &v1alpha1.IstioVirtualService{Name: "web"}},
			ManagedRoutes: []v1alpha1.ManagedRoute{{Name: "by-header"}},
		}
	})
	b.set(ro, "old", 5, 5)
	b.set(ro, "new", 2, ready)
	b.service("stable", "old")
	b.service("canary", "new")
	b.do(b.client.Create(t.Context(), virtualService(100, 0, 0)))
	b.status(func(s *v1alpha1.RolloutStatus) { s.StableRS, s.CurrentPodHash = "old", "new" })
	b.settled()
	b.sleep(time.Second)
	return b
}

// endExperiment lets somebody delete an Experiment that has a share of the requests.
func (b *bench) endExperiment(actor string) {
	b.t.Helper()
	ro := &v1alpha1.Rollout{}
	b.get(ro, "web")
	b.experiment("web-new-2-0", ro)
	b.split(80, 20)
	b.settled()
	b.delete(actor, &v1alpha1.Experiment{}, "web-new-2-0")
	b.selects("canary", "none")
}

func TestRoutes(t *testing.T) {
	tests := []struct {
		name    string
		ready   int
		change  func(*bench)
		because string // empty: allowed
	}{
		{"a share for ready pods", 2, func(b *bench) { b.split(80, 20) }, ""},
		{"a share for nobody", 0, func(b *bench) { b.split(80, 20) },
			`routes: rollout default/web: VirtualService web route "primary": 20 % of the requests go to canary and no ready pod (before: 0 %, 0 ready pods)`},
		{"too little in all", 2, func(b *bench) { b.split(70, 20) }, `VirtualService web route "primary": the weights add up to 90, not 100`},
		{"less than nothing", 2, func(b *bench) { b.split(120, -20) }, "canary has a weight of -20"},
		{"the last pods are taken from a share", 2, func(b *bench) { b.split(80, 20); b.settled(); b.scale("new", 0) },
			"20 % of the requests go to canary and no ready pod (before: 20 %, 2 ready pods)"},
		{"the pods are taken when the share is gone", 2, func(b *bench) { b.split(80, 20); b.split(100, 0); b.settled(); b.scale("new", 0) }, ""},
		{"the Service of a share selects nobody", 2, func(b *bench) { b.split(80, 20); b.settled(); b.selects("canary", "none") },
			"20 % of the requests go to canary and no ready pod"},
		{"the world takes the pods", 2, func(b *bench) {
			b.split(80, 20)
			b.remove("somebody", "web-new-6")
			b.remove("somebody", "web-new-7")
			b.sleep(time.Second)
			b.split(90, 10)
		}, ""},
		{"a person takes an Experiment, and what leads to it", 2, func(b *bench) { b.endExperiment("somebody") }, ""},
		{"the controller takes an Experiment, and what leads to it", 2, func(b *bench) { b.endExperiment("controller") },
			"20 % of the requests go to canary and no ready pod"},
		{"less after the abort", 2, func(b *bench) { b.split(80, 20); b.abort(); b.split(90, 10) }, ""},
		{"more after the abort", 2, func(b *bench) { b.split(80, 20); b.abort(); b.sleep(time.Second); b.split(70, 30) },
			"the share of new rises from 20 to 30 after the abort"},
		{"more after a retry", 2, func(b *bench) {
			b.split(80, 20)
			b.abort()
			b.status(func(s *v1alpha1.RolloutStatus) { s.Abort = false })
			b.sleep(time.Second)
			b.split(70, 30)
		}, ""},
		{"a subset of pods that its Service does not select", 2, func(b *bench) {
			b.subsets("stable", "canary")
			b.service("web", "new")
			b.update(subsetsOfWeb(80, 20))
		}, "80 % of the requests go to web subset stable and no ready pod"},
		{"a subset of pods that its Service selects", 2, func(b *bench) {
			b.subsets("stable", "canary")
			b.service("web", "old")
			b.update(subsetsOfWeb(80, 20))
		}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := routed(t, test.ready)
			test.change(b)
			if test.because == "" {
				b.settled()
			} else {
				b.broken(test.because)
			}
		})
	}
}

// With dynamicStableScale no stable pods are asked for at a weight of 100: a route
// that the Rollout does not steer may then lead to nobody, the one it steers not.
func TestRoutesOfUsersWhereStablePodsMakeWay(t *testing.T) {
	for _, test := range []struct {
		dynamic        bool
		stable, canary int64
		because        string
	}{
		{true, 0, 100, ""},
		{false, 0, 100, `VirtualService web route "health": 100 % of the requests go to stable and no ready pod`},
		{true, 50, 50, `VirtualService web route "primary": 50 % of the requests go to stable and no ready pod`},
	} {
		b := routed(t, 2)
		b.spec(func(ro *v1alpha1.Rollout) {
			ro.Spec.Strategy.Canary.DynamicStableScale = test.dynamic
			ro.Spec.Strategy.Canary.TrafficRouting.Istio.VirtualService.Routes = []string{"primary"}
		})
		vs := virtualService(test.stable, test.canary, 0)
		routes, _, _ := unstructured.NestedSlice(vs.Object, "spec", "http")
		health := map[string]any{"name": "health", "route": []any{map[string]any{"destination": map[string]any{"host": "stable"}}}}
		b.do(unstructured.SetNestedSlice(vs.Object, append(routes, health), "spec", "http"))
		b.update(vs)
		b.settled()
		b.scale("old", 0)
		if test.because == "" {
			b.settled()
		} else {
			b.broken(test.because)
		}
	}
}

func (b *bench) abort() {
	b.t.Helper()
	b.status(func(s *v1alpha1.RolloutStatus) { s.Abort = true })
}

// selects points a Service at a revision as the controller.
func (b *bench) selects(name, hash string) {
	b.t.Helper()
	svc := &corev1.Service{}
	b.get(svc, name)
	svc.Spec.Selector = map[string]string{v1alpha1.DefaultRolloutUniqueLabelKey: hash}
	b.do(b.client.Update(b.t.Context(), svc))
}

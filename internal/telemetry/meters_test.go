package telemetry

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

var web = types.NamespacedName{Namespace: "shop", Name: "web"}

func metersOf(t *testing.T, objects ...client.Object) (*Meters, client.Client) {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).Build()
	m := New("v1")
	m.Observe(c, true)
	return m, c
}

func canary() *v1alpha1.Rollout {
	return &v1alpha1.Rollout{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"},
		Spec:       v1alpha1.RolloutSpec{Strategy: v1alpha1.RolloutStrategy{Canary: &v1alpha1.CanaryStrategy{}}},
		Status:     v1alpha1.RolloutStatus{Phase: v1alpha1.RolloutPhasePaused, Replicas: 5, AvailableReplicas: 4, UpdatedReplicas: 1},
	}
}

// TestMetersFollowObjects: what was counted for an object goes with it.
func TestMetersFollowObjects(t *testing.T) {
	ctx, ro := context.Background(), canary()
	m, c := metersOf(t, ro)
	m.Event(ro, "Normal", "RolloutPaused")
	m.Event(ro, "Normal", "RolloutPaused")
	m.Reconciled(ctx, "rollout", web, 30*time.Millisecond, nil)
	m.Reconciled(ctx, "rollout", web, 2*time.Second, errors.New("conflict"))
	names := []string{"rollout_info", "rollout_info_replicas_unavailable", "rollout_reconcile_error", "rollout_events_total", "rollout_reconcile"}
	const want = `
# HELP rollout_events_total Events of an object under control
# TYPE rollout_events_total counter
rollout_events_total{name="web",namespace="shop",reason="RolloutPaused",type="Normal"} 2
# HELP rollout_info A Rollout
# TYPE rollout_info gauge
rollout_info{name="web",namespace="shop",phase="Paused",strategy="canary",traffic_router=""} 1
# HELP rollout_info_replicas_unavailable Pods that are not available
# TYPE rollout_info_replicas_unavailable gauge
rollout_info_replicas_unavailable{name="web",namespace="shop"} 1
# HELP rollout_reconcile Duration of reconciles, in seconds
# TYPE rollout_reconcile histogram
rollout_reconcile_bucket{name="web",namespace="shop",le="0.01"} 0
rollout_reconcile_bucket{name="web",namespace="shop",le="0.025"} 0
rollout_reconcile_bucket{name="web",namespace="shop",le="0.05"} 1
rollout_reconcile_bucket{name="web",namespace="shop",le="0.1"} 1
rollout_reconcile_bucket{name="web",namespace="shop",le="0.25"} 1
rollout_reconcile_bucket{name="web",namespace="shop",le="0.5"} 1
rollout_reconcile_bucket{name="web",namespace="shop",le="1"} 1
rollout_reconcile_bucket{name="web",namespace="shop",le="+Inf"} 2
rollout_reconcile_sum{name="web",namespace="shop"} 2.03
rollout_reconcile_count{name="web",namespace="shop"} 2
# HELP rollout_reconcile_error Reconciles that failed
# TYPE rollout_reconcile_error counter
rollout_reconcile_error{name="web",namespace="shop"} 1
`
	if err := testutil.CollectAndCompare(m, strings.NewReader(want), names...); err != nil {
		t.Error(err)
	}
	if err := c.Delete(ctx, ro); err != nil {
		t.Fatal(err)
	}
	m.Reconciled(ctx, "rollout", web, time.Millisecond, nil) // the one that finds it gone
	if err := testutil.CollectAndCompare(m, strings.NewReader(""), names...); err != nil {
		t.Error(err)
	}
}

// TestEventsOfStrangers: of an object that the cache does not have, because it is gone or
// another controller has it, no series begins: none would end.
func TestEventsOfStrangers(t *testing.T) {
	m, _ := metersOf(t, canary())
	stranger := canary()
	stranger.Name = "other"
	m.Event(stranger, "Normal", "SwitchService")
	if err := testutil.CollectAndCompare(m, strings.NewReader(""), "rollout_events_total", "rollout_reconcile_error"); err != nil {
		t.Error(err)
	}
}

// TestDuplicatesDoNotBreakTheScrape: nobody has checked a template before it is
// used, and objects of two kinds may have one name.
func TestDuplicatesDoNotBreakTheScrape(t *testing.T) {
	twice := v1alpha1.Metric{Name: "a", Provider: v1alpha1.MetricProvider{Prometheus: &v1alpha1.PrometheusMetric{Query: "1"}}}
	run := &v1alpha1.AnalysisRun{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}, Spec: v1alpha1.AnalysisRunSpec{Metrics: []v1alpha1.Metric{twice, twice}}}
	template := &v1alpha1.AnalysisTemplate{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}, Spec: v1alpha1.AnalysisTemplateSpec{Metrics: []v1alpha1.Metric{twice, twice}}}
	m, _ := metersOf(t, canary(), run, template)
	m.Event(canary(), "Normal", "X")
	m.Event(run, "Normal", "X")
	registry := prometheus.NewPedanticRegistry()
	if err := registry.Register(m); err != nil {
		t.Fatal(err)
	}
	if _, err := registry.Gather(); err != nil {
		t.Error(err)
	}
	if !registry.Unregister(m) {
		t.Error("the meters cannot be taken back")
	}
}

func TestRequests(t *testing.T) {
	m := New("v1")
	rt := m.CountRequests(roundTripper(func(*http.Request) (*http.Response, error) { return &http.Response{StatusCode: 200}, nil }))
	for _, r := range [][2]string{
		{"GET", "/api/v1/pods?watch=true"},
		{"GET", "/api/v1/namespaces/shop"},
		{"PUT", "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web/status"},
		{"POST", "/apis/apps/v1/namespaces/shop/replicasets"},
		{"GET", "/apis/networking.istio.io"},
		{"DELETE", "/apis/batch/v1/namespaces/shop/jobs/x"},
	} {
		req, err := http.NewRequest(r[0], "https://cluster"+r[1], nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := rt.RoundTrip(req); err != nil {
			t.Fatal(err)
		}
	}
	const want = `
# HELP controller_clientset_k8s_request_total Requests to the API server by resource, verb and answer
# TYPE controller_clientset_k8s_request_total counter
controller_clientset_k8s_request_total{kind="discovery",status_code="200",verb="list"} 1
controller_clientset_k8s_request_total{kind="jobs",status_code="200",verb="delete"} 1
controller_clientset_k8s_request_total{kind="namespaces",status_code="200",verb="get"} 1
controller_clientset_k8s_request_total{kind="pods",status_code="200",verb="watch"} 1
controller_clientset_k8s_request_total{kind="replicasets",status_code="200",verb="create"} 1
controller_clientset_k8s_request_total{kind="rollouts/status",status_code="200",verb="update"} 1
`
	if err := testutil.CollectAndCompare(m.requests, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
}

package telemetry

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/aviary-rollouts/aviary/sim/mesh/istiometric"
)

func show(t *testing.T, b *Book) []string {
	t.Helper()
	w := httptest.NewRecorder()
	b.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	var lines []string
	for line := range strings.Lines(w.Body.String()) {
		if !strings.HasPrefix(line, "#") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

// The series of two pods, with different labels, at one place. What the pod's own
// labels say does not hide what the proxy says.
func TestBook(t *testing.T) {
	b := NewBook()
	shell := types.NamespacedName{Namespace: "default", Name: "shell"}
	server := types.NamespacedName{Namespace: "default", Name: "mock-server-7c6fcfb847-1"}
	request := istiometric.Request{
		Source: true, From: istiometric.Named(shell),
		To:          istiometric.Identity{Namespace: "default", Workload: "mock-server", App: "mock-server", Service: "mock-server", Revision: "latest", Principal: "spiffe://cluster.local/ns/default/sa/default"},
		Destination: "mock-server-canary.default.svc.cluster.local", Protocol: "http", Code: 200,
	}
	b.Reporter(shell, "10.0.0.1", map[string]string{"app": "shell", "reporter": "somebody"}).Count(&request, 3*time.Millisecond)
	request.Source = false
	b.Reporter(server, "10.0.0.2", map[string]string{"rollouts-pod-template-hash": "7c6fcfb847", "a.b": "1", "a-b": "2"}).Count(&request, 2*time.Millisecond)
	lines := show(t, b)
	var totals, buckets []string
	for _, line := range lines {
		if strings.HasPrefix(line, "istio_requests_total") {
			totals = append(totals, line)
		}
		if strings.Contains(line, `_bucket{app="shell"`) {
			_, after, _ := strings.Cut(line, `le="`)
			bound, _, _ := strings.Cut(after, `"`)
			buckets = append(buckets, bound+" "+line[strings.LastIndex(line, " ")+1:])
		}
	}
	common := `connection_security_policy="%",destination_app="mock-server",destination_canonical_revision="latest",destination_canonical_service="mock-server",` +
		`destination_cluster="Kubernetes",destination_principal="spiffe://cluster.local/ns/default/sa/default",` +
		`destination_service="mock-server-canary.default.svc.cluster.local",destination_service_name="mock-server-canary",destination_service_namespace="default",` +
		`destination_version="unknown",destination_workload="mock-server",destination_workload_namespace="default",`
	source := `response_code="200",response_flags="-",%source_app="shell",source_canonical_revision="latest",source_canonical_service="shell",source_cluster="Kubernetes",` +
		`source_principal="spiffe://cluster.local/ns/default/sa/shell",source_version="unknown",source_workload="shell",source_workload_namespace="default"} 1`
	fill := func(format, with string) string { return strings.Replace(format, "%", with, 1) }
	want := []string{
		`istio_requests_total{a_b="1",` + fill(common, "mutual_tls") + `instance="10.0.0.2:15020",job="kubernetes-pods",namespace="default",pod="mock-server-7c6fcfb847-1",reporter="destination",request_protocol="http",` + fill(source, `rollouts_pod_template_hash="7c6fcfb847",`),
		`istio_requests_total{app="shell",` + fill(common, "unknown") + `instance="10.0.0.1:15020",job="kubernetes-pods",namespace="default",pod="shell",reporter="source",request_protocol="http",` + fill(source, ""),
	}
	if diff := cmp.Diff(want, slices.Sorted(slices.Values(totals))); diff != "" {
		t.Error(diff)
	}
	wantBuckets := "0.5 0 1 0 5 1 10 1 25 1 50 1 100 1 250 1 500 1 1000 1 2500 1 5000 1 10000 1 30000 1 60000 1 300000 1 600000 1 1.8e+06 1 3.6e+06 1 +Inf 1"
	if got := strings.Join(buckets, " "); got != wantBuckets {
		t.Errorf("buckets %s", got)
	}
	b.Remove(server)
	for _, line := range show(t, b) {
		if strings.Contains(line, `pod="mock-server-7c6fcfb847-1"`) {
			t.Errorf("the pod is gone: %s", line)
		}
	}
}

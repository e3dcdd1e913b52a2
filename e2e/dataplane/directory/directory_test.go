package directory

import (
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/aviary-rollouts/aviary/internal/clock"
)

func pod(name, ip string, phase corev1.PodPhase) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}, Status: corev1.PodStatus{PodIP: ip, Phase: phase}}
}

func service(name, ip string) *corev1.Service {
	return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}, Spec: corev1.ServiceSpec{
		ClusterIP: ip, Ports: []corev1.ServicePort{{Name: "http", Port: 80}, {Name: "admin", Port: 81}},
	}}
}

func slice(name, of string) *discoveryv1.EndpointSlice {
	yes, no, number, port := true, false, int32(8080), "http"
	return &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, Labels: map[string]string{discoveryv1.LabelServiceName: of}},
		Ports:      []discoveryv1.EndpointPort{{Name: &port, Port: &number}},
		Endpoints: []discoveryv1.Endpoint{
			{Addresses: []string{"10.244.1.2"}, Conditions: discoveryv1.EndpointConditions{Ready: &yes}},
			{Addresses: []string{"10.244.1.1"}},
			{Addresses: []string{"10.244.1.3"}, Conditions: discoveryv1.EndpointConditions{Ready: &no}},
		},
	}
}

func TestDirectory(t *testing.T) {
	client := fake.NewClientset(
		pod("one", "10.244.1.1", corev1.PodRunning), pod("done", "10.244.1.1", corev1.PodSucceeded),
		service("web", "10.96.0.7"), service("headless", "None"), slice("web-1", "web"), slice("other-1", "other"))
	d, err := New(client)
	if err != nil {
		t.Fatal(err)
	}
	var gone atomic.Value
	d.OnGone(func(key types.NamespacedName) { gone.Store(key.String()) })
	if err := d.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ host, namespace, service, ip string }{
		{"web", "default", "web", "10.96.0.7"}, {"web", "other", "", "invalid IP"}, {"web.default", "other", "web", "10.96.0.7"},
		{"web.default.svc", "", "web", "10.96.0.7"}, {"web.default.svc.cluster.local", "", "web", "10.96.0.7"},
		{"web.default.svc.cluster.local.", "", "web", "10.96.0.7"}, {"10.96.0.7", "", "web", "10.96.0.7"},
		{"10.244.1.1", "", "", "10.244.1.1"}, {"headless", "default", "headless", "invalid IP"}, {"example.org", "default", "", "invalid IP"},
	} {
		place := d.Resolve(tc.host, tc.namespace)
		name := ""
		if place.Service != nil {
			name = place.Service.Name
		}
		if name != tc.service || place.IP.String() != tc.ip {
			t.Errorf("%s in %s: %q %s", tc.host, tc.namespace, name, place.IP)
		}
	}
	web := d.Resolve("web", "default").Service
	list, err := d.Endpoints(web, 80)
	if err != nil || len(list) != 2 || list[0] != "10.244.1.1:8080" || list[1] != "10.244.1.2:8080" {
		t.Errorf("%v %v", list, err)
	}
	if list, err := d.Endpoints(web, 81); err != nil || len(list) != 0 {
		t.Errorf("a port that no endpoint has: %v %v", list, err)
	}
	if _, err := d.Endpoints(web, 82); err == nil || err.Error() != "connection refused: Service default/web has no port 82" {
		t.Errorf("%v", err)
	}
	if p := d.PodAt("10.244.1.1"); p == nil || p.Name != "one" {
		t.Errorf("%v", p)
	}
	if p := d.PodAt("10.244.9.9"); p != nil {
		t.Errorf("%v", p)
	}
	if p := d.Pod(types.NamespacedName{Namespace: "default", Name: "done"}); p == nil {
		t.Error("the pod is not known by its name")
	}
	if err := client.CoreV1().Pods("default").Delete(t.Context(), "one", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		if gone.Load() == "default/one" {
			return
		}
		if err := clock.Wait(t.Context(), 10*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	t.Error("nobody is told that the pod is gone")
}

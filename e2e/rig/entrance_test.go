package rig

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

func node(name string, addresses ...corev1.NodeAddress) corev1.Node {
	return corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}, Status: corev1.NodeStatus{Addresses: addresses}}
}

func entranceAt(port int32) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "istio-system", Name: "dataplane-entrance"},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeNodePort, Ports: []corev1.ServicePort{{Port: 15001, NodePort: port}}},
	}
}

func TestDoors(t *testing.T) {
	nodes := []corev1.Node{
		node("a", corev1.NodeAddress{Type: corev1.NodeHostName, Address: "a"}, corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: "172.18.0.2"}),
		node("b", corev1.NodeAddress{Type: corev1.NodeExternalIP, Address: "fc00::3"}),
	}
	got := doors(nodes, entranceAt(30501).Spec.Ports)
	if want := []string{"172.18.0.2:30501", "[fc00::3]:30501"}; !slices.Equal(got, want) {
		t.Errorf("doors = %v, want %v", got, want)
	}
	if got := doors(nodes, []corev1.ServicePort{{Port: 15001}}); len(got) != 0 {
		t.Errorf("doors without a node port = %v, want none", got)
	}
}

// The first node that answers is the way, and one that does not answer is passed over.
func TestOpenEntrance(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	_, text, _ := net.SplitHostPort(server.Listener.Addr().String())
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	deaf := node("deaf", corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: "127.255.255.254"})
	hears := node("hears", corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: "127.0.0.1"})
	host, err := planeEntrance.open(context.Background(), fake.NewClientset(&deaf, &hears, entranceAt(int32(port))))
	if err != nil || host != server.Listener.Addr().String() {
		t.Errorf("open = %q, %v, want %s", host, err, server.Listener.Addr())
	}
}

func TestOpenEntranceNamesNodesThatDoNotAnswer(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	host := server.Listener.Addr().String()
	server.Close()
	_, text, _ := net.SplitHostPort(host)
	port, _ := strconv.Atoi(text) // the server has listened at it
	gone := node("gone", corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: "127.0.0.1"})
	_, err := planeEntrance.open(context.Background(), fake.NewClientset(&gone, entranceAt(int32(port))))
	if err == nil || !strings.Contains(err.Error(), host) {
		t.Errorf("open at a closed port: %v, want an error that names %s", err, host)
	}
}

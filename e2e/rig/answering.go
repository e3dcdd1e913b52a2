package rig

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aviary-rollouts/aviary/e2e/dataplane"
)

// answering is this machine as the proxy of a controller that runs in a cluster: it answers
// for the hosts that scenarios serve, and for no other.
type answering struct {
	servers *servers
	front   *http.Server
	address string // HOST:PORT, for the pods of the cluster
}

// answer starts to answer for the hosts of scenarios where pods reach this machine: in a
// cluster of kind whose nodes are containers here. Elsewhere scenarios with such hosts
// are skipped.
func (r *Remote) answer(ctx context.Context) error {
	if !r.options.Loaded {
		return nil
	}
	nodes, err := r.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("list nodes: %w", err)
	}
	own, err := net.InterfaceAddrs()
	if err != nil {
		return fmt.Errorf("list the addresses of this machine: %w", err)
	}
	ip := facing(nodes.Items, own)
	if ip == nil {
		fmt.Fprintln(r.options.Progress, "scenarios with servers of their own are left out: no node is in a network of this machine")
		return nil
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(ip.String(), "0"))
	if err != nil {
		return fmt.Errorf("a port for the hosts of scenarios: %w", err)
	}
	a := &answering{servers: &servers{proxy: http.HandlerFunc(nobody)}, address: listener.Addr().String()}
	a.front = &http.Server{Handler: a.servers, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = a.front.Serve(listener) }() // it ends with Stop
	r.answers = a
	return nil
}

// facing returns the address of this machine in a network that it shares with a node, or nil.
func facing(nodes []corev1.Node, own []net.Addr) net.IP {
	for i := range nodes {
		for _, node := range nodes[i].Status.Addresses {
			for _, a := range own {
				network, ok := a.(*net.IPNet)
				if ip := net.ParseIP(node.Address); ok && ip != nil && network.Contains(ip) {
					return network.IP
				}
			}
		}
	}
	return nil
}

// nobody answers for hosts that no scenario serves.
func nobody(w http.ResponseWriter, r *http.Request) {
	dataplane.Refuse(w, fmt.Errorf("%w: no scenario answers for %s", dataplane.ErrNoHost, r.URL.Hostname()))
}

// environment makes the controller ask this machine, of all but Prometheus, which is in the
// cluster. Only plain HTTP goes by the proxy.
func (a *answering) environment() []corev1.EnvVar {
	direct := []string{"localhost", "127.0.0.1"}
	for _, host := range prometheusHosts {
		name, _, _ := strings.Cut(host, ":")
		direct = append(direct, name)
	}
	return []corev1.EnvVar{{Name: "HTTP_PROXY", Value: "http://" + a.address}, {Name: "NO_PROXY", Value: strings.Join(direct, ",")}}
}

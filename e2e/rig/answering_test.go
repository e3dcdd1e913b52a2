package rig

import (
	"net"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// This machine answers at its address in the network of the nodes, if it is in that.
func TestFacing(t *testing.T) {
	own := func(networks ...string) (list []net.Addr) {
		for _, text := range networks {
			ip, network, err := net.ParseCIDR(text)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, &net.IPNet{IP: ip, Mask: network.Mask})
		}
		return list
	}
	nodes := []corev1.Node{{Status: corev1.NodeStatus{Addresses: []corev1.NodeAddress{
		{Type: corev1.NodeHostName, Address: "worker"}, {Type: corev1.NodeInternalIP, Address: "172.18.0.3"},
	}}}}
	if got := facing(nodes, own("127.0.0.1/8", "192.168.7.20/24", "172.18.0.1/16")); got.String() != "172.18.0.1" {
		t.Errorf("at %v", got)
	}
	if got := facing(nodes, own("127.0.0.1/8", "192.168.7.20/24")); got != nil {
		t.Errorf("at %v, where no node reaches this machine", got)
	}
}

package store

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func defaultService(spec *corev1.ServiceSpec) {
	orDefault(&spec.Type, corev1.ServiceTypeClusterIP)
	orDefault(&spec.SessionAffinity, corev1.ServiceAffinityNone)
	if spec.SessionAffinity == corev1.ServiceAffinityClientIP && spec.SessionAffinityConfig == nil {
		seconds := corev1.DefaultClientIPServiceAffinitySeconds
		spec.SessionAffinityConfig = &corev1.SessionAffinityConfig{ClientIP: &corev1.ClientIPConfig{TimeoutSeconds: &seconds}}
	}
	for i := range spec.Ports {
		port := &spec.Ports[i]
		orDefault(&port.Protocol, corev1.ProtocolTCP)
		if port.TargetPort == intstr.FromInt32(0) || port.TargetPort == intstr.FromString("") {
			port.TargetPort = intstr.FromInt32(port.Port)
		}
	}
	if spec.Type == corev1.ServiceTypeExternalName {
		return
	}
	orPointer(&spec.InternalTrafficPolicy, corev1.ServiceInternalTrafficPolicyCluster)
	if spec.Type == corev1.ServiceTypeNodePort || spec.Type == corev1.ServiceTypeLoadBalancer {
		orDefault(&spec.ExternalTrafficPolicy, corev1.ServiceExternalTrafficPolicyCluster)
	}
	if spec.Type == corev1.ServiceTypeLoadBalancer {
		orPointer(&spec.AllocateLoadBalancerNodePorts, true)
	}
}

// allocate gives a Service its address and node ports, and keeps those that it
// has when an update leaves them out. Other kinds have nothing to allocate.
func (s *Store) allocate(t *table, next, cur client.Object) {
	svc, ok := next.(*corev1.Service)
	if !ok || svc.Spec.Type == corev1.ServiceTypeExternalName {
		return
	}
	if old, ok := cur.(*corev1.Service); ok {
		keepAllocated(&svc.Spec, &old.Spec)
	}
	if svc.Spec.ClusterIP == "" {
		svc.Spec.ClusterIP = s.freeClusterIP(t, client.ObjectKeyFromObject(svc).String())
	}
	if len(svc.Spec.ClusterIPs) == 0 {
		svc.Spec.ClusterIPs = []string{svc.Spec.ClusterIP}
	}
	if len(svc.Spec.IPFamilies) == 0 {
		svc.Spec.IPFamilies = []corev1.IPFamily{corev1.IPv4Protocol}
	}
	orPointer(&svc.Spec.IPFamilyPolicy, corev1.IPFamilyPolicySingleStack)
	if svc.Spec.Type == corev1.ServiceTypeClusterIP {
		return
	}
	for i := range svc.Spec.Ports {
		if svc.Spec.Ports[i].NodePort == 0 {
			svc.Spec.Ports[i].NodePort = s.freeNodePort(t, svc, i)
		}
	}
}

func keepAllocated(next, old *corev1.ServiceSpec) {
	if old.Type == corev1.ServiceTypeExternalName {
		return
	}
	if next.ClusterIP == "" {
		next.ClusterIP = old.ClusterIP
	}
	if len(next.ClusterIPs) == 0 && next.ClusterIP == old.ClusterIP {
		next.ClusterIPs = old.ClusterIPs
	}
	if len(next.IPFamilies) == 0 {
		next.IPFamilies = old.IPFamilies
	}
	if next.IPFamilyPolicy == nil {
		next.IPFamilyPolicy = old.IPFamilyPolicy
	}
	if next.Type == corev1.ServiceTypeClusterIP {
		return
	}
	for i := range next.Ports {
		for _, p := range old.Ports {
			if next.Ports[i].NodePort == 0 && p.Port == next.Ports[i].Port && p.Protocol == next.Ports[i].Protocol {
				next.Ports[i].NodePort = p.NodePort
			}
		}
	}
}

// The ranges of a kubeadm cluster. The first addresses are left to the
// services that every cluster has.
const (
	firstHost, lastHost         = 32, 0xfffe // of 10.96.0.0/16
	firstNodePort, lastNodePort = 30000, 32767
)

// freeClusterIP picks an address that depends on the seed and on the name of
// the Service, or the next free one after it.
func (s *Store) freeClusterIP(t *table, name string) string {
	taken := map[string]bool{}
	for _, r := range t.live {
		taken[r.head().(*corev1.Service).Spec.ClusterIP] = true
	}
	_, bits := s.kernel.Hash("clusterIP " + name)
	const size = lastHost - firstHost + 1
	for i := range uint64(size) {
		host := firstHost + (bits%size+i)%size
		if ip := fmt.Sprintf("10.96.%d.%d", host>>8, host&0xff); !taken[ip] {
			return ip
		}
	}
	return ""
}

// freeNodePort is freeClusterIP for the node port of the i-th port of svc.
func (s *Store) freeNodePort(t *table, svc *corev1.Service, i int) int32 {
	taken := map[int32]bool{}
	for _, r := range t.live {
		for _, p := range r.head().(*corev1.Service).Spec.Ports {
			taken[p.NodePort] = true
		}
	}
	for _, p := range svc.Spec.Ports {
		taken[p.NodePort] = true
	}
	_, bits := s.kernel.Hash(fmt.Sprintf("nodePort %s %d", client.ObjectKeyFromObject(svc), svc.Spec.Ports[i].Port))
	const size = lastNodePort - firstNodePort + 1
	for n := range uint64(size) {
		if port := int32(firstNodePort + (bits%size+n)%size); !taken[port] {
			return port
		}
	}
	return 0
}

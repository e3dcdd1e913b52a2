package experiment

import (
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// servicePorts is one port per port that the containers declare, with the same
// number and the same name: meshes read the protocol from the name. A Service
// with several ports needs a name for each.
func servicePorts(containers []corev1.Container) []corev1.ServicePort {
	type key struct {
		port     int32
		protocol corev1.Protocol
	}
	var ports []corev1.ServicePort
	seen, names := map[key]bool{}, map[string]bool{}
	for _, c := range containers {
		for _, p := range c.Ports {
			k := key{p.ContainerPort, p.Protocol}
			if k.protocol == "" {
				k.protocol = corev1.ProtocolTCP
			}
			if seen[k] {
				continue
			}
			seen[k] = true
			name := p.Name
			if names[name] {
				name = ""
			}
			names[name] = true
			ports = append(ports, corev1.ServicePort{Name: name, Port: k.port, Protocol: k.protocol, TargetPort: intstr.FromInt32(k.port)})
		}
	}
	if len(ports) < 2 {
		return ports
	}
	for i := range ports {
		if ports[i].Name == "" {
			ports[i].Name = freeName("port-"+strconv.Itoa(int(ports[i].Port)), "-", names)
			names[ports[i].Name] = true
		}
	}
	return ports
}

// PortInstead is the port that requests for another Service, which has some
// ports, must be sent to at the Service of a template. It is 0 where they need
// not be told, because they find their own port there, and where nothing is
// known that would suit them. Of several ports on both sides the first one of
// the other Service decides: it is the one that users come to.
//
//	80 to 8080                      the template declares 8080         8080
//	8080 to 8080                    8080                                  0
//	8080 and 80 to 8080             8080                               8080
//	80 to 3000                      8080: it has no other              8080
//	80 to "http", 9090 to "admin"   "http" 8080 and "admin" 9090       8080
//	9090 to "admin", 80 to "http"   "http" 8080 and "admin" 9090          0
func PortInstead(t *v1alpha1.TemplateSpec, other []corev1.ServicePort) int32 {
	own := servicePorts(t.Template.Spec.Containers)
	if len(own) > 1 {
		other = other[:min(1, len(other))]
	}
	found := false
	for _, p := range other {
		if slices.ContainsFunc(own, func(o corev1.ServicePort) bool { return o.Port == p.Port }) {
			found = true
			continue
		}
		if i := slices.IndexFunc(own, func(o corev1.ServicePort) bool { return leadsTo(p, o) }); i >= 0 {
			return own[i].Port
		}
	}
	if !found && len(other) > 0 && len(own) == 1 {
		return own[0].Port
	}
	return 0
}

// leadsTo is true where a port of a Service leads to a port of the containers.
func leadsTo(p, container corev1.ServicePort) bool {
	if p.TargetPort.Type == intstr.String {
		return p.TargetPort.StrVal == container.Name
	}
	return p.TargetPort.IntVal == container.Port
}

package experiment

import (
	"hash/fnv"
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/aviary-rollouts/aviary/api/v1alpha1"
)

// findService finds the Service of a version, or what stands in its way.
func (d *decision) findService(v *version) {
	if v.spec.Service != nil {
		v.serviceName = serviceName(v)
	}
	for _, svc := range d.Services {
		switch {
		case d.ours(svc) && templateOf(svc) == v.spec.Name && (v.service == nil || svc.Name == v.serviceName):
			v.service = svc
		case svc.Name == v.serviceName && v.serviceName != "":
			v.obstacle = svc
		}
	}
	v.status.ServiceName = ""
	if v.service != nil {
		v.status.ServiceName = v.service.Name
	}
}

// serviceName is the name that the template gives, or that of the ReplicaSet. A
// ReplicaSet may have a name that a Service may not: longer than 63 characters
// or with dots. It is then cut, and a hash of the whole keeps it unique.
func serviceName(v *version) string {
	if v.spec.Service.Name != "" {
		return v.spec.Service.Name
	}
	if len(validation.IsDNS1035Label(v.name)) == 0 {
		return v.name
	}
	h := fnv.New32a()
	h.Write([]byte(v.name))
	suffix := "-" + rand.SafeEncodeString(strconv.FormatUint(uint64(h.Sum32()), 10))
	name := strings.ReplaceAll(v.name, ".", "-")
	if name[0] >= '0' && name[0] <= '9' {
		name = "x" + name
	}
	name = name[:min(len(name), validation.DNS1035LabelMaxLength-len(suffix))]
	return strings.TrimRight(name, "-") + suffix
}

// runService creates the Service of a version if it wants one, lets it follow the
// pods when the template has changed, and deletes the one that it does not want.
func (d *decision) runService(v *version) {
	switch {
	case v.service != nil && v.service.Name != v.serviceName:
		d.deleteService(v.service)
	case v.service != nil:
		d.updateService(v)
	case v.serviceName == "":
	case v.obstacle != nil:
		d.waiting("template %s: %s", v.spec.Name, v.missing())
	default:
		v.status.ServiceName = v.serviceName
		d.do(CreateService{Service: d.newService(v)})
		d.event("ServiceCreated", "Created Service %s for template '%s'", v.serviceName, v.spec.Name)
	}
}

// updateService brings the Service of a version to what a new one would be.
func (d *decision) updateService(v *version) {
	wanted := d.newService(v)
	if maps.Equal(v.service.Spec.Selector, wanted.Spec.Selector) && slices.EqualFunc(v.service.Spec.Ports, wanted.Spec.Ports, samePort) {
		return
	}
	d.do(UpdateService{Service: v.service, Labels: wanted.Labels, Selector: wanted.Spec.Selector, Ports: wanted.Spec.Ports})
	d.event("ServiceUpdated", "Updated Service %s for template '%s'", v.service.Name, v.spec.Name)
}

// samePort compares what servicePorts says of a port; the rest is up to the API server.
func samePort(a, b corev1.ServicePort) bool {
	return a.Name == b.Name && a.Port == b.Port && a.Protocol == b.Protocol && a.TargetPort == b.TargetPort
}

// newService is the Service in front of a version: it has the ports of the
// containers and selects what the ReplicaSet selects.
func (d *decision) newService(v *version) *corev1.Service {
	selector := with(v.spec.Selector.MatchLabels, v1alpha1.DefaultRolloutUniqueLabelKey, v.status.PodTemplateHash)
	if v.rs != nil {
		selector = maps.Clone(v.rs.Spec.Selector.MatchLabels)
	}
	return &corev1.Service{
		ObjectMeta: d.meta(v, v.serviceName, selector),
		Spec:       corev1.ServiceSpec{Selector: selector, Ports: servicePorts(v.spec.Template.Spec.Containers)},
	}
}

func (d *decision) deleteService(svc *corev1.Service) {
	d.do(DeleteService{Service: svc})
	d.event("ServiceDeleted", "Deleted Service %s", svc.Name)
}

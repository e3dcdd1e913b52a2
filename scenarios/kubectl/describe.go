package kubectl

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Describe prints objects at length. It knows services and custom resources.
func Describe(ctx context.Context, k *Kubectl, args []string) error {
	f := flags("describe")
	selector := f.StringP("selector", "l", "", "")
	args, err := parse(f, args)
	if err != nil {
		return err
	}
	targets, err := k.targets(ctx, args, *selector, len(args) == 1)
	if err != nil {
		return err
	}
	for i, t := range targets {
		if i > 0 {
			k.printf("\n\n")
		}
		if err := k.describe(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

func (k *Kubectl) describe(ctx context.Context, t target) error {
	switch {
	case t.resource.gvk.Kind == "Service":
		return k.describeService(ctx, t.object)
	case t.resource.custom():
		return k.describeCustom(ctx, t.object)
	}
	return fmt.Errorf("error: the kubectl of scenarios describes services and custom resources only; use kubectl get %s %s -o yaml", t.resource.plural, t.object.GetName())
}

// labelWidth is the width of the first column of a service, which has
// "Internal Traffic Policy:" as its longest label.
const labelWidth = 26

func (k *Kubectl) field(label, value string) { k.printf("%-*s%s\n", labelWidth, label+":", value) }

// describeService prints a service as kubectl describe does.
func (k *Kubectl) describeService(ctx context.Context, svc *unstructured.Unstructured) error {
	v := view{obj: svc}
	k.field("Name", svc.GetName())
	k.field("Namespace", svc.GetNamespace())
	k.multiline("Labels", svc.GetLabels())
	annotations := svc.GetAnnotations()
	delete(annotations, corev1.LastAppliedConfigAnnotation)
	k.multiline("Annotations", annotations)
	k.field("Selector", orNone(v.stringMap("spec", "selector")))
	k.field("Type", v.get("spec", "type"))
	for _, f := range []struct{ label, field string }{{"IP Family Policy", "ipFamilyPolicy"}, {"IP Families", "ipFamilies"}} {
		if value := v.list("spec", f.field); value != "" {
			k.field(f.label, value)
		}
	}
	k.field("IP", orNone(v.get("spec", "clusterIP")))
	k.field("IPs", orNone(v.list("spec", "clusterIPs")))
	if err := k.describePorts(ctx, svc); err != nil {
		return err
	}
	k.field("Session Affinity", v.get("spec", "sessionAffinity"))
	if policy := v.get("spec", "internalTrafficPolicy"); policy != "" {
		k.field("Internal Traffic Policy", policy)
	}
	return k.describeEvents(ctx, svc)
}

// list returns a field that is one text or a list of texts, joined by commas.
func (v view) list(path ...string) string {
	if items, ok, _ := unstructured.NestedStringSlice(v.obj.Object, path...); ok {
		return strings.Join(items, ",")
	}
	return v.get(path...)
}

// multiline prints a map with one entry on a line; labels as "a=b",
// annotations as "a: b".
func (k *Kubectl) multiline(label string, m map[string]string) {
	separator := "="
	if label == "Annotations" {
		separator = ": "
	}
	var entries []string
	for key, value := range m {
		entries = append(entries, key+separator+value)
	}
	slices.Sort(entries)
	k.field(label, orNone(strings.Join(entries, "\n"+strings.Repeat(" ", labelWidth))))
}

func (k *Kubectl) describePorts(ctx context.Context, svc *unstructured.Unstructured) error {
	addresses, err := k.serviceAddresses(ctx, svc)
	if err != nil {
		return err
	}
	ports, _, _ := unstructured.NestedSlice(svc.Object, "spec", "ports")
	for _, p := range ports {
		p, ok := p.(map[string]any)
		if !ok {
			continue
		}
		name, _ := p["name"].(string)
		if name == "" {
			name = "<unset>"
		}
		k.field("Port", fmt.Sprintf("%s  %v/%s", name, p["port"], protocol(p)))
		k.field("TargetPort", fmt.Sprintf("%v/%s", p["targetPort"], protocol(p)))
		k.field("Endpoints", firstOf(addresses))
	}
	return nil
}

// serviceAddresses returns "IP:port" of what the service sends to, from its
// EndpointSlices or, where there are none, its Endpoints.
func (k *Kubectl) serviceAddresses(ctx context.Context, svc *unstructured.Unstructured) ([]string, error) {
	var list discoveryv1.EndpointSliceList
	if err := k.Client.List(ctx, &list, client.InNamespace(k.Namespace), client.MatchingLabels{discoveryv1.LabelServiceName: svc.GetName()}); err != nil {
		return nil, serverError(err)
	}
	var addresses []string
	for i := range list.Items {
		addresses = append(addresses, sliceAddresses(&list.Items[i])...)
	}
	if len(list.Items) > 0 {
		return addresses, nil
	}
	endpoints, err := resourceNamed("endpoints")
	if err != nil {
		return nil, err
	}
	obj, err := k.get(ctx, endpoints, svc.GetName())
	if apierrors.IsNotFound(err) {
		return nil, nil // nothing serves it
	}
	if err != nil {
		return nil, err
	}
	return endpointAddresses(obj), nil
}

// endpointAddresses returns the ready addresses of an Endpoints object.
func endpointAddresses(endpoints *unstructured.Unstructured) []string {
	subsets, _, _ := unstructured.NestedSlice(endpoints.Object, "subsets")
	var found []string
	for _, s := range subsets {
		subset, _ := s.(map[string]any)
		addresses, _, _ := unstructured.NestedSlice(subset, "addresses")
		var ports []string
		list, _, _ := unstructured.NestedSlice(subset, "ports")
		for _, p := range list {
			port, _ := p.(map[string]any)
			ports = append(ports, fmt.Sprint(port["port"]))
		}
		for _, a := range addresses {
			address, _ := a.(map[string]any)
			found = append(found, withPorts(fmt.Sprint(address["ip"]), ports)...)
		}
	}
	return found
}

// sliceAddresses returns the ready addresses of an EndpointSlice.
func sliceAddresses(slice *discoveryv1.EndpointSlice) []string {
	var ports, found []string
	for _, p := range slice.Ports {
		if p.Port != nil { // without one it is any port
			ports = append(ports, fmt.Sprint(*p.Port))
		}
	}
	for _, endpoint := range slice.Endpoints {
		if ready := endpoint.Conditions.Ready; ready != nil && !*ready {
			continue
		}
		for _, address := range endpoint.Addresses {
			found = append(found, withPorts(address, ports)...)
		}
	}
	return found
}

func withPorts(ip string, ports []string) []string {
	if len(ports) == 0 {
		return []string{ip}
	}
	var found []string
	for _, port := range ports {
		found = append(found, ip+":"+port)
	}
	return found
}

// describeEvents prints what happened to the object.
func (k *Kubectl) describeEvents(ctx context.Context, obj *unstructured.Unstructured) error {
	events, err := k.eventsOf(ctx, obj)
	if err != nil {
		return err
	}
	if len(events) == 0 {
		k.field("Events", "<none>")
		return nil
	}
	return k.printEvents(events)
}

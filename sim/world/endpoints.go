package world

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aviary-rollouts/aviary/internal/control"
	"github.com/aviary-rollouts/aviary/sim/label"
)

// endpoints is the EndpointSlice controller: one slice per Service with a
// selector, however many pods there are. The older Endpoints kind is not kept.
type endpoints struct {
	client    client.Client
	selectors map[types.NamespacedName]selectorOf
	pods      corev1.PodList // what was listed last, for its memory, as are the slices
	slices    discoveryv1.EndpointSliceList
}

// selectorOf is what a Service selected when it was last looked at. A Service
// that changed is looked at anyway, so this is never too old.
type selectorOf struct {
	labels.Selector
	set map[string]string
}

func (e *endpoints) row() control.Controller {
	return control.Controller{
		Name: "endpointslice-controller", For: &corev1.Service{}, Reconcile: e.reconcile,
		Watches: []control.Watch{{Kind: &corev1.Pod{}, Keys: e.selecting, Same: sameEndpoint}},
	}
}

// sameEndpoint is true for changes of a pod that no slice shows.
func sameEndpoint(was, is client.Object) bool {
	a, b := was.(*corev1.Pod), is.(*corev1.Pod)
	return hasEndpoint(a) == hasEndpoint(b) && a.Status.PodIP == b.Status.PodIP && podReady(a) == podReady(b) &&
		(a.DeletionTimestamp == nil) == (b.DeletionTimestamp == nil) && maps.Equal(a.Labels, b.Labels)
}

// hasEndpoint reports whether a pod that is selected is in a slice: it has an address and
// has not ended.
func hasEndpoint(pod *corev1.Pod) bool {
	return pod.Status.PodIP != "" && pod.Status.Phase != corev1.PodFailed && pod.Status.Phase != corev1.PodSucceeded
}

// selecting names the Services whose slices a pod is in, sorted.
func (e *endpoints) selecting(_ context.Context, obj client.Object) (keys []types.NamespacedName) {
	pod := obj.(*corev1.Pod)
	if !hasEndpoint(pod) {
		return nil
	}
	for key, selector := range e.selectors {
		if key.Namespace == pod.GetNamespace() && label.All(pod.GetLabels(), selector.set) {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, compareKeys)
	return keys
}

func (e *endpoints) reconcile(ctx context.Context, key types.NamespacedName) (time.Time, error) {
	svc := &corev1.Service{}
	if err := e.client.Get(ctx, key, svc); err != nil {
		if apierrors.IsNotFound(err) {
			delete(e.selectors, key)
			return time.Time{}, nil
		}
		return time.Time{}, fmt.Errorf("read Service %s: %w", key, err)
	}
	if len(svc.Spec.Selector) == 0 || svc.DeletionTimestamp != nil {
		delete(e.selectors, key)
		return time.Time{}, nil
	}
	selector := e.selectors[key]
	if !maps.Equal(selector.set, svc.Spec.Selector) {
		selector = selectorOf{labels.SelectorFromSet(svc.Spec.Selector), svc.Spec.Selector}
		e.selectors[key] = selector
	}
	if err := e.client.List(ctx, &e.pods, client.InNamespace(key.Namespace), client.MatchingLabelsSelector{Selector: selector}); err != nil {
		return time.Time{}, fmt.Errorf("list the pods of Service %s: %w", key, err)
	}
	return time.Time{}, e.write(ctx, svc, e.pods.Items)
}

// write creates or updates the Service's slice.
func (e *endpoints) write(ctx context.Context, svc *corev1.Service, pods []corev1.Pod) error {
	err := e.client.List(ctx, &e.slices, client.InNamespace(svc.Namespace), client.MatchingLabels{discoveryv1.LabelServiceName: svc.Name})
	if err != nil {
		return fmt.Errorf("list the slices of Service %s/%s: %w", svc.Namespace, svc.Name, err)
	}
	ends, ports := endpointsOf(pods), portsOf(svc, pods)
	if len(e.slices.Items) == 0 {
		slice := newSlice(svc)
		slice.Endpoints, slice.Ports = ends, ports
		err = e.client.Create(ctx, slice)
	} else { // the API server knows an update that changes nothing
		slice := &e.slices.Items[0]
		slice.Endpoints, slice.Ports = ends, ports
		err = e.client.Update(ctx, slice)
	}
	if err != nil {
		return fmt.Errorf("write the slice of Service %s/%s: %w", svc.Namespace, svc.Name, err)
	}
	return nil
}

func newSlice(svc *corev1.Service) *discoveryv1.EndpointSlice {
	return &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: svc.Namespace, GenerateName: svc.Name + "-",
			Labels: map[string]string{
				discoveryv1.LabelServiceName: svc.Name,
				discoveryv1.LabelManagedBy:   "endpointslice-controller.k8s.io",
			},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(svc, corev1.SchemeGroupVersion.WithKind("Service"))},
		},
		AddressType: discoveryv1.AddressTypeIPv4,
	}
}

// endpointsOf lists the pods that have an address, in the order of their
// names. Terminating pods are serving but not ready.
func endpointsOf(pods []corev1.Pod) []discoveryv1.Endpoint {
	var ends []discoveryv1.Endpoint
	for i := range pods {
		pod := &pods[i]
		if !hasEndpoint(pod) {
			continue
		}
		if ends == nil {
			ends = make([]discoveryv1.Endpoint, 0, len(pods)-i)
		}
		serving, terminating := podReady(pod), pod.DeletionTimestamp != nil
		ready := serving && !terminating
		node := pod.Spec.NodeName
		ends = append(ends, discoveryv1.Endpoint{
			Addresses:  []string{pod.Status.PodIP},
			Conditions: discoveryv1.EndpointConditions{Ready: truth(ready), Serving: truth(serving), Terminating: truth(terminating)},
			NodeName:   &node,
			TargetRef:  &corev1.ObjectReference{Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID},
		})
	}
	return ends
}

// The API wants pointers to booleans, of which two are enough: nobody writes to them.
var yes, no = true, false

func truth(b bool) *bool {
	if b {
		return &yes
	}
	return &no
}

// portsOf resolves the Service's ports; named target ports are looked up in
// the first pod, as all pods of a Service here come from like templates.
func portsOf(svc *corev1.Service, pods []corev1.Pod) []discoveryv1.EndpointPort {
	var ports []discoveryv1.EndpointPort
	for i := range svc.Spec.Ports {
		p := &svc.Spec.Ports[i]
		number, ok := targetPort(p, pods)
		if !ok {
			continue
		}
		name, protocol := p.Name, p.Protocol
		if protocol == "" {
			protocol = corev1.ProtocolTCP
		}
		ports = append(ports, discoveryv1.EndpointPort{Name: &name, Port: &number, Protocol: &protocol, AppProtocol: p.AppProtocol})
	}
	return ports
}

func targetPort(p *corev1.ServicePort, pods []corev1.Pod) (number int32, ok bool) {
	if p.TargetPort.Type == intstr.Int {
		if p.TargetPort.IntVal == 0 {
			return p.Port, true
		}
		return p.TargetPort.IntVal, true
	}
	if len(pods) == 0 {
		return 0, false
	}
	for _, c := range pods[0].Spec.Containers {
		for _, port := range c.Ports {
			if port.Name == p.TargetPort.StrVal {
				return port.ContainerPort, true
			}
		}
	}
	return 0, false
}

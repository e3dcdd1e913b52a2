// Package directory knows the Pods, Services and EndpointSlices of a cluster: who
// a pod is, and where a name leads. It stands for the DNS and the Service
// addresses of a cluster whose nodes have neither.
package directory

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	discoverylisters "k8s.io/client-go/listers/discovery/v1"
	"k8s.io/client-go/tools/cache"
)

// Directory is a view of a cluster that follows it. It may be used by several
// goroutines.
type Directory struct {
	factory  informers.SharedInformerFactory
	pods     cache.SharedIndexInformer
	names    corelisters.PodLister
	services corelisters.ServiceLister
	slices   discoverylisters.EndpointSliceLister

	mu   sync.Mutex
	gone []func(types.NamespacedName)
}

// byIP is the index of pods by their address.
const byIP = "ip"

// New returns a directory of the cluster of a client. It knows nothing before
// Start.
func New(client kubernetes.Interface) (*Directory, error) {
	f := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTransform(trim))
	d := &Directory{
		factory: f, pods: f.Core().V1().Pods().Informer(), names: f.Core().V1().Pods().Lister(),
		services: f.Core().V1().Services().Lister(), slices: f.Discovery().V1().EndpointSlices().Lister(),
	}
	err := d.pods.AddIndexers(cache.Indexers{byIP: func(obj any) ([]string, error) {
		if ip := obj.(*corev1.Pod).Status.PodIP; ip != "" {
			return []string{ip}, nil
		}
		return nil, nil
	}})
	if err != nil {
		return nil, fmt.Errorf("index the pods by address: %w", err)
	}
	_, err = d.pods.AddEventHandler(cache.ResourceEventHandlerFuncs{DeleteFunc: d.deleted})
	if err != nil {
		return nil, fmt.Errorf("watch the pods: %w", err)
	}
	return d, nil
}

// trim drops what nobody asks the directory for, which is most of an object.
func trim(obj any) (any, error) {
	if o, ok := obj.(metav1.Object); ok {
		o.SetManagedFields(nil)
		o.SetAnnotations(nil)
	}
	return obj, nil
}

// Start follows the cluster until ctx ends, and returns once everything that
// exists is known.
func (d *Directory) Start(ctx context.Context) error {
	d.factory.Start(ctx.Done())
	for kind, synced := range d.factory.WaitForCacheSync(ctx.Done()) {
		if !synced {
			return fmt.Errorf("list the %v of the cluster: %w", kind, context.Cause(ctx))
		}
	}
	return nil
}

// OnGone calls f with each pod that is deleted from now on.
func (d *Directory) OnGone(f func(types.NamespacedName)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.gone = append(d.gone, f)
}

func (d *Directory) deleted(obj any) {
	if last, ok := obj.(cache.DeletedFinalStateUnknown); ok {
		obj = last.Obj
	}
	p, ok := obj.(*corev1.Pod)
	if !ok {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range d.gone {
		f(types.NamespacedName{Namespace: p.Namespace, Name: p.Name})
	}
}

// Pod returns a pod, nil if there is none. It is shared and must not be changed.
func (d *Directory) Pod(key types.NamespacedName) *corev1.Pod {
	p, err := d.names.Pods(key.Namespace).Get(key.Name)
	if err != nil {
		return nil // the lister knows no other error
	}
	return p
}

// PodAt returns the pod that has an address, nil if there is none. Of several
// it is the one that is not yet at its end.
func (d *Directory) PodAt(ip string) *corev1.Pod {
	objects, err := d.pods.GetIndexer().ByIndex(byIP, ip)
	if err != nil {
		return nil // there is no such index
	}
	var found *corev1.Pod
	for _, o := range objects {
		p := o.(*corev1.Pod)
		over := p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
		if found == nil || !over {
			found = p
		}
	}
	return found
}

// Place is where a name leads.
type Place struct {
	// Service is the one that the name or the address stands for; nil if it is
	// none of this cluster.
	Service *corev1.Service
	// IP is its address; invalid for a headless Service and for an unknown name.
	IP netip.Addr
}

// Resolve finds a host as a client in a namespace writes it: reviews,
// reviews.istio, reviews.istio.svc, reviews.istio.svc.cluster.local, or an
// address.
func (d *Directory) Resolve(host, namespace string) Place {
	if ip, err := netip.ParseAddr(host); err == nil {
		return Place{d.serviceAt(host), ip}
	}
	name := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(host, "."), ".cluster.local"), ".svc")
	key := types.NamespacedName{Namespace: namespace, Name: name}
	if first, second, dotted := strings.Cut(name, "."); dotted {
		key = types.NamespacedName{Namespace: second, Name: first}
	}
	svc, err := d.services.Services(key.Namespace).Get(key.Name)
	if err != nil {
		return Place{}
	}
	ip, err := netip.ParseAddr(svc.Spec.ClusterIP)
	if err != nil {
		return Place{Service: svc} // headless
	}
	return Place{svc, ip}
}

func (d *Directory) serviceAt(ip string) *corev1.Service {
	all, err := d.services.List(labels.Everything())
	if err != nil {
		return nil // the lister knows no other error
	}
	i := slices.IndexFunc(all, func(s *corev1.Service) bool { return s.Spec.ClusterIP == ip })
	if i < 0 {
		return nil
	}
	return all[i]
}

// Endpoints lists the ready endpoints behind a port of a Service, as host:port,
// sorted. The error says that the Service has no such port.
func (d *Directory) Endpoints(svc *corev1.Service, port uint16) ([]string, error) {
	i := slices.IndexFunc(svc.Spec.Ports, func(p corev1.ServicePort) bool { return p.Port == int32(port) })
	if i < 0 {
		return nil, fmt.Errorf("connection refused: Service %s/%s has no port %d", svc.Namespace, svc.Name, port)
	}
	all, err := d.slices.EndpointSlices(svc.Namespace).List(labels.SelectorFromSet(labels.Set{discoveryv1.LabelServiceName: svc.Name}))
	if err != nil {
		return nil, fmt.Errorf("list the endpoints of Service %s/%s: %w", svc.Namespace, svc.Name, err)
	}
	var found []string
	for _, slice := range all {
		number := portOf(slice, svc.Spec.Ports[i].Name)
		for _, e := range slice.Endpoints {
			if number == 0 || len(e.Addresses) == 0 || e.Conditions.Ready != nil && !*e.Conditions.Ready {
				continue
			}
			found = append(found, net.JoinHostPort(e.Addresses[0], strconv.Itoa(int(number))))
		}
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

// portOf is the number that a slice has for a port of its Service; 0 if none.
func portOf(slice *discoveryv1.EndpointSlice, name string) int32 {
	for _, p := range slice.Ports {
		if p.Port != nil && (p.Name == nil && name == "" || p.Name != nil && *p.Name == name) {
			return *p.Port
		}
	}
	return 0
}

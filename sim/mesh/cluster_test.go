package mesh

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/aviary-rollouts/aviary/sim/kernel"
	"github.com/aviary-rollouts/aviary/sim/store"
)

var (
	start = time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
	shell = types.NamespacedName{Namespace: "default", Name: "shell"}
)

// fake is a cluster without controllers: the test writes the objects.
type fake struct {
	testing.TB
	k    *kernel.Kernel
	c    client.Client
	st   *store.Store
	mesh *Mesh
}

func newFake(t testing.TB, o Options) *fake {
	t.Helper()
	k := kernel.New(7, start)
	k.Trace().SetEnabled(false)
	st := store.New(k, clientgoscheme.Scheme, store.Options{})
	return &fake{TB: t, k: k, st: st, c: st.Client("test"), mesh: New(k, st, o)}
}

func (f *fake) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

func (f *fake) sleep(d time.Duration) {
	f.Helper()
	f.must(f.k.RunUntil(f.k.Now().Add(d)))
}

func (f *fake) settle() {
	f.Helper()
	f.must(f.k.Settle())
}

// apply creates or replaces an object given as YAML.
func (f *fake) apply(text string) {
	f.Helper()
	u := &unstructured.Unstructured{}
	f.must(yaml.UnmarshalStrict([]byte(text), u))
	if u.GetNamespace() == "" {
		u.SetNamespace("default")
	}
	old := &unstructured.Unstructured{}
	old.SetGroupVersionKind(u.GroupVersionKind())
	if f.c.Get(context.Background(), client.ObjectKeyFromObject(u), old) == nil {
		u.SetResourceVersion(old.GetResourceVersion())
		f.must(f.c.Update(context.Background(), u))
	} else {
		f.must(f.c.Create(context.Background(), u))
	}
	f.settle()
}

// service creates a Service with a port and an empty EndpointSlice.
func (f *fake) service(name string, port int32) {
	f.Helper()
	f.must(f.c.Create(context.Background(), &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name},
		Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: port}}},
	}))
	empty, protocol := "", corev1.ProtocolTCP
	f.must(f.c.Create(context.Background(), &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name + "-slice", Labels: map[string]string{discoveryv1.LabelServiceName: name}},
		Ports:      []discoveryv1.EndpointPort{{Name: &empty, Port: &port, Protocol: &protocol}},
	}))
	f.settle()
}

// pods creates running pods of a ReplicaSet and returns their names. The tag of
// the image is the version.
func (f *fake) pods(set, version string, n int) (names []string) {
	f.Helper()
	controller := true
	hash := set[strings.LastIndex(set, "-")+1:]
	if strings.Contains(set, "-2-0-") {
		hash = "experiment" // an Experiment's ReplicaSet is not named for its hash
	}
	labels := map[string]string{"app": "mock-server", "rollouts-pod-template-hash": hash}
	spec := corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "registry/mock:" + version}}}
	owner := &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: set},
		Spec: appsv1.ReplicaSetSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: spec},
		},
	}
	f.must(f.c.Create(context.Background(), owner))
	for i := range n {
		p := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: "default", Name: fmt.Sprintf("%s-%d", set, i), Labels: labels,
				OwnerReferences: []metav1.OwnerReference{{
					APIVersion: "apps/v1", Kind: "ReplicaSet", Name: set, UID: owner.UID, Controller: &controller,
				}},
			},
			Spec: spec,
		}
		f.must(f.c.Create(context.Background(), p))
		p.Status.Phase = corev1.PodRunning
		p.Status.PodIP = fmt.Sprintf("10.0.0.%d", i+1)
		f.must(f.c.Status().Update(context.Background(), p))
		names = append(names, p.Name)
	}
	f.settle()
	return names
}

// endpoints makes pods the ready ones of a Service.
func (f *fake) endpoints(service string, pods ...string) {
	f.Helper()
	slice := &discoveryv1.EndpointSlice{}
	f.must(f.c.Get(context.Background(), types.NamespacedName{Namespace: "default", Name: service + "-slice"}, slice))
	slice.Endpoints = nil
	for _, name := range pods {
		p := &corev1.Pod{}
		f.must(f.c.Get(context.Background(), types.NamespacedName{Namespace: "default", Name: name}, p))
		ready := true
		slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{
			Addresses: []string{p.Status.PodIP}, Conditions: discoveryv1.EndpointConditions{Ready: &ready},
			TargetRef: &corev1.ObjectReference{Kind: "Pod", Namespace: "default", Name: name, UID: p.UID},
		})
	}
	f.must(f.c.Update(context.Background(), slice))
	f.settle()
}

// deletePod removes a pod at once.
func (f *fake) deletePod(name string) {
	f.Helper()
	now := int64(0)
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}}
	f.must(f.c.Delete(context.Background(), p, &client.DeleteOptions{GracePeriodSeconds: &now}))
	f.settle()
}

// load starts one.
func (f *fake) load(url string, rate float64) *Load {
	f.Helper()
	l, err := f.mesh.Start(Source{Request: Request{Client: shell, URL: url}, Rate: rate})
	f.must(err)
	return l
}

// counts returns the requests by the tag of the version that got them, and
// those lost under "lost".
func (f *fake) counts() map[string]int64 {
	r := f.mesh.Report()
	found := map[string]int64{}
	for _, v := range r.Versions {
		if v.Requests > 0 {
			found[tag(v.Image)] += v.Requests
		}
	}
	if r.Total.Lost > 0 {
		found["lost"] = r.Total.Lost
	}
	return found
}

// value evaluates a query that has one value now.
func (f *fake) value(query string) float64 {
	f.Helper()
	f.mesh.CatchUp()
	values, err := f.mesh.Series().Query(query, f.k.Now())
	f.must(err)
	if len(values) != 1 {
		f.Fatalf("%s: %d values: %v", query, len(values), values)
	}
	return values[0].Value
}

// canary is the cluster of case 2.2.4: stable 1.0.0 with five pods, canary 2.0.0
// with two.
func canary(t testing.TB, o Options) *fake {
	t.Helper()
	f := newFake(t, o)
	f.service("mock-server-stable", 8080)
	f.service("mock-server-canary", 8080)
	f.endpoints("mock-server-stable", f.pods("mock-server-6579c6cc98", "1.0.0", 5)...)
	f.endpoints("mock-server-canary", f.pods("mock-server-7c6fcfb847", "2.0.0", 2)...)
	f.weights(80, 20)
	return f
}

// weights writes the VirtualService of that case, in a version of the API.
func (f *fake) weights(stable, canary int) {
	f.Helper()
	f.apply(fmt.Sprintf(`
apiVersion: networking.istio.io/v1beta1
kind: VirtualService
metadata: {name: mock-server}
spec:
  hosts: [mock-server-stable]
  http:
  - name: primary
    route:
    - {destination: {host: mock-server-stable}, weight: %d}
    - {destination: {host: mock-server-canary}, weight: %d}
`, stable, canary))
}

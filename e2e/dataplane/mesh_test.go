package dataplane

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/aviary-rollouts/aviary/e2e/dataplane/directory"
	"github.com/aviary-rollouts/aviary/e2e/dataplane/xds/xdstest"
)

// The names of Envoy's resources.
const (
	clusterType  = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
	endpointType = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
	listenerType = "type.googleapis.com/envoy.config.listener.v3.Listener"
	routeType    = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
)

const (
	stableHost = "mock-server-stable.default.svc.cluster.local"
	canaryHost = "mock-server-canary.default.svc.cluster.local"
	stable     = "outbound|8080||" + stableHost
	canary     = "outbound|8080||" + canaryHost
)

// meshFixture is an xDS server, some pods, and a data plane between.
type meshFixture struct {
	testing.TB
	server *xdstest.Server
	plane  *Plane
	pods   *pods
}

func newMesh(t testing.TB) *meshFixture {
	t.Helper()
	server, err := xdstest.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	f := &meshFixture{TB: t, server: server, pods: &pods{byIP: map[string]*corev1.Pod{}}}
	f.plane, err = New(Options{Istiod: server.Address(), Directory: f.pods, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.plane.Close(); err != nil {
			t.Error(err)
		}
	})
	f.server.Set(listenerType, map[string]proto.Message{"0.0.0.0_8080": httpListener(t, 8080)})
	f.setClusters(stable, canary)
	return f
}

func (f *meshFixture) setClusters(names ...string) {
	set := map[string]proto.Message{}
	for _, name := range names {
		set[name] = &clusterv3.Cluster{
			Name: name, ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_EDS}, LbPolicy: clusterv3.Cluster_LEAST_REQUEST,
		}
	}
	f.server.Set(clusterType, set)
}

// endpoints makes pods the endpoints of clusters.
func (f *meshFixture) endpoints(of map[string][]*backend) {
	set := map[string]proto.Message{}
	for name, list := range of {
		a := &endpointv3.ClusterLoadAssignment{ClusterName: name}
		for _, b := range list {
			a.Endpoints = append(a.Endpoints, &endpointv3.LocalityLbEndpoints{LbEndpoints: []*endpointv3.LbEndpoint{lbEndpoint(b.Address())}})
		}
		set[name] = a
	}
	f.server.Set(endpointType, set)
}

// routes makes the routes of mock-server.
func (f *meshFixture) routes(list ...*routev3.Route) {
	f.server.Set(routeType, map[string]proto.Message{"8080": &routev3.RouteConfiguration{
		Name: "8080", IgnorePortInHostMatching: true,
		VirtualHosts: []*routev3.VirtualHost{{Name: "mock-server", Domains: []string{"mock-server", "mock-server.default"}, Routes: list}},
	}})
}

func lbEndpoint(address string) *endpointv3.LbEndpoint {
	a := netip.MustParseAddrPort(address)
	return &endpointv3.LbEndpoint{HostIdentifier: &endpointv3.LbEndpoint_Endpoint{Endpoint: &endpointv3.Endpoint{
		Address: &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
			Address: a.Addr().String(), PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: uint32(a.Port())},
		}}},
	}}}
}

func httpListener(t testing.TB, port uint32) *listenerv3.Listener {
	t.Helper()
	manager, err := anypb.New(&hcmv3.HttpConnectionManager{RouteSpecifier: &hcmv3.HttpConnectionManager_Rds{
		Rds: &hcmv3.Rds{RouteConfigName: fmt.Sprint(port)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return &listenerv3.Listener{
		Name: fmt.Sprintf("0.0.0.0_%d", port),
		Address: &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
			Address: "0.0.0.0", PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: port},
		}}},
		FilterChains: []*listenerv3.FilterChain{{Filters: []*listenerv3.Filter{{
			Name: "envoy.filters.network.http_connection_manager", ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: manager},
		}}}},
	}
}

// istioRetries is the retry policy that Istio gives to all routes.
var istioRetries = &routev3.RetryPolicy{
	RetryOn: "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes", NumRetries: wrapperspb.UInt32(2),
	RetriableStatusCodes: []uint32{503},
}

// split is a route by weights: cluster, weight, and so on.
func split(weights ...any) *routev3.Route {
	var list []*routev3.WeightedCluster_ClusterWeight
	for i := 0; i < len(weights); i += 2 {
		list = append(list, &routev3.WeightedCluster_ClusterWeight{
			Name: weights[i].(string), Weight: wrapperspb.UInt32(uint32(weights[i+1].(int))),
		})
	}
	return &routev3.Route{
		Match: &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"}},
		Action: &routev3.Route_Route{Route: &routev3.RouteAction{
			ClusterSpecifier: &routev3.RouteAction_WeightedClusters{WeightedClusters: &routev3.WeightedCluster{Clusters: list}},
			Timeout:          durationpb.New(0), RetryPolicy: istioRetries,
		}},
	}
}

// whenHeader makes a route take only requests with a header.
func whenHeader(r *routev3.Route, name, value string) *routev3.Route {
	r.Match.Headers = append(r.Match.Headers, &routev3.HeaderMatcher{
		Name: name, HeaderMatchSpecifier: &routev3.HeaderMatcher_StringMatch{
			StringMatch: &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Exact{Exact: value}},
		},
	})
	return r
}

// mirrored copies a part of the requests of a route.
func mirrored(r *routev3.Route, cluster string, percent uint32) *routev3.Route {
	action := r.GetRoute()
	action.RequestMirrorPolicies = append(action.RequestMirrorPolicies, &routev3.RouteAction_RequestMirrorPolicy{
		Cluster: cluster, RuntimeFraction: &corev3.RuntimeFractionalPercent{
			DefaultValue: &typev3.FractionalPercent{Numerator: percent * 10_000, Denominator: typev3.FractionalPercent_MILLION},
		},
	})
	return r
}

// backend is a pod that answers with its version.
type backend struct {
	server  *http.Server
	address string
	pod     *corev1.Pod
	served  atomic.Int64
	mu      sync.Mutex
	last    []string // method, host, path and body of what it was sent
}

var lastIP atomic.Int32

// backend starts a pod of a version.
func (f *meshFixture) backend(version string) *backend {
	f.Helper()
	ip := fmt.Sprintf("127.0.77.%d", lastIP.Add(1)%250+1)
	listener, err := net.Listen("tcp", ip+":0")
	if err != nil {
		f.Fatalf("a pod needs an address of its own in 127.0.0.0/8: %v", err)
	}
	b := &backend{address: listener.Addr().String()}
	b.server = &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			f.Errorf("read a body: %v", err)
			return
		}
		b.served.Add(1)
		b.mu.Lock()
		b.last = []string{r.Method, r.Host, r.URL.RequestURI(), string(body)}
		b.mu.Unlock()
		status := http.StatusOK
		_, _ = fmt.Sscanf(r.URL.Path, "/status/%d", &status) // any other path is 200
		if r.URL.Path == "/late" {
			<-r.Context().Done() // the client does not wait for ever
		}
		w.Header().Set("X-Version", version)
		w.WriteHeader(status)
		fmt.Fprintln(w, version)
	})}
	go func() { _ = b.server.Serve(listener) }() // it ends with Close
	f.Cleanup(func() { _ = b.server.Close() })
	b.pod = &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "mock-server-" + version + "-" + ip, Labels: map[string]string{"app": "mock-server", "version": version}},
		Status:     corev1.PodStatus{PodIP: ip, Phase: corev1.PodRunning},
	}
	f.pods.add(b.pod)
	return b
}

func (b *backend) Address() string { return b.address }

func (b *backend) lastRequest() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.last
}

// pods is a directory of pods without Services.
type pods struct {
	mu   sync.Mutex
	byIP map[string]*corev1.Pod
	gone []func(types.NamespacedName)
}

func (p *pods) add(pod *corev1.Pod) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.byIP[pod.Status.PodIP] = pod
}

func (p *pods) remove(pod *corev1.Pod) {
	p.mu.Lock()
	delete(p.byIP, pod.Status.PodIP)
	gone := p.gone
	p.mu.Unlock()
	for _, f := range gone {
		f(types.NamespacedName{Namespace: pod.Namespace, Name: pod.Name})
	}
}

// Pod implements Directory.
func (p *pods) Pod(key types.NamespacedName) *corev1.Pod {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, pod := range p.byIP {
		if pod.Namespace == key.Namespace && pod.Name == key.Name {
			return pod
		}
	}
	return nil
}

// PodAt implements Directory.
func (p *pods) PodAt(ip string) *corev1.Pod {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.byIP[ip]
}

// Resolve implements Directory.
func (p *pods) Resolve(host, _ string) directory.Place {
	ip, _ := netip.ParseAddr(host) // a name is not known
	return directory.Place{IP: ip}
}

// Endpoints implements Directory.
func (p *pods) Endpoints(*corev1.Service, uint16) ([]string, error) { return nil, nil }

// OnGone implements Directory.
func (p *pods) OnGone(f func(types.NamespacedName)) { p.gone = append(p.gone, f) }

// get sends a request as from a pod and returns the status and the version that
// answered.
func (f *meshFixture) get(source, url string, header ...string) (status int, version string) {
	f.Helper()
	r := httptest.NewRequest(http.MethodGet, url, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := f.plane.Transport(source).RoundTrip(r)
	if err != nil {
		f.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		f.Fatal(err)
	}
	return answer.StatusCode, strings.TrimSpace(string(body))
}

// value adds up the series of a metric that have some labels: a counter, or the
// number of observations of a histogram.
func (f *meshFixture) value(name string, labels map[string]string) (sum float64) {
	f.Helper()
	families, err := f.plane.book.Gather()
	if err != nil {
		f.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			have := map[string]string{}
			for _, l := range m.GetLabel() {
				have[l.GetName()] = l.GetValue()
			}
			if contains(have, labels) {
				sum += m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return sum
}

func contains(have, want map[string]string) bool {
	for name, value := range want {
		if have[name] != value {
			return false
		}
	}
	return true
}

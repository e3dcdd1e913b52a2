package upstream

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	"google.golang.org/protobuf/encoding/protojson"
)

// lb is an endpoint of an assignment.
func lb(address string, health corev3.HealthStatus) *endpointv3.LbEndpoint {
	return &endpointv3.LbEndpoint{HealthStatus: health, HostIdentifier: &endpointv3.LbEndpoint_Endpoint{Endpoint: &endpointv3.Endpoint{
		Address: &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
			Address: address, PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: 80},
		}}},
	}}}
}

func locality(priority uint32, list ...*endpointv3.LbEndpoint) *endpointv3.LocalityLbEndpoints {
	return &endpointv3.LocalityLbEndpoints{Priority: priority, LbEndpoints: list}
}

func TestHealthyOnly(t *testing.T) {
	const ok, ill, draining = corev3.HealthStatus_HEALTHY, corev3.HealthStatus_UNHEALTHY, corev3.HealthStatus_DRAINING
	for _, tc := range []struct {
		what string
		list []*endpointv3.LocalityLbEndpoints
		want string
	}{
		{"none", nil, ""},
		{"all states", []*endpointv3.LocalityLbEndpoints{locality(0, lb("1.1.1.1", ok), lb("1.1.1.2", ill), lb("1.1.1.3", draining), lb("1.1.1.4", 0))}, "1.1.1.1:80 1.1.1.4:80"},
		{"localities", []*endpointv3.LocalityLbEndpoints{locality(0, lb("1.1.1.1", ok)), locality(0, lb("1.1.1.2", ok))}, "1.1.1.1:80 1.1.1.2:80"},
		{"priorities", []*endpointv3.LocalityLbEndpoints{locality(1, lb("1.1.1.1", ok)), locality(0, lb("1.1.1.2", ok)), locality(2, lb("1.1.1.3", ok))}, "1.1.1.2:80"},
		{"the first priority is ill", []*endpointv3.LocalityLbEndpoints{locality(0, lb("1.1.1.1", ill)), locality(1, lb("1.1.1.2", ok))}, "1.1.1.2:80"},
	} {
		if got := CompilePool(&endpointv3.ClusterLoadAssignment{Endpoints: tc.list}, nil).String(); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.what, got, tc.want)
		}
	}
}

func TestPick(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	pool := NewPool("a:1", "b:1", "c:1")
	for policy, name := range map[Policy]string{LeastRequest: "least request", RoundRobin: "round robin", Random: "random"} {
		got := map[string]int{}
		for range 9000 {
			got[pool.Pick(policy, random.Uint64N, nil).Address]++
		}
		for _, address := range []string{"a:1", "b:1", "c:1"} {
			if n := got[address]; n < 2700 || n > 3300 || policy == RoundRobin && n != 3000 {
				t.Errorf("%s: %s got %d of 9000", name, address, n)
			}
		}
	}
	for range 100 {
		if e := pool.Pick(LeastRequest, random.Uint64N, []string{"a:1", "c:1"}); e.Address != "b:1" {
			t.Fatalf("%s has been tried", e.Address)
		}
	}
	if e := pool.Pick(Random, random.Uint64N, []string{"a:1", "b:1", "c:1"}); e == nil {
		t.Error("all have been tried: one of them is tried again")
	}
	if e := NewPool().Pick(Random, random.Uint64N, nil); e != nil {
		t.Errorf("an empty pool has %v", e)
	}
}

// An endpoint that is busy gets less than its share, and what is known of it
// survives an update.
func TestLeastRequest(t *testing.T) {
	a := &endpointv3.ClusterLoadAssignment{Endpoints: []*endpointv3.LocalityLbEndpoints{locality(0, lb("1.1.1.1", 0), lb("1.1.1.2", 0))}}
	before := CompilePool(a, nil)
	end := before.healthy[0].Begin()
	pool := CompilePool(a, before)
	random := rand.New(rand.NewPCG(1, 1))
	busy := 0
	for range 1000 {
		if pool.Pick(LeastRequest, random.Uint64N, nil).Address == "1.1.1.1:80" {
			busy++
		}
	}
	if busy < 200 || busy > 300 {
		t.Errorf("the busy one of two got %d of 1000, want a quarter", busy)
	}
	end()
	if n := pool.healthy[0].Active(); n != 0 {
		t.Errorf("%d requests are left", n)
	}
}

func TestWeightOfEndpoints(t *testing.T) {
	a := &endpointv3.ClusterLoadAssignment{}
	text := `{"endpoints": [{"lb_endpoints": [
		{"endpoint": {"address": {"socket_address": {"address": "1.1.1.1", "port_value": 80}}}, "load_balancing_weight": 3,
		 "metadata": {"filter_metadata": {"istio": {"workload": "mock-server;default;mock-server;2.0.0;Kubernetes"}}}},
		{"endpoint": {"address": {"socket_address": {"address": "::1", "port_value": 80}}}}]}]}`
	if err := protojson.Unmarshal([]byte(text), a); err != nil {
		t.Fatal(err)
	}
	pool := CompilePool(a, nil)
	if got := pool.String(); got != "1.1.1.1:80 1.1.1.1:80 1.1.1.1:80 [::1]:80" {
		t.Error(got)
	}
	if got := pool.healthy[0].Workload; got != "mock-server;default;mock-server;2.0.0;Kubernetes" {
		t.Error(got)
	}
}

func TestCompileCluster(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{`{"name": "outbound|8080|canary|a.default.svc.cluster.local", "type": "EDS", "lb_policy": "ROUND_ROBIN"}`, "a.default.svc.cluster.local 8080 1 discovered outbound|8080|canary|a.default.svc.cluster.local"},
		{`{"name": "a", "type": "EDS", "eds_cluster_config": {"service_name": "b"}}`, "a 0 1 discovered b"},
		{`{"name": "PassthroughCluster", "type": "ORIGINAL_DST", "lb_policy": "CLUSTER_PROVIDED"}`, "PassthroughCluster 0 0 original"},
		{`{"name": "outbound|x||a", "type": "STRICT_DNS", "load_assignment": {"endpoints": [{"lb_endpoints": [{"endpoint": {"address": {"socket_address": {"address": "example.org", "port_value": 443}}}}]}]}}`, "outbound|x||a 0 1 fixed example.org:443"},
		{`{"name": "a", "type": "EDS", "lb_policy": "RING_HASH"}`, `error cluster "a": lb_policy RING_HASH is not supported: use ROUND_ROBIN, LEAST_REQUEST or RANDOM in the DestinationRule`},
	} {
		var c clusterv3.Cluster
		if err := protojson.Unmarshal([]byte(tc.text), &c); err != nil {
			t.Fatal(err)
		}
		if got := describe(CompileCluster(&c)); got != tc.want {
			t.Errorf("%s:\n%s, want\n%s", tc.text, got, tc.want)
		}
	}
}

func describe(c *Cluster, err error) string {
	if err != nil {
		return "error " + err.Error()
	}
	words := []string{c.Host, strconv.Itoa(c.Port), strconv.Itoa(int(c.Policy))}
	switch {
	case c.Original:
		words = append(words, "original")
	case c.Fixed != nil:
		words = append(words, "fixed", c.Fixed.String())
	default:
		words = append(words, "discovered", c.Discovered)
	}
	return strings.Join(words, " ")
}

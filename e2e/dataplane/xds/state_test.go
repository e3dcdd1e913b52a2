package xds

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// parse reads a resource that is written as Envoy's JSON.
func parse[M proto.Message](t testing.TB, into M, text string) M {
	t.Helper()
	if err := protojson.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return into
}

func edsCluster(t testing.TB, name string) proto.Message {
	return parse(t, &clusterv3.Cluster{}, `{"name": "`+name+`", "type": "EDS"}`)
}

func assignment(t testing.TB, name string, addresses ...string) proto.Message {
	var list []string
	for _, a := range addresses {
		list = append(list, `{"endpoint": {"address": {"socket_address": {"address": "`+a+`", "port_value": 80}}}}`)
	}
	return parse(t, &endpointv3.ClusterLoadAssignment{}, `{"cluster_name": "`+name+`", "endpoints": [{"lb_endpoints": [`+strings.Join(list, ",")+`]}]}`)
}

func routesListener(t testing.TB, address string, port int, routes string) proto.Message {
	return parse(t, &listenerv3.Listener{}, fmt.Sprintf(`{"name": "%s_%d", "address": {"socket_address": {"address": "%s", "port_value": %d}},
		"filter_chains": [{"filters": [%s]}]}`, address, port, address, port, httpFilter(routes)))
}

func httpFilter(routes string) string {
	return `{"name": "envoy.filters.network.http_connection_manager", "typed_config": {
		"@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager", "rds": {"route_config_name": "` + routes + `"}}}`
}

func tcpFilter(cluster string) string {
	return `{"name": "envoy.filters.network.tcp_proxy", "typed_config": {
		"@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy", "cluster": "` + cluster + `"}}`
}

func routesTo(t testing.TB, name, cluster string) proto.Message {
	return parse(t, &routev3.RouteConfiguration{}, `{"name": "`+name+`", "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "`+cluster+`"}}]}]}`)
}

// talk gives a state an answer, and returns what it says to it, a line each:
// type, version, nonce, names, error.
func talk(t testing.TB, s *state, k kind, version string, list ...proto.Message) []string {
	t.Helper()
	r := &discoveryv3.DiscoveryResponse{TypeUrl: typeURLs[k], VersionInfo: version, Nonce: "n" + version}
	for _, m := range list {
		x, err := anypb.New(m)
		if err != nil {
			t.Fatal(err)
		}
		r.Resources = append(r.Resources, x)
	}
	requests, _ := s.receive(r) // the error is in the request, too
	return lines(requests)
}

func lines(requests []*discoveryv3.DiscoveryRequest) (list []string) {
	for _, r := range requests {
		short := r.GetTypeUrl()[strings.LastIndex(r.GetTypeUrl(), ".")+1:]
		line := fmt.Sprintf("%s %s %s %v", short, r.GetVersionInfo(), r.GetResponseNonce(), r.GetResourceNames())
		if r.GetErrorDetail() != nil {
			line += " error"
		}
		list = append(list, line)
	}
	return list
}

func TestConversation(t *testing.T) {
	s := newState(Sidecar("default", "shell", "10.244.1.1", map[string]string{"app": "shell"}))
	step := func(what string, got []string, want ...string) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Fatalf("%s:\n got %q\nwant %q", what, got, want)
		}
	}
	step("a stream opens", lines(s.open()), "Cluster   []", "Listener   []")
	step("clusters name endpoints", talk(t, s, clusters, "1", edsCluster(t, "b"), edsCluster(t, "a")), "Cluster 1 n1 []", "ClusterLoadAssignment   [a b]")
	step("listeners name routes", talk(t, s, listeners, "1", routesListener(t, "0.0.0.0", 80, "80")), "Listener 1 n1 []", "RouteConfiguration   [80]")
	step("endpoints", talk(t, s, endpoints, "1", assignment(t, "a", "1.1.1.1"), assignment(t, "stranger")), "ClusterLoadAssignment 1 n1 [a b]")
	if s.complete() {
		t.Fatal("complete without b and 80")
	}
	step("routes", talk(t, s, routes, "1", routesTo(t, "80", "a")), "RouteConfiguration 1 n1 [80]")
	step("the other endpoints", talk(t, s, endpoints, "2", assignment(t, "b")), "ClusterLoadAssignment 2 n2 [a b]")
	if !s.complete() {
		t.Fatalf("not complete: %v", s.missing())
	}
	if got := s.config().pools["a"].String(); got != "1.1.1.1:80" || len(s.config().pools) != 2 {
		t.Errorf("%v", s.config().pools)
	}
	step("a bad answer is refused, with the version of before",
		talk(t, s, routes, "2", parse(t, &routev3.RouteConfiguration{}, `{"name": "80", "virtual_hosts": [{"name": "x", "domains": ["*"], "routes": [{"match": {"prefix": "/"}}]}]}`)),
		"RouteConfiguration 1 n2 [80] error")
	if s.config().routes["80"] == nil {
		t.Error("the good routes are gone")
	}
	step("the same clusters", talk(t, s, clusters, "2", edsCluster(t, "a"), edsCluster(t, "b")), "Cluster 2 n2 []")
	step("one cluster less", talk(t, s, clusters, "3", edsCluster(t, "a")), "Cluster 3 n3 []", "ClusterLoadAssignment 2 n2 [a]")
	if len(s.config().pools) != 1 || !s.complete() {
		t.Errorf("%v", s.config().pools)
	}
	step("a new stream", lines(s.open()), "Cluster 3  []", "ClusterLoadAssignment 2  [a]", "Listener 1  []", "RouteConfiguration 1  [80]")
	step("an answer that nobody asked for", talk(t, s, clusters, "4", edsCluster(t, "a")), "Cluster 4 n4 []")
	if _, err := s.receive(&discoveryv3.DiscoveryResponse{TypeUrl: "type.googleapis.com/other"}); err == nil {
		t.Error("a type that nobody asked for is accepted")
	}
}

func TestListeners(t *testing.T) {
	compileText := func(text string) *Listener {
		t.Helper()
		l, _, err := compileListener(parse(t, &listenerv3.Listener{}, text))
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	sniffed := `{"filter_chain_match": {"transport_protocol": "raw_buffer", "application_protocols": ["http/1.1", "h2c"]}, "filters": [` + httpFilter("sniffed") + `]}`
	address := func(ip string, port int) string {
		return fmt.Sprintf(`{"socket_address": {"address": "%s", "port_value": %d}}`, ip, port)
	}
	c := &Config{listeners: map[string]*Listener{}}
	for i, text := range []string{
		`{"name": "any", "address": ` + address("0.0.0.0", 8080) + `, "filter_chains": [{"filters": [` + httpFilter("any") + `]}]}`,
		`{"name": "one", "address": ` + address("10.96.0.7", 8080) + `, "additional_addresses": [{"address": ` + address("10.96.0.8", 8080) + `}],
			"filter_chains": [` + sniffed + `], "default_filter_chain": {"filters": [` + tcpFilter("bytes") + `]}}`,
		`{"name": "bytes", "address": ` + address("10.96.0.9", 5432) + `, "filter_chains": [{"filters": [` + tcpFilter("database") + `]}]}`,
		`{"name": "ranges", "address": ` + address("0.0.0.0", 90) + `, "filter_chains": [
			{"filter_chain_match": {"prefix_ranges": [{"address_prefix": "10.96.1.0", "prefix_len": 24}]}, "filters": [` + httpFilter("range") + `]},
			{"filter_chain_match": {"transport_protocol": "tls"}, "filters": [` + tcpFilter("secret") + `]}], "default_filter_chain": {"filters": [` + tcpFilter("rest") + `]}}`,
		`{"name": "virtualInbound", "address": ` + address("0.0.0.0", 15006) + `}`,
	} {
		c.listeners[fmt.Sprint(i)] = compileText(text)
	}
	for _, tc := range []struct {
		ip   string
		port uint16
		want string
	}{
		{"", 8080, "any"}, {"10.96.0.1", 8080, "any"}, {"10.96.0.7", 8080, "sniffed"}, {"10.96.0.8", 8080, "sniffed"},
		{"10.96.0.9", 5432, "bytes database"}, {"", 5432, "none"}, {"10.96.1.2", 90, "range"}, {"10.96.2.2", 90, "bytes rest"},
		{"10.96.0.7", 15006, "none"}, {"10.96.0.7", 81, "none"},
	} {
		ip, _ := netip.ParseAddr(tc.ip) // empty is one that nobody knows
		got := "none"
		if h := c.Handler(ip, tc.port); h != nil {
			got = h.Routes
			if len(h.Clusters) > 0 {
				got = "bytes " + h.Clusters[0].Name
			}
		}
		if got != tc.want {
			t.Errorf("%s:%d: %s, want %s", tc.ip, tc.port, got, tc.want)
		}
	}
}

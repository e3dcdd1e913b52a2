package upstream

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
)

// Policy is how endpoints take turns.
type Policy int

// The policies. LeastRequest is Istio's default.
const (
	LeastRequest Policy = iota
	RoundRobin
	Random
)

// Cluster is a destination of routes. It does not change.
type Cluster struct {
	// Name is Envoy's: "outbound|8080|canary|mock-server.default.svc.cluster.local".
	Name string
	// Host is the full name of the Service, or the name of the cluster if that
	// names none.
	Host string
	// Port is that of the Service; 0 if the cluster has none.
	Port int
	// Policy is how endpoints take turns.
	Policy Policy
	// ConnectTimeout bounds connecting to an endpoint.
	ConnectTimeout time.Duration
	// Discovered is the name under which the endpoints are discovered; empty
	// for a cluster that says them itself.
	Discovered string
	// Original is set if requests go where their clients wanted to connect to.
	Original bool
	// Fixed are the endpoints of a cluster that says them itself.
	Fixed *Pool
}

// defaultConnectTimeout is Envoy's.
const defaultConnectTimeout = 5 * time.Second

// CompileCluster reads a cluster. The error names the field that is not known.
func CompileCluster(c *clusterv3.Cluster) (*Cluster, error) {
	out := &Cluster{Name: c.GetName(), ConnectTimeout: defaultConnectTimeout}
	out.Host, out.Port = hostOf(c.GetName())
	if t := c.GetConnectTimeout(); t != nil {
		out.ConnectTimeout = t.AsDuration()
	}
	switch c.GetLbPolicy() {
	case clusterv3.Cluster_ROUND_ROBIN:
		out.Policy = RoundRobin
	case clusterv3.Cluster_RANDOM:
		out.Policy = Random
	case clusterv3.Cluster_LEAST_REQUEST, clusterv3.Cluster_CLUSTER_PROVIDED, clusterv3.Cluster_LOAD_BALANCING_POLICY_CONFIG:
	default:
		return nil, fmt.Errorf("cluster %q: lb_policy %s is not supported: use ROUND_ROBIN, LEAST_REQUEST or RANDOM in the DestinationRule",
			c.GetName(), c.GetLbPolicy())
	}
	switch c.GetType() {
	case clusterv3.Cluster_EDS:
		out.Discovered = cmp.Or(c.GetEdsClusterConfig().GetServiceName(), c.GetName())
	case clusterv3.Cluster_ORIGINAL_DST:
		out.Original = true
	case clusterv3.Cluster_STATIC, clusterv3.Cluster_STRICT_DNS, clusterv3.Cluster_LOGICAL_DNS:
		out.Fixed = CompilePool(c.GetLoadAssignment(), nil)
	default:
		return nil, fmt.Errorf("cluster %q: type %s is not supported", c.GetName(), c.GetType())
	}
	return out, nil
}

// hostOf takes apart the names that istiod gives to clusters.
//
//	outbound|8080|canary|mock-server.default.svc.cluster.local    mock-server.default.svc.cluster.local, 8080
//	PassthroughCluster                                            itself, 0
func hostOf(name string) (host string, port int) {
	parts := strings.Split(name, "|")
	if len(parts) != 4 {
		return name, 0
	}
	port, err := strconv.Atoi(parts[1])
	if err != nil {
		return name, 0
	}
	return parts[3], port
}

// Package istiometric knows how Istio's proxies name what they count: the
// standard metrics, their labels and buckets, and the workload that a pod belongs
// to. The simulated mesh and the data plane of a real control plane both say it
// this way, so a query that finds something in one does so in the other.
package istiometric

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/types"
)

// The names of the metrics.
const (
	Requests  = "istio_requests_total"
	Duration  = "istio_request_duration_milliseconds"
	TCPOpened = "istio_tcp_connections_opened_total"
	TCPClosed = "istio_tcp_connections_closed_total"
)

// Label is a name and a value.
type Label struct{ Name, Value string }

// HTTP is the protocol whose requests are counted one by one; of others only
// connections are.
const HTTP = "http"

// Request is what tells the requests of a proxy apart in its telemetry.
type Request struct {
	// Source is set if the client's proxy reports it, not the server's.
	Source bool
	// From and To are its two ends.
	From, To Identity
	// Destination is the full name of the Service, or what was asked for.
	Destination string
	// Protocol is "http", "tcp" or "tls".
	Protocol string
	// Code is the status of the answer.
	Code int
	// Flags are Envoy's letters for what went wrong; empty if nothing did.
	Flags string
}

// Labels are those of Istio's standard metrics.
func (r *Request) Labels() []Label {
	reporter, security := "destination", "mutual_tls"
	if r.Source {
		reporter, security = "source", "unknown"
	}
	name, namespace := "unknown", "unknown"
	if key, ok := Service(r.Destination); ok {
		name, namespace = key.Name, key.Namespace
	}
	labels := []Label{
		{"reporter", reporter},
		{"destination_service", r.Destination},
		{"destination_service_name", name},
		{"destination_service_namespace", namespace},
		{"request_protocol", r.Protocol},
		{"response_flags", cmp.Or(r.Flags, "-")},
		{"connection_security_policy", security},
		{"source_cluster", "Kubernetes"},
		{"destination_cluster", "Kubernetes"},
	}
	if r.Protocol == HTTP {
		labels = append(labels, Label{"response_code", strconv.Itoa(r.Code)})
	}
	from, to := r.From.labels(sourceNames), r.To.labels(destinationNames)
	return slices.Concat(labels, from[:], to[:])
}

// ClusterDomain is the end of the full name of a Service.
const ClusterDomain = ".svc.cluster.local"

// Service splits the full name of a Service.
func Service(host string) (key types.NamespacedName, ok bool) {
	short, ok := strings.CutSuffix(host, ClusterDomain)
	if !ok {
		return key, false
	}
	key.Name, key.Namespace, ok = strings.Cut(short, ".")
	return key, ok
}

// Host is the reverse of Service.
func Host(key types.NamespacedName) string { return key.Name + "." + key.Namespace + ClusterDomain }

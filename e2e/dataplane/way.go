package dataplane

import "net/http"

// Headers of an answer that say which way the request took. No application sends
// them.
const (
	// ClusterHeader names the destination: outbound|PORT|SUBSET|HOST.
	ClusterHeader = "X-Aviary-Cluster"
	// UpstreamHeader is the address, HOST:PORT, of who was asked last.
	UpstreamHeader = "X-Aviary-Upstream"
	// FlagsHeader is set if no application answered: Envoy's response flags.
	FlagsHeader = "X-Aviary-Flags"
)

// way is where a request went.
type way struct{ cluster, upstream, flags string }

func (w *way) write(h http.Header) {
	for name, value := range map[string]string{ClusterHeader: w.cluster, UpstreamHeader: w.upstream, FlagsHeader: w.flags} {
		if value != "" {
			h.Set(name, value)
		}
	}
}

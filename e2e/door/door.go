// Package door lets requests into a mesh of real sidecars: an HTTP forward proxy that
// runs in a pod with one. What it sends, the sidecar takes and routes, as it does with
// the requests of any application; what the sidecar says about the way that they took
// is handed back in the headers of package dataplane, which plays this part where there
// is no Envoy.
//
// e2e/rig/manifests/door.yaml puts it on a cluster, and makes Envoy say which way.
package door

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"
	"time"

	"github.com/aviary-rollouts/aviary/e2e/dataplane"
	"github.com/aviary-rollouts/aviary/sim/mesh/istiometric"
)

// gatewayPrefix begins the name of a source that is a gateway.
const gatewayPrefix = "gateway/"

// Handler serves the proxy, and its own /healthz. The source of a request is in its
// header [dataplane.SourceHeader]: NAMESPACE/POD, of which the namespace is what a short
// host name means; the sidecar that routes is always that of this pod. Without a source
// hosts are taken as they are. Requests from gateways are refused.
func Handler(transport http.RoundTripper, log *slog.Logger) http.Handler {
	own := http.NewServeMux()
	own.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Host == "":
			own.ServeHTTP(w, r)
		case r.Method == http.MethodConnect:
			http.Error(w, "CONNECT: the door takes plain HTTP only, which sidecars can route", http.StatusMethodNotAllowed)
		default:
			pass(w, r, transport, log)
		}
	})
}

// Transport sends requests to where their URL says: to the sidecar, without its knowing.
func Transport() *http.Transport {
	return &http.Transport{
		DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		MaxIdleConnsPerHost: 256, MaxIdleConns: 256, IdleConnTimeout: time.Minute,
		DisableCompression: true, // what the client asks for is what it gets
	}
}

func pass(w http.ResponseWriter, r *http.Request, transport http.RoundTripper, log *slog.Logger) {
	source := r.Header.Get(dataplane.SourceHeader)
	if strings.HasPrefix(source, gatewayPrefix) {
		dataplane.Refuse(w, errors.New("requests from outside the mesh need a gateway, and the door has none"))
		return
	}
	namespace, _, _ := strings.Cut(source, "/")
	proxy := httputil.ReverseProxy{
		Rewrite: func(pr *httputil.ProxyRequest) {
			pr.Out.Host = pr.In.Host
			if pr.In.Host == pr.In.URL.Host {
				pr.Out.Host = inNamespace(pr.In.Host, namespace)
			}
			pr.Out.URL.Host = inNamespace(pr.In.URL.Host, namespace)
			pr.Out.Header.Del(dataplane.SourceHeader)
		},
		Transport:      transport,
		FlushInterval:  -1,
		ModifyResponse: func(answer *http.Response) error { tidy(answer.Header); return nil },
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			log.Warn("a request could not be sent", "source", source, "error", err)
			dataplane.Refuse(w, reason(err))
		},
	}
	proxy.ServeHTTP(w, r)
}

// reason is why a request could not be sent, in the terms of package dataplane.
func reason(err error) error {
	if unknown := (*net.DNSError)(nil); errors.As(err, &unknown) && unknown.IsNotFound {
		return fmt.Errorf("%w: %w", dataplane.ErrNoHost, err)
	}
	return err
}

// inNamespace writes a host name, with or without a port, so that it means from here
// what it means in a namespace: a name without a dot is that of a Service there.
func inNamespace(address, namespace string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		host, port = address, ""
	}
	if namespace == "" || host == "localhost" || strings.ContainsAny(host, ".:") {
		return address
	}
	host += "." + namespace + istiometric.ClusterDomain
	if port == "" {
		return host
	}
	return net.JoinHostPort(host, port)
}

// tidy makes of what Envoy says about the way of a request what package dataplane says:
// Envoy writes "-" for nothing, and a semicolon after the names of clusters that it
// reports statistics by.
func tidy(h http.Header) {
	for _, name := range []string{dataplane.ClusterHeader, dataplane.UpstreamHeader, dataplane.FlagsHeader} {
		value := strings.TrimSuffix(h.Get(name), ";")
		if value == "" || value == "-" {
			h.Del(name)
			continue
		}
		h.Set(name, value)
	}
}

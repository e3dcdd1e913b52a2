package rig

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/aviary-rollouts/aviary/e2e/dataplane"
)

// forwarded is a way into the mesh that ends in the cluster: at our data plane, or at a
// pod with a sidecar (package door). Requests get there as to an HTTP proxy: at a port
// of a node, or through a tunnel.
type forwarded struct{ transport http.RoundTripper }

var _ Mesh = (*forwarded)(nil)

// forwardMesh connects to an entrance, and says how.
func forwardMesh(ctx context.Context, config *rest.Config, client kubernetes.Interface, e entrance, progress io.Writer) (*forwarded, error) {
	host, err := e.open(ctx, client)
	if err == nil {
		fmt.Fprintf(progress, "requests enter the mesh at %s\n", host)
		return &forwarded{transport: throughProxy(func() string { return host })}, nil
	}
	fmt.Fprintf(progress, "requests enter the mesh by a forwarded port, which does not bear much load, for no node lets them in: %v\n", err)
	t := &tunnel{config: config, client: client, namespace: e.namespace, selector: e.selector, port: e.port}
	if err := openTunnel(ctx, t); err != nil {
		return nil, err
	}
	return &forwarded{transport: throughProxy(t.host)}, nil
}

// throughProxy sends requests to the proxy at HOST:PORT.
func throughProxy(host func() string) *http.Transport {
	return &http.Transport{
		Proxy:               func(*http.Request) (*url.URL, error) { return &url.URL{Scheme: "http", Host: host()}, nil },
		MaxIdleConnsPerHost: most, MaxIdleConns: most,
		IdleConnTimeout:    time.Minute,
		DisableCompression: true, // what the client asks for is what it gets
	}
}

// Transport implements [Mesh].
func (f *forwarded) Transport(source string) http.RoundTripper {
	return proxied{source: source, next: f.transport}
}

// proxied sends by the proxy as from a source.
type proxied struct {
	source string
	next   http.RoundTripper
}

// RoundTrip implements http.RoundTripper. The proxy says by a header that it
// could not send a request, which is an error here as it is in the process of
// the data plane.
func (p proxied) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	if p.source != "" {
		r.Header.Set(dataplane.SourceHeader, p.source)
	}
	answer, err := p.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	reason := answer.Header.Get(dataplane.ErrorHeader)
	if reason == "" {
		return answer, nil
	}
	_ = answer.Body.Close() // the header says it all
	if strings.HasPrefix(reason, dataplane.NoHost) {
		return nil, fmt.Errorf("send to %s: %w", r.URL.Host, dataplane.ErrNoHost)
	}
	return nil, fmt.Errorf("send to %s: %s", r.URL.Host, reason)
}

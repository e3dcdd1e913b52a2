package mesh

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/types"
)

// Protocol is what a proxy makes of a connection.
type Protocol string

// The protocols. TLS is what a proxy does not open: it sees the name of the
// server only.
const (
	HTTP Protocol = "http"
	TCP  Protocol = "tcp"
	TLS  Protocol = "tls"
)

// Request is what a client sends.
type Request struct {
	// Client is the pod that sends it. A name that no pod has stands for a
	// client like it, the zero value for somebody outside the cluster, who
	// comes in by a gateway.
	Client types.NamespacedName
	// Method is GET if empty.
	Method string
	// URL is as on a command line: "mock-server-stable:8080/status/200",
	// "http://reviews.istio/", "tcp://database:5432". Without a scheme it is
	// http.
	URL string
	// Header holds the headers; Host replaces the host of the URL.
	Header http.Header
}

// target is a request as proxies look at it.
type target struct {
	protocol    Protocol
	method      string
	scheme      string
	host        string // without port
	authority   string // the Host header
	port        int32
	path, query string
	values      url.Values
	header      http.Header
}

// target reads the URL. The error names what is wrong with it.
func (r *Request) target() (target, error) {
	text := r.URL
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil {
		return target{}, fmt.Errorf("read the URL %q: %w", r.URL, err)
	}
	t := target{
		method: r.Method, scheme: u.Scheme, host: u.Hostname(), authority: u.Host,
		path: u.Path, query: u.RawQuery, values: u.Query(), header: r.Header,
	}
	if t.method == "" {
		t.method = http.MethodGet
	}
	if t.path == "" {
		t.path = "/"
	}
	if h := r.Header.Get("Host"); h != "" {
		t.authority = h
	}
	if t.host == "" {
		return target{}, fmt.Errorf("read the URL %q: it names no host", r.URL)
	}
	if t.protocol, t.port, err = protocolOf(u.Scheme); err != nil {
		return target{}, fmt.Errorf("read the URL %q: %w", r.URL, err)
	}
	return t, t.setPort(r.URL, u.Port())
}

func protocolOf(scheme string) (Protocol, int32, error) {
	switch scheme {
	case "http":
		return HTTP, 80, nil
	case "https":
		return TLS, 443, nil
	case "tcp":
		return TCP, 0, nil
	}
	return "", 0, fmt.Errorf("scheme %q: use http, https or tcp", scheme)
}

// setPort replaces the port of the scheme by the one that is written.
func (t *target) setPort(whole, text string) error {
	if text != "" {
		n, err := strconv.ParseUint(text, 10, 16)
		if err != nil {
			return fmt.Errorf("read the URL %q: port %q: %w", whole, text, err)
		}
		t.port = int32(n)
	}
	if t.port == 0 {
		return fmt.Errorf("read the URL %q: tcp needs a port, as in tcp://database:5432", whole)
	}
	return nil
}

// asked is the host that routes are looked up by: the Host header where there
// is one, without its port.
func (t *target) asked() string {
	if t.protocol != HTTP {
		return t.host
	}
	host, _, _ := strings.Cut(t.authority, ":")
	return host
}

package sim

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"

	"github.com/aviary-rollouts/aviary/sim/wildcard"
)

// Network is what the controllers under test reach by HTTP: servers that live in
// memory, by the name of their host. A host that nobody serves does not resolve,
// as for a controller in a cluster without it.
type Network struct {
	hosts []served // the last one first in line
}

type served struct {
	pattern string
	handler http.Handler
}

// Handle serves the hosts that match a pattern, in which * stands for any text:
// "prometheus.monitoring", "*.example.com". The host is that of the URL without
// its port. Of several patterns the one that was added last counts; adding one
// again replaces its handler, and a nil handler takes it away.
func (n *Network) Handle(pattern string, h http.Handler) {
	n.hosts = slices.DeleteFunc(n.hosts, func(s served) bool { return s.pattern == pattern })
	if h != nil {
		n.hosts = append(n.hosts, served{pattern, h})
	}
}

// RoundTrip answers a request. The error is that of a name that does not resolve.
func (n *Network) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer func() { _ = r.Body.Close() }() // it is in memory
	}
	host := r.URL.Hostname()
	for _, s := range slices.Backward(n.hosts) {
		if wildcard.Match(s.pattern, host) {
			w := answer{header: http.Header{}}
			// Its own copy, because a server fills in the form.
			s.handler.ServeHTTP(&w, r.WithContext(r.Context()))
			return w.response(r), nil
		}
	}
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}}
}

// answer is a response in the making.
type answer struct {
	status int
	header http.Header
	body   bytes.Buffer
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}

func (a *answer) response(r *http.Request) *http.Response {
	a.WriteHeader(http.StatusOK)
	return &http.Response{
		Status: fmt.Sprintf("%d %s", a.status, http.StatusText(a.status)), StatusCode: a.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: a.header,
		Body: io.NopCloser(&a.body), ContentLength: int64(a.body.Len()), Request: r,
	}
}

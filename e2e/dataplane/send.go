package dataplane

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aviary-rollouts/aviary/e2e/dataplane/route"
	"github.com/aviary-rollouts/aviary/e2e/dataplane/xds"
	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/sim/mesh/istiometric"
)

// ErrNoHost means that a name is neither a Service nor a host of a route.
var ErrNoHost = errors.New("could not resolve host")

// exchange is a request on its way.
type exchange struct {
	plane  *Plane
	in     *http.Request
	from   *source // nil for a client without a proxy
	config *xds.Config
	host   string // as the URL names it
	port   uint16
	asked  *route.Request
	body   payload
	began  time.Time
	way    way
}

// begin reads a request.
func (p *Plane) begin(r *http.Request, name string) (*exchange, error) {
	host, port, err := targetOf(r.URL)
	if err != nil {
		return nil, err
	}
	x := &exchange{plane: p, in: r, host: host, port: port, asked: route.NewRequest(r), began: p.opts.Clock.Now()}
	if name != "" {
		if x.from, err = p.sourceOf(name); err != nil {
			return nil, err
		}
	}
	x.body, err = readPayload(r)
	return x, err
}

func targetOf(u *url.URL) (host string, port uint16, err error) {
	if u.Scheme != "http" && u.Scheme != "" {
		return "", 0, fmt.Errorf("scheme %q: the data plane reads requests in the clear only: use http", u.Scheme)
	}
	if u.Hostname() == "" {
		return "", 0, errors.New("the URL names no host")
	}
	if u.Port() == "" {
		return u.Hostname(), 80, nil
	}
	n, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil || n == 0 {
		return "", 0, fmt.Errorf("port %q is none from 1 to 65535", u.Port())
	}
	return u.Hostname(), uint16(n), nil
}

// send finds the way of the request and sends it there.
func (x *exchange) send() (*http.Response, error) {
	address := net.JoinHostPort(x.host, strconv.Itoa(int(x.port)))
	if to, ok := x.plane.opts.Map[address]; ok {
		return x.direct([]string{to})
	}
	if x.from == nil || x.from.client == nil {
		return x.service()
	}
	ctx, cancel := context.WithTimeout(x.in.Context(), x.plane.opts.FirstConfig)
	defer cancel()
	var err error
	if x.config, err = x.from.client.Config(ctx); err != nil {
		return nil, err
	}
	var ip netip.Addr
	if !x.from.gateway {
		ip = x.plane.opts.Directory.Resolve(x.host, x.from.key.Namespace).IP
	}
	handler := x.config.Handler(ip, x.port)
	switch {
	case handler == nil && x.from.gateway:
		return nil, fmt.Errorf("the gateway does not listen on port %d: no Gateway that selects it has a server there", x.port)
	case handler == nil:
		return x.service()
	case len(handler.Clusters) > 0:
		return x.bytes(handler.Clusters)
	}
	return x.routed(x.config.Table(handler))
}

// routed does what the routes say.
func (x *exchange) routed(table *route.Table) (*http.Response, error) {
	var r *route.Route
	if table != nil {
		r = table.Find(x.asked, x.plane.dice.draw)
	}
	if r == nil {
		return x.refuse(noRoute, http.StatusNotFound, x.askedHost()), nil
	}
	delay, status := r.Fault.Draw(x.plane.dice.draw)
	if err := clock.Wait(x.in.Context(), delay); err != nil {
		return nil, err
	}
	var answer *http.Response
	switch {
	case status != 0:
		answer = x.answer(status, "fault filter abort", "FI", x.askedHost())
	case r.Direct != nil:
		answer = x.answer(r.Direct.Status, r.Direct.Body, "", x.askedHost())
	case r.Redirect != nil:
		answer = x.answer(r.Redirect.Status, "", "", x.askedHost())
		answer.Header.Set("Location", r.Redirect.Location(x.asked))
	default:
		return x.forward(r)
	}
	r.Answered(answer.Header, nil)
	return answer, nil
}

// bytes sends the request to one of some clusters unread: the port of the
// Service is declared to be no HTTP.
func (x *exchange) bytes(to []xds.TCPCluster) (*http.Response, error) {
	var total uint64
	for _, c := range to {
		total += c.Weight
	}
	if total == 0 {
		return nil, errors.New("the route has no destination with a weight")
	}
	n := x.plane.dice.draw(total)
	for _, c := range to {
		if n >= c.Weight {
			n -= c.Weight
			continue
		}
		cluster := x.config.Cluster(c.Name)
		switch {
		case cluster == nil:
			return nil, fmt.Errorf("connect: cluster %s does not exist", c.Name)
		case cluster.Original:
			return x.service()
		}
		e := x.config.Pool(cluster).Pick(cluster.Policy, x.plane.dice.draw, nil)
		if e == nil {
			return nil, fmt.Errorf("connect: cluster %s has no healthy endpoint", c.Name)
		}
		return x.direct([]string{e.Address})
	}
	panic("the draw is not below the sum of the weights")
}

// service sends the request to a ready endpoint of the Service that it names, as
// the address of a Service does; or to where the name leads outside the cluster.
func (x *exchange) service() (*http.Response, error) {
	addresses, err := x.plane.lookup(x.host, x.port, x.namespace())
	if err != nil {
		return nil, err
	}
	return x.direct(addresses)
}

func (x *exchange) namespace() string {
	if x.from == nil {
		return ""
	}
	return x.from.key.Namespace
}

// lookup lists the addresses behind a name and a port.
func (p *Plane) lookup(host string, port uint16, namespace string) ([]string, error) {
	place := p.opts.Directory.Resolve(host, namespace)
	address := net.JoinHostPort(host, strconv.Itoa(int(port)))
	switch {
	case place.Service != nil:
		list, err := p.opts.Directory.Endpoints(place.Service, port)
		if err == nil && len(list) == 0 {
			err = fmt.Errorf("connection refused: Service %s/%s has no ready endpoint", place.Service.Namespace, place.Service.Name)
		}
		return list, err
	case place.IP.IsValid(), strings.Contains(host, ".") && !strings.HasSuffix(host, istiometric.ClusterDomain), host == "localhost":
		return []string{address}, nil
	}
	return nil, fmt.Errorf("%w: %s", ErrNoHost, host)
}

// direct sends the request to one of some addresses, once, without telling of it
// as the client's proxy.
func (x *exchange) direct(addresses []string) (*http.Response, error) {
	address := addresses[x.plane.dice.draw(uint64(len(addresses)))]
	out := route.Outgoing{Authority: x.asked.Authority, Path: x.asked.Path, Query: x.asked.Query, Header: x.in.Header.Clone()}
	x.way.upstream = address
	r, err := x.outgoing(x.in.Context(), out, address)
	if err != nil {
		return nil, err
	}
	return x.plane.upstream.RoundTrip(r)
}

// askedHost is the host of the request without its port.
func (x *exchange) askedHost() string {
	if host, _, err := net.SplitHostPort(x.asked.Authority); err == nil {
		return host
	}
	return x.asked.Authority
}

// refusal says why a proxy answers itself: Envoy's letters, and its words.
type refusal struct{ flags, text string }

var (
	noRoute    = refusal{"NR", ""}
	noCluster  = refusal{"NC", ""}
	noEndpoint = refusal{"UH", "no healthy upstream"}
	tooLate    = refusal{"UT", "upstream request timeout"}
	failed     = refusal{"UF", "upstream connect error or disconnect/reset before headers. reset reason: connection failure"}
	broken     = refusal{"UC", "upstream connect error or disconnect/reset before headers. reset reason: connection termination"}
)

// refuse answers for a destination that cannot.
func (x *exchange) refuse(why refusal, status int, destination string) *http.Response {
	x.plane.opts.Log.Info("a request was refused", "flags", why.flags, "destination", destination, "cluster", x.way.cluster)
	return x.answer(status, why.text, why.flags, destination)
}

// answer is an answer of the client's proxy.
func (x *exchange) answer(status int, body, flags, destination string) *http.Response {
	x.reportSource(istiometric.Identity{}, destination, status, flags)
	x.way.flags = flags
	h := http.Header{"Server": {"envoy"}}
	if body != "" {
		h.Set("Content-Type", "text/plain")
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", status, http.StatusText(status)), StatusCode: status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: h, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
}

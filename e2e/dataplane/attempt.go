package dataplane

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"

	"github.com/aviary-rollouts/aviary/e2e/dataplane/route"
	"github.com/aviary-rollouts/aviary/e2e/dataplane/upstream"
	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/sim/mesh/istiometric"
)

// forward sends the request to a destination of its route, as often as the retry
// policy says.
func (x *exchange) forward(r *route.Route) (*http.Response, error) {
	to := r.Forward.Pick(x.plane.dice.draw)
	x.way.cluster = to.Cluster
	out := r.Outgoing(x.asked, to)
	for _, m := range r.Forward.Mirrors {
		if m.Happens(x.plane.dice.draw) {
			x.copyTo(m.Cluster, out, r.Forward.Timeout)
		}
	}
	cluster := x.config.Cluster(to.Cluster)
	switch {
	case cluster == nil:
		return x.refuse(noCluster, r.Forward.Missing, hostOfCluster(to.Cluster)), nil
	case cluster.Original:
		return x.service()
	}
	ctx, cancel := x.in.Context(), context.CancelFunc(func() {})
	if r.Forward.Timeout > 0 {
		ctx, cancel = context.WithTimeout(ctx, r.Forward.Timeout)
	}
	answer, err := x.try(ctx, r.Forward, cluster, out)
	if err != nil {
		cancel()
		return nil, err
	}
	r.Answered(answer.Header, to)
	// The time is up for the body, too; a proxy's own answer has it in memory.
	answer.Body = &watched{ReadCloser: answer.Body, done: func(bool) { cancel() }}
	return answer, nil
}

// hostOfCluster is the host in the name of a cluster.
func hostOfCluster(name string) string { return name[strings.LastIndex(name, "|")+1:] }

// outcome is how an attempt ended: with an answer, or with a failure.
type outcome struct {
	answer  *http.Response
	failure route.Failure
	err     error
	pod     istiometric.Identity
}

// try makes attempts until one counts. The error is that of the client, who does
// not wait any more.
func (x *exchange) try(ctx context.Context, f *route.Forward, cluster *upstream.Cluster, out route.Outgoing) (*http.Response, error) {
	times := f.Retry.Times
	if !x.body.repeatable() {
		times = 0
	}
	var tried []string
	for n := 0; ; n++ {
		e := x.pick(ctx, cluster, tried)
		if e == nil {
			return x.refuse(noEndpoint, http.StatusServiceUnavailable, cluster.Host), nil
		}
		tried = append(tried, e.Address)
		x.way.upstream = e.Address
		if f.AutoHost() {
			out.Authority = e.Address
		}
		o := x.attempt(ctx, e, cluster, out, f.Retry.PerTry)
		again := n < times && ctx.Err() == nil &&
			(o.answer != nil && f.Retry.Answers(o.answer.StatusCode) || o.answer == nil && f.Retry.Fails(o.failure))
		if !again {
			return x.settle(ctx, o, cluster)
		}
		if o.answer != nil {
			_, _ = io.Copy(io.Discard, io.LimitReader(o.answer.Body, largest)) // so that the connection can be used again
			_ = o.answer.Body.Close()
		}
		_ = clock.Wait(ctx, f.Retry.BackOff(n+1, x.plane.dice.draw)) // the next attempt sees that ctx has ended
	}
}

// pick picks an endpoint from what is known now: while a request is tried, pods
// come and go.
func (x *exchange) pick(ctx context.Context, cluster *upstream.Cluster, tried []string) *upstream.Endpoint {
	config := x.config
	if newer, err := x.from.client.Config(ctx); err == nil && newer.Cluster(cluster.Name) != nil {
		config = newer
	}
	pool := config.Pool(cluster)
	if pool == nil {
		return nil
	}
	return pool.Pick(cluster.Policy, x.plane.dice.draw, tried)
}

// settle makes the client's answer of the last attempt.
func (x *exchange) settle(ctx context.Context, o outcome, cluster *upstream.Cluster) (*http.Response, error) {
	if o.answer != nil {
		status := o.answer.StatusCode
		o.answer.Body = &watched{ReadCloser: o.answer.Body, done: func(bool) {
			x.reportSource(o.pod, cluster.Host, status, "")
		}}
		return o.answer, nil
	}
	switch {
	case x.in.Context().Err() != nil:
		x.reportSource(o.pod, cluster.Host, 0, "DC") // the client has gone: nobody sees an answer
		return nil, o.err
	case ctx.Err() != nil, o.failure == route.Late:
		return x.refuse(tooLate, http.StatusGatewayTimeout, cluster.Host), nil
	case o.failure == route.Refused:
		x.plane.opts.Log.Warn("no endpoint could be connected to", "cluster", cluster.Name, "error", o.err)
		return x.refuse(failed, http.StatusServiceUnavailable, cluster.Host), nil
	}
	x.plane.opts.Log.Warn("an endpoint broke off", "cluster", cluster.Name, "error", o.err)
	return x.refuse(broken, http.StatusServiceUnavailable, cluster.Host), nil
}

// attempt sends the request to an endpoint once.
func (x *exchange) attempt(ctx context.Context, e *upstream.Endpoint, cluster *upstream.Cluster, out route.Outgoing, perTry time.Duration) outcome {
	cancel := context.CancelFunc(func() {})
	if perTry > 0 {
		ctx, cancel = context.WithTimeout(ctx, perTry)
	}
	reused := false
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) { reused = c.Reused }})
	r, err := x.outgoing(traced, out, e.Address)
	if err != nil {
		cancel()
		return outcome{failure: route.Reset, err: err}
	}
	began, end := x.plane.opts.Clock.Now(), e.Begin()
	answer, err := x.plane.upstream.RoundTrip(r)
	if err != nil {
		end()
		cancel()
		return outcome{failure: failureOf(err, reused), err: err}
	}
	pod := x.plane.identityAt(e)
	status := answer.StatusCode
	answer.Body = &watched{ReadCloser: answer.Body, done: func(bool) {
		end()
		cancel()
		x.reportDestination(e, cluster.Host, status, began)
	}}
	return outcome{answer: answer, pod: pod}
}

// failureOf says how an attempt failed.
func failureOf(err error, reused bool) route.Failure {
	var op *net.OpError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return route.Late
	case errors.As(err, &op) && op.Op == "dial":
		return route.Refused
	case reused:
		return route.Unsent
	}
	return route.Reset
}

// outgoing makes a request to an address.
func (x *exchange) outgoing(ctx context.Context, out route.Outgoing, address string) (*http.Request, error) {
	path, err := url.PathUnescape(out.Path)
	if err != nil {
		return nil, fmt.Errorf("path %q: %w", out.Path, err)
	}
	r := &http.Request{
		Method: x.asked.Method, Host: out.Authority, Header: out.Header.Clone(),
		URL:   &url.URL{Scheme: "http", Host: address, Path: path, RawPath: out.Path, RawQuery: out.Query},
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	if r.Header == nil {
		r.Header = http.Header{}
	}
	x.body.put(r)
	return r.WithContext(ctx), nil
}

// mirrorTimeout bounds copies on routes without a bound.
const mirrorTimeout = 15 * time.Second

// copyTo sends a copy of the request whose answer nobody reads. The pod that gets
// it reports it; the client's proxy does not. If it cannot be sent, nobody misses
// it.
func (x *exchange) copyTo(name string, out route.Outgoing, timeout time.Duration) {
	cluster := x.config.Cluster(name)
	if cluster == nil || x.config.Pool(cluster) == nil || !x.body.repeatable() {
		return
	}
	e := x.config.Pool(cluster).Pick(cluster.Policy, x.plane.dice.draw, nil)
	if e == nil {
		return
	}
	if timeout == 0 {
		timeout = mirrorTimeout
	}
	out.Authority, out.Header = shadow(out.Authority), out.Header.Clone()
	x.plane.work.Go(func() {
		ctx, cancel := context.WithTimeout(x.plane.running, timeout)
		defer cancel()
		if o := x.attempt(ctx, e, cluster, out, 0); o.answer != nil {
			_, _ = io.Copy(io.Discard, o.answer.Body) // only the status counts
			_ = o.answer.Body.Close()
		}
	})
}

// shadow marks the Host header of a copy as Envoy does.
func shadow(authority string) string {
	if host, port, err := net.SplitHostPort(authority); err == nil {
		return net.JoinHostPort(host+"-shadow", port)
	}
	return authority + "-shadow"
}

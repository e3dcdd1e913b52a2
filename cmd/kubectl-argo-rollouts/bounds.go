package main

import (
	"context"
	"io"
	"net/http"
	"sync/atomic"
)

// bounds ends requests with a context that they were not made with: the lookup of the
// kinds that a cluster serves knows none, and would neither end in time nor by ctrl-c.
type bounds struct {
	ctx atomic.Pointer[context.Context]
}

func newBounds(ctx context.Context) *bounds {
	b := &bounds{}
	b.set(ctx)
	return b
}

// set bounds the requests that are made from now on.
func (b *bounds) set(ctx context.Context) { b.ctx.Store(&ctx) }

// around is next with the bounds.
func (b *bounds) around(next http.RoundTripper) http.RoundTripper { return &bounded{b, next} }

type bounded struct {
	*bounds
	next http.RoundTripper
}

// RoundTrip makes a request that ends with the bounds, its answer included.
func (b *bounded) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(req.Context())
	stop := context.AfterFunc(*b.ctx.Load(), cancel)
	end := func() {
		stop()
		cancel()
	}
	resp, err := b.next.RoundTrip(req.WithContext(ctx))
	if err != nil {
		end()
		return nil, err
	}
	resp.Body = &boundedBody{resp.Body, end}
	return resp, nil
}

// boundedBody ends with its answer what watches over it.
type boundedBody struct {
	io.ReadCloser
	end func()
}

// Close closes the body.
func (b *boundedBody) Close() error {
	defer b.end()
	return b.ReadCloser.Close()
}

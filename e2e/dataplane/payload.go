package dataplane

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
)

// largest is how much of a body is kept, in bytes, to send it again: to another
// endpoint, or to a mirror. It is Envoy's limit.
const largest = 1 << 20

// payload is the body of a request.
type payload struct {
	start []byte
	rest  io.Reader // what follows the start; nil if that is all
	size  int64     // as the client says; -1 if it does not
}

// readPayload reads the body of a request up to the limit. Close it with the
// request.
func readPayload(r *http.Request) (payload, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return payload{}, nil
	}
	start, err := io.ReadAll(io.LimitReader(r.Body, largest))
	if err != nil {
		return payload{}, fmt.Errorf("read the body of the request: %w", err)
	}
	p := payload{start: start, size: r.ContentLength}
	if len(start) == largest {
		p.rest = r.Body
	} else {
		p.size = int64(len(start))
	}
	return p, nil
}

// repeatable reports whether the body can be sent more than once.
func (p payload) repeatable() bool { return p.rest == nil }

// put makes it the body of a request.
func (p payload) put(r *http.Request) {
	r.ContentLength = p.size
	switch {
	case !p.repeatable():
		r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(p.start), p.rest))
	case len(p.start) > 0:
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(p.start)), nil }
		r.Body = io.NopCloser(bytes.NewReader(p.start))
	}
}

// watched is the body of an answer. It calls done once, when it has been read or
// given up.
type watched struct {
	io.ReadCloser
	once sync.Once
	done func(complete bool)
}

// Read implements io.Reader.
func (w *watched) Read(b []byte) (int, error) {
	n, err := w.ReadCloser.Read(b)
	if err != nil {
		w.once.Do(func() { w.done(errors.Is(err, io.EOF)) })
	}
	return n, err
}

// Close implements io.Closer.
func (w *watched) Close() error {
	err := w.ReadCloser.Close()
	w.once.Do(func() { w.done(true) })
	return err
}

package prom

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/prometheus/prometheus/promql"

	"github.com/aviary-rollouts/aviary/internal/clock"
)

// Server answers /api/v1/query and /api/v1/query_range as a Prometheus server
// does, by GET and by POST, behind any path. It is an http.Handler for those who listen on a
// port and an http.RoundTripper for those who do without a network; both may be
// called from one goroutine at a time.
type Server struct {
	db    *DB
	clock clock.Clock
	sync  func()
}

// NewServer returns a server of db. A query without a time is evaluated at that
// of the clock.
func NewServer(db *DB, c clock.Clock) *Server { return &Server{db: db, clock: c, sync: func() {}} }

// BeforeQuery makes the server call fn before it evaluates anything: those who
// write to the database only when asked catch up there.
func (s *Server) BeforeQuery(fn func()) { s.sync = fn }

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	status, contentType, body := s.answer(r)
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write(body) // the reader has gone away: nobody is left to tell
}

// RoundTrip answers one request without a network. It never fails: what is
// wrong with the request is in the response.
func (s *Server) RoundTrip(r *http.Request) (*http.Response, error) {
	status, contentType, body := s.answer(r.Clone(r.Context()))
	if r.Body != nil {
		_ = r.Body.Close() // it is in memory
	}
	return &http.Response{
		Status: strconv.Itoa(status) + " " + http.StatusText(status), StatusCode: status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        http.Header{"Content-Type": {contentType}},
		Body:          io.NopCloser(bytes.NewReader(body)),
		ContentLength: int64(len(body)), Request: r,
	}, nil
}

const (
	jsonType = "application/json"
	textType = "text/plain; charset=utf-8"
)

func (s *Server) answer(r *http.Request) (status int, contentType string, body []byte) {
	instant, steps := strings.HasSuffix(r.URL.Path, "/api/v1/query"), strings.HasSuffix(r.URL.Path, "/api/v1/query_range")
	if !instant && !steps {
		return http.StatusNotFound, textType, []byte("404 page not found\n")
	}
	if r.Method != http.MethodGet && r.Method != http.MethodPost && r.Method != "" {
		return http.StatusMethodNotAllowed, textType, []byte("Method Not Allowed\n")
	}
	if err := r.ParseForm(); err != nil {
		return failure("bad_data", fmt.Errorf("error parsing form values: %w", err))
	}
	var (
		q     question
		limit int
		err   error
	)
	if instant {
		q, limit, err = readInstant(r, s.clock.Now())
	} else {
		q, limit, err = readRange(r)
	}
	if err != nil {
		return failure("bad_data", err)
	}
	s.sync()
	err = s.db.ask(r.Context(), q, func(result *promql.Result) {
		status, contentType, body = respond(q.text, result, limit)
	})
	if err != nil {
		return failure("bad_data", invalid("query", err))
	}
	return status, contentType, body
}

// respond renders the result of an evaluation.
func respond(text string, result *promql.Result, limit int) (status int, contentType string, body []byte) {
	if result.Err != nil {
		return failure(kindOf(result.Err), result.Err)
	}
	body, err := encode(text, result, limit)
	if err != nil {
		return failure("internal", err)
	}
	return http.StatusOK, jsonType, body
}

// kindOf names an error of an evaluation.
func kindOf(err error) string {
	var (
		canceled promql.ErrQueryCanceled
		timeout  promql.ErrQueryTimeout
		storage  promql.ErrStorage
	)
	switch {
	case errors.As(err, &canceled):
		return "canceled"
	case errors.As(err, &timeout):
		return "timeout"
	case errors.As(err, &storage):
		return "internal"
	}
	return "execution"
}

// failure renders an error of the kinds that Prometheus has.
func failure(kind string, err error) (status int, contentType string, body []byte) {
	status = map[string]int{
		"bad_data":  http.StatusBadRequest,
		"execution": http.StatusUnprocessableEntity,
		"canceled":  499, // nginx's number for a client that went away
		"timeout":   http.StatusServiceUnavailable,
	}[kind]
	if status == 0 {
		status = http.StatusInternalServerError
	}
	return status, jsonType, encodeError(kind, err)
}

package server

import (
	"bytes"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/aviary-rollouts/aviary/mockserver/behaviour"
)

// fault is a way in which a connection breaks.
type fault struct {
	answers bool   // breaks after an answer like any other, not in place of one
	sends   []byte // what is sent in place of an answer; nil for nothing
	reset   bool   // ends with a TCP reset in place of an orderly close
}

var faults = map[string]fault{
	"close-before-response": {},
	"close-after-response":  {answers: true},
	"reset-before-response": {reset: true},
	"reset-after-response":  {answers: true, reset: true},
	"wrongprotocol":         {sends: []byte("This is not HTTP.\r\n")},
}

// breakConnection takes the connection away from net/http and breaks it after
// the milliseconds that the path names.
func (s *Server) breakConnection(name string, f fault) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		d, err := milliseconds(r)
		if err != nil {
			s.refuse(w, err.Error())
			return
		}
		hijacker, ok := w.(http.Hijacker)
		if !ok {
			s.refuse(w, "this connection cannot be broken: use HTTP/1.1")
			return
		}
		if f.answers && !s.answerWhole(w, r, name) {
			return
		}
		conn, _, err := hijacker.Hijack()
		if err != nil {
			return // the client has left
		}
		s.finish(r, conn, f, d)
	}
}

func (s *Server) finish(r *http.Request, conn net.Conn, f fault, d time.Duration) {
	defer func() { _ = conn.Close() }()
	if s.options.Wait(r.Context(), d) != nil {
		return
	}
	if _, err := conn.Write(f.sends); err != nil {
		return
	}
	if tcp, ok := conn.(*net.TCPConn); ok && f.reset {
		_ = tcp.SetLinger(0)
	}
}

// answerWhole sends an answer to its end at once. It reports false for a client that has
// left.
func (s *Server) answerWhole(w http.ResponseWriter, r *http.Request, endpoint string) bool {
	whole := &whole{ResponseWriter: w}
	s.answer(whole, r, endpoint, behaviour.Request{Code: http.StatusOK}, s.message("", nil))
	if whole.code == 0 {
		return false
	}
	if hasBody(whole.code) {
		w.Header().Set("Content-Length", strconv.Itoa(whole.body.Len()))
	}
	w.WriteHeader(whole.code)
	_, err := w.Write(whole.body.Bytes())
	return err == nil && http.NewResponseController(w).Flush() == nil
}

// whole holds an answer back until its length is known: nothing else tells where it ends
// on a connection that is about to break.
type whole struct {
	http.ResponseWriter
	code int
	body bytes.Buffer
}

// WriteHeader notes a status. One that only announces another is not sent.
func (w *whole) WriteHeader(code int) { w.code = code }

func (w *whole) Write(p []byte) (int, error) { return w.body.Write(p) }

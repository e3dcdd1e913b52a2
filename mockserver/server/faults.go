package server

import (
	"net"
	"net/http"
	"time"
)

// fault is a way in which a connection breaks.
type fault struct {
	sends []byte // what is sent first; nil for nothing
	reset bool   // ends with a TCP reset in place of an orderly close
	late  bool   // waits after what is sent, not before it
}

var complete = []byte("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nOK\n")

var faults = map[string]fault{
	"close-before-response": {},
	"close-after-response":  {sends: complete, late: true},
	"reset-before-response": {reset: true},
	"reset-after-response":  {sends: complete, reset: true, late: true},
	"wrongprotocol":         {sends: []byte("This is not HTTP.\r\n")},
}

// breakConnection takes the connection away from net/http and breaks it after
// the milliseconds that the path names.
func (s *Server) breakConnection(f fault) http.HandlerFunc {
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
		conn, _, err := hijacker.Hijack()
		if err != nil {
			s.refuse(w, "this connection cannot be broken: "+err.Error())
			return
		}
		s.finish(r, conn, f, d)
	}
}

func (s *Server) finish(r *http.Request, conn net.Conn, f fault, d time.Duration) {
	defer func() { _ = conn.Close() }()
	if !f.late && s.options.Wait(r.Context(), d) != nil {
		return
	}
	if _, err := conn.Write(f.sends); err != nil {
		return
	}
	if f.late && s.options.Wait(r.Context(), d) != nil {
		return
	}
	if tcp, ok := conn.(*net.TCPConn); ok && f.reset {
		_ = tcp.SetLinger(0)
	}
}

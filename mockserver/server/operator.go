package server

import (
	"fmt"
	"io"
	"net/http"

	"github.com/aviary-rollouts/aviary/mockserver/behaviour"
)

// largestBehaviour is more than any behaviour in JSON needs, in bytes.
const largestBehaviour = 1 << 20

func (s *Server) health(w http.ResponseWriter, _ *http.Request) {
	code, text := http.StatusOK, "ok"
	switch {
	case s.draining.Load():
		code, text = http.StatusServiceUnavailable, "draining: the server was told to stop"
	case !s.Behaviour().IsReady():
		code, text = http.StatusServiceUnavailable, "not ready: its behaviour says so"
	}
	writeJSON(w, code, s.say(code, text, nil))
}

func (s *Server) getBehaviour(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, s.Behaviour())
}

func (s *Server) putBehaviour(w http.ResponseWriter, r *http.Request) {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, largestBehaviour))
	if err != nil {
		s.refuse(w, fmt.Sprintf("behaviour: reading the request: %v", err))
		return
	}
	b, err := behaviour.Parse(data)
	if err != nil {
		s.refuse(w, err.Error())
		return
	}
	s.Set(b)
	writeJSON(w, http.StatusOK, b)
}

func refuseMethod(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Allow", "GET, PUT")
	http.Error(w, "behaviour: use GET to read it and PUT to replace it", http.StatusMethodNotAllowed)
}

package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/aviary-rollouts/aviary/mockserver/behaviour"
)

// message is the usual body of an answer.
type message struct {
	StatusCode int      `json:"status_code"`
	Service    string   `json:"service"`
	Version    string   `json:"version"`
	Pod        string   `json:"pod,omitempty"`
	Message    string   `json:"message"`
	Endpoints  []string `json:"endpoints,omitempty"`
}

// endpoints is what the index lists.
var endpoints = []string{
	"/status/{code}", "/delay/{ms}", "/version", "/close-before-response/{ms}", "/close-after-response/{ms}",
	"/reset-before-response/{ms}", "/reset-after-response/{ms}", "/wrongprotocol/{ms}", "/error", "/healthz", "/metrics", "/-/behaviour",
}

func (s *Server) index(w http.ResponseWriter, r *http.Request) {
	s.answer(w, r, "index", behaviour.Request{Code: http.StatusOK}, s.message("", endpoints))
}

func (s *Server) version(w http.ResponseWriter, r *http.Request) {
	body := func(int) any {
		return map[string]string{"service": s.options.Service, "version": s.options.Version}
	}
	s.answer(w, r, "version", behaviour.Request{Code: http.StatusOK}, body)
}

func (s *Server) anything(w http.ResponseWriter, r *http.Request) {
	s.answer(w, r, "other", behaviour.Request{Code: http.StatusOK}, s.message("", nil))
}

// failure is what jobs ask that are to fail.
func (s *Server) failure(w http.ResponseWriter, r *http.Request) {
	s.answer(w, r, "error", behaviour.Request{Code: http.StatusInternalServerError}, s.message("", nil))
}

// closed is a gate that stays closed unless a behaviour opens it: an open one would take
// back each rollout whose load tester asks.
func (s *Server) closed(w http.ResponseWriter, r *http.Request) {
	s.answer(w, r, "gate", behaviour.Request{Code: http.StatusForbidden}, s.message("", nil))
}

func (s *Server) status(w http.ResponseWriter, r *http.Request) {
	code, err := strconv.Atoi(r.PathValue("code"))
	if err != nil || code < 100 || code > 599 {
		s.refuse(w, fmt.Sprintf("status %q: give a number from 100 to 599, as in /status/503", r.PathValue("code")))
		return
	}
	s.answer(w, r, "status", behaviour.Request{Code: code, Asked: true}, s.message("", nil))
}

func (s *Server) delay(w http.ResponseWriter, r *http.Request) {
	d, err := milliseconds(r)
	if err != nil {
		s.refuse(w, err.Error())
		return
	}
	s.answer(w, r, "delay", behaviour.Request{Code: http.StatusOK, Delay: d}, s.message(fmt.Sprintf("answered after %s", d), nil))
}

// longestDelay keeps a mistyped delay from holding a connection for years.
const longestDelay = time.Hour

func milliseconds(r *http.Request) (time.Duration, error) {
	ms, err := strconv.Atoi(r.PathValue("ms"))
	if err != nil || ms < 0 || ms > int(longestDelay/time.Millisecond) {
		return 0, fmt.Errorf("delay %q: give milliseconds, 0 to %d, as in /delay/200", r.PathValue("ms"), longestDelay/time.Millisecond)
	}
	return time.Duration(ms) * time.Millisecond, nil
}

// message returns what makes the usual body for a status; an empty text stands
// for the name of the status, as does any when the request fails.
func (s *Server) message(text string, endpoints []string) func(code int) any {
	return func(code int) any {
		if text == "" || code >= http.StatusBadRequest {
			return s.say(code, http.StatusText(code), endpoints)
		}
		return s.say(code, text, endpoints)
	}
}

func (s *Server) say(code int, text string, endpoints []string) message {
	o := s.options
	return message{StatusCode: code, Service: o.Service, Version: o.Version, Pod: o.Pod, Message: text, Endpoints: endpoints}
}

// answer does with a request what the behaviour says. body makes the usual body
// for a status. A client that leaves while it waits gets nothing.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, endpoint string, asked behaviour.Request, body func(code int) any) {
	begin := s.options.Clock.Now()
	asked.Path, asked.Query = r.URL.Path, r.URL.RawQuery
	a := s.decide(asked)
	if a.Wait > 0 && s.options.Wait(r.Context(), a.Wait) != nil {
		return
	}
	s.metrics.observe(endpoint, a.Code, a.Injected, s.options.Clock.Now().Sub(begin))
	if a.Body == "" {
		writeJSON(w, a.Code, body(a.Code))
		return
	}
	w.Header().Set("Content-Type", contentType(a.Body))
	writeHeader(w, a.Code)
	if hasBody(a.Code) {
		_, _ = w.Write([]byte(a.Body))
	}
}

// contentType tells JSON, which metrics ask for, from text.
func contentType(body string) string {
	if json.Valid([]byte(body)) {
		return "application/json"
	}
	return "text/plain; charset=utf-8"
}

// refuse answers a request that makes no sense.
func (s *Server) refuse(w http.ResponseWriter, why string) {
	writeJSON(w, http.StatusBadRequest, s.say(http.StatusBadRequest, why, nil))
}

func writeJSON(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	writeHeader(w, code)
	if hasBody(code) {
		_ = json.NewEncoder(w).Encode(body) // an error means that the client has left
	}
}

// writeHeader sends a status. One below 200, but for 101, only announces
// another in HTTP: 200 follows it.
func writeHeader(w http.ResponseWriter, code int) {
	w.WriteHeader(code)
	if code < http.StatusOK && code != http.StatusSwitchingProtocols {
		w.WriteHeader(http.StatusOK)
	}
}

// hasBody says whether HTTP allows a body after a status.
func hasBody(code int) bool {
	switch code {
	case http.StatusSwitchingProtocols, http.StatusNoContent, http.StatusNotModified:
		return false
	}
	return true
}

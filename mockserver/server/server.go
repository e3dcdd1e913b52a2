package server

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/mockserver/behaviour"
)

// Options say who the server is and what it depends on. All but Pod are needed.
type Options struct {
	// Service and Version are in every answer; Pod, if known, is too.
	Service, Version, Pod string
	// Behaviour is what it starts with.
	Behaviour behaviour.Behaviour
	// Clock tells how old a behaviour is, and how long requests take.
	Clock clock.Clock
	// Wait waits, or returns an error when the context ends first: clock.Wait.
	Wait func(context.Context, time.Duration) error
	// Chance decides which requests fail. It is asked by one goroutine at a time.
	Chance behaviour.Chance
	// Crash ends the process; it is called once a behaviour says so.
	Crash func()
}

// Server is the application under rollout.
type Server struct {
	options  Options
	metrics  *metrics
	mux      *http.ServeMux
	draining atomic.Bool

	mu        sync.Mutex // guards what follows, and Options.Chance
	behaviour behaviour.Behaviour
	since     time.Time // when the behaviour was said
	calm      func()    // takes a coming crash back
}

// New returns a server, which is ready at once.
func New(o Options) *Server {
	s := &Server{options: o, metrics: newMetrics(o.Service, o.Version), mux: http.NewServeMux(), calm: func() {}}
	s.routes()
	s.Set(o.Behaviour)
	return s
}

func (s *Server) routes() {
	for pattern, handler := range map[string]http.HandlerFunc{
		"/{$}":             s.index,
		"/version":         s.version,
		"/status/{code}":   s.status,
		"/delay/{ms}":      s.delay,
		"/{path...}":       s.anything,
		"/error":           s.failure,
		"/rollback/check":  s.closed,
		"/-/behaviour":     refuseMethod,
		"/healthz":         s.health,
		"GET /metrics":     s.metrics.handler(),
		"GET /-/behaviour": s.getBehaviour,
		"PUT /-/behaviour": s.putBehaviour,
	} {
		s.mux.HandleFunc(pattern, handler)
	}
	for name, fault := range faults {
		s.mux.HandleFunc("/"+name+"/{ms}", s.breakConnection(name, fault))
	}
}

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Service", s.options.Service)
	w.Header().Set("X-Version", s.options.Version)
	if s.options.Pod != "" {
		w.Header().Set("X-Pod", s.options.Pod)
	}
	if s.draining.Load() {
		w.Header().Set("Connection", "close")
	}
	s.mux.ServeHTTP(w, r)
}

// Set changes the behaviour from now on.
func (s *Server) Set(b behaviour.Behaviour) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.behaviour, s.since = b.Clone(), s.options.Clock.Now()
	s.calm()
	s.calm = func() {}
	if b.Crash != nil {
		ctx, cancel := context.WithCancel(context.Background())
		s.calm = cancel
		go s.crashAfter(ctx, time.Duration(*b.Crash))
	}
}

// lastWords is the time that the answer needs which confirms a crash at once.
const lastWords = 50 * time.Millisecond

func (s *Server) crashAfter(ctx context.Context, d time.Duration) {
	if s.options.Wait(ctx, max(d, lastWords)) == nil {
		s.options.Crash()
	}
}

// Behaviour returns the present one.
func (s *Server) Behaviour() behaviour.Behaviour {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.behaviour.Clone()
}

// Drain makes the server say that it is not ready, so that it is sent no more
// requests, and close each connection after its next answer. It goes on
// answering.
func (s *Server) Drain() { s.draining.Store(true) }

// decide says what a request gets.
func (s *Server) decide(r behaviour.Request) behaviour.Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.Age = s.options.Clock.Now().Sub(s.since)
	return s.behaviour.Decide(r, s.options.Version, s.options.Chance)
}

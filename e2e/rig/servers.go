package rig

import (
	"context"
	"net/http"
	"slices"
	"sync"

	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/scenarios/backend"
	"github.com/aviary-rollouts/aviary/sim"
	"github.com/aviary-rollouts/aviary/sim/wildcard"
)

// servers are the hosts that scenarios answer for. They stand before the proxy
// through which the controller sends its requests.
type servers struct {
	proxy http.Handler

	mu    sync.Mutex
	hosts []server
}

type server struct {
	host    string
	handler http.Handler
}

// ownServers are the hosts of one scenario, which others do not see.
type ownServers struct {
	all   *servers
	scene *backend.Live
}

var _ backend.Servers = ownServers{}

// Serve makes a host of the scenario answer from now on.
func (o ownServers) Serve(ctx context.Context, host string, answers []sim.Answer) error {
	return o.all.Serve(ctx, o.scene.ServedAs(host), answers)
}

// Serve makes a host answer from now on; * in it stands for any text. Without
// answers nobody answers any more.
func (s *servers) Serve(_ context.Context, host string, answers []sim.Answer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hosts = slices.DeleteFunc(s.hosts, func(x server) bool { return x.host == host })
	if len(answers) == 0 {
		return nil
	}
	script, err := sim.NewScript(clock.Real{}, answers...)
	if err != nil {
		return err
	}
	s.hosts = append(s.hosts, server{host, script})
	return nil
}

// ServeHTTP answers for a host, or passes the request on.
func (s *servers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.of(r.URL.Hostname()).ServeHTTP(w, r)
}

func (s *servers) of(host string) http.Handler {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range slices.Backward(s.hosts) {
		if host != "" && wildcard.Match(x.host, host) {
			return x.handler
		}
	}
	return s.proxy
}

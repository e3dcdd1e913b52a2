//go:build e2e && linux

package scale

import (
	"context"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"

	"k8s.io/client-go/rest"

	"github.com/aviary-rollouts/aviary/internal/clock"
)

// refusing stands between the controller and the API server, which it reaches as the
// controller's user, and can make the server slow or refuse.
type refusing struct {
	address string
	mood    func(*rand.Rand, *http.Request) trouble // nil: none

	mu      sync.Mutex
	random  *rand.Rand
	refused int
}

// trouble is what happens to one request.
type trouble struct {
	delay time.Duration
	code  int // 0: it is answered
}

// newRefusing listens on a free port of this machine. [refusing.lead] has to follow.
func newRefusing(seed uint64) (*refusing, net.Listener, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, fmt.Errorf("a port for the API server's proxy: %w", err)
	}
	return &refusing{address: "http://" + l.Addr().String(), random: rand.New(rand.NewPCG(seed, 0))}, l, nil
}

// lead serves until the listener is closed.
func (r *refusing) lead(l net.Listener, config *rest.Config) error {
	server, err := url.Parse(config.Host)
	if err != nil {
		return fmt.Errorf("address of the API server: %w", err)
	}
	transport, err := rest.TransportFor(config)
	if err != nil {
		return fmt.Errorf("connect the API server's proxy: %w", err)
	}
	proxy := httputil.NewSingleHostReverseProxy(server)
	proxy.Transport, proxy.FlushInterval = transport, -1 // watches flow
	proxy.ErrorLog = log.New(io.Discard, "", 0)          // the server is meant to be away
	go func() {
		_ = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if r.hinders(req.Context(), w, req) {
				return
			}
			proxy.ServeHTTP(w, req)
		})) // it ends with the listener
	}()
	return nil
}

// set makes the server behave in some way from now on, and says how many requests were
// refused until then.
func (r *refusing) set(mood func(*rand.Rand, *http.Request) trouble) (refused int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	refused, r.refused, r.mood = r.refused, 0, mood
	return refused
}

// hinders reports whether a request was answered here.
func (r *refusing) hinders(ctx context.Context, w http.ResponseWriter, req *http.Request) bool {
	r.mu.Lock()
	var t trouble
	if r.mood != nil {
		t = r.mood(r.random, req)
	}
	if t.code != 0 {
		r.refused++
	}
	r.mu.Unlock()
	if err := clock.Wait(ctx, t.delay); err != nil || t.code == 0 {
		return err != nil // the one who asked is gone
	}
	w.Header().Set("Content-Type", "application/json")
	if t.code == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "1")
	}
	w.WriteHeader(t.code)
	fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"the server has trouble","reason":%q,"code":%d}`, reasons[t.code], t.code)
	return true
}

var reasons = map[int]string{
	http.StatusTooManyRequests: "TooManyRequests", http.StatusInternalServerError: "InternalError", http.StatusConflict: "Conflict",
}

// sometimes refuses a share of the requests in three ways: conflicts for writes only.
func sometimes(share float64) func(*rand.Rand, *http.Request) trouble {
	return func(r *rand.Rand, req *http.Request) trouble {
		if r.Float64() >= share {
			return trouble{}
		}
		codes := []int{http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusConflict}
		if req.Method == http.MethodGet {
			codes = codes[:2]
		}
		return trouble{code: codes[r.IntN(len(codes))]}
	}
}

// slowly answers each request after up to a second.
func slowly(r *rand.Rand, _ *http.Request) trouble {
	return trouble{delay: time.Duration(r.Int64N(int64(time.Second)))}
}

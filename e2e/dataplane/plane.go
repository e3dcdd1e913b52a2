package dataplane

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"google.golang.org/grpc"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/aviary-rollouts/aviary/e2e/dataplane/directory"
	"github.com/aviary-rollouts/aviary/e2e/dataplane/telemetry"
	"github.com/aviary-rollouts/aviary/e2e/dataplane/xds"
	"github.com/aviary-rollouts/aviary/internal/clock"
)

// Directory says who pods are and where names lead; see package directory.
type Directory interface {
	// Pod returns a pod, nil if there is none.
	Pod(types.NamespacedName) *corev1.Pod
	// PodAt returns the pod that has an address, nil if there is none.
	PodAt(ip string) *corev1.Pod
	// Resolve finds a host as a client in a namespace writes it.
	Resolve(host, namespace string) directory.Place
	// Endpoints lists the ready endpoints behind a port of a Service as host:port.
	Endpoints(*corev1.Service, uint16) ([]string, error)
	// OnGone calls back with each pod that is deleted.
	OnGone(func(types.NamespacedName))
}

// Options describe a data plane.
type Options struct {
	// Istiod is host:port of its xDS in the clear. Empty means no mesh: all hosts
	// are Services.
	Istiod string
	// Directory knows the cluster; it must have been started.
	Directory Directory
	// Map leads host:port, as requests name it, to an address: it stands for what
	// is not in the cluster, such as a Prometheus of this machine.
	Map map[string]string
	// Seed decides the draws of weights, mirrors and endpoints.
	Seed uint64
	// Clock measures how long requests take; nil is the machine's.
	Clock clock.Clock
	// FirstConfig bounds how long the first request of a source waits for its
	// configuration; 0 means 15 s, as with Envoy.
	FirstConfig time.Duration
	// Connect bounds connecting to an endpoint, beside what a cluster says; 0
	// means 1 s: the pods are on this machine.
	Connect time.Duration
	// Log gets what goes wrong; nil means nobody does.
	Log *slog.Logger
}

// Plane is the proxies of a mesh in one process. It may be used by several
// goroutines.
type Plane struct {
	opts       Options
	connection *grpc.ClientConn // nil without a mesh
	upstream   *http.Transport
	book       *telemetry.Book
	dice       dice

	running context.Context // ends with Close
	stop    context.CancelFunc
	work    sync.WaitGroup // streams and mirrors

	mu      sync.Mutex
	sources map[string]*source
}

// dice draw for several goroutines.
type dice struct {
	mu   sync.Mutex
	rand *rand.Rand
}

// draw returns a number from 0 to n, exclusive.
func (d *dice) draw(n uint64) uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rand.Uint64N(n)
}

// New returns a data plane. It connects at its first request.
func New(o Options) (*Plane, error) {
	if o.Directory == nil {
		return nil, errors.New("a data plane needs a directory of the cluster: set Options.Directory")
	}
	o.FirstConfig = cmp.Or(o.FirstConfig, 15*time.Second)
	o.Connect = cmp.Or(o.Connect, time.Second)
	if o.Clock == nil {
		o.Clock = clock.Real{}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	for host, address := range o.Map {
		for _, text := range []string{host, address} {
			if _, _, err := net.SplitHostPort(text); err != nil {
				return nil, fmt.Errorf("map %s=%s: %w; write HOST:PORT=ADDRESS:PORT", host, address, err)
			}
		}
	}
	p := &Plane{
		opts: o, book: telemetry.NewBook(), sources: map[string]*source{},
		dice:     dice{rand: rand.New(rand.NewPCG(o.Seed, o.Seed))},
		upstream: newTransport(o.Connect),
	}
	p.running, p.stop = context.WithCancel(context.Background())
	if o.Istiod != "" {
		connection, err := xds.Dial(o.Istiod)
		if err != nil {
			return nil, err
		}
		p.connection = connection
	}
	o.Directory.OnGone(p.forget)
	return p, nil
}

// newTransport is what carries requests to pods: connections are kept and shared
// by all sources.
func newTransport(connect time.Duration) *http.Transport {
	return &http.Transport{
		DialContext:         (&net.Dialer{Timeout: connect}).DialContext,
		MaxIdleConnsPerHost: 64,
		IdleConnTimeout:     30 * time.Second,
		DisableCompression:  true, // what the client asks for is what it gets
	}
}

// Close ends all streams and waits for mirrored requests.
func (p *Plane) Close() error {
	p.stop()
	p.work.Wait()
	p.upstream.CloseIdleConnections()
	if p.connection == nil {
		return nil
	}
	return p.connection.Close()
}

// Metrics serves the counters of all proxies; see package telemetry.
func (p *Plane) Metrics() http.Handler { return p.book.Handler() }

// Transport returns what sends requests as from a source: "NAMESPACE/POD",
// "gateway/NAME", or empty for a client without a proxy. A request fails with
// an error where its client could not connect, and is answered otherwise.
func (p *Plane) Transport(source string) http.RoundTripper { return transport{p, source} }

type transport struct {
	plane  *Plane
	source string
}

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	x, err := t.plane.begin(r, t.source)
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close() // the error says why nobody reads it
		}
		return nil, fmt.Errorf("send to %s: %w", r.URL.Host, err)
	}
	answer, err := x.send()
	if err != nil {
		return nil, fmt.Errorf("send to %s: %w", r.URL.Host, err)
	}
	answer.Request = r
	x.way.write(answer.Header)
	return answer, nil
}

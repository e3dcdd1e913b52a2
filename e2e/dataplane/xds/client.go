package xds

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"

	"github.com/aviary-rollouts/aviary/internal/clock"
)

// Settings are how a client behaves. The zero value is fine.
type Settings struct {
	// FirstPause is the time before a stream that broke is opened again; 0 means
	// 100 ms. It doubles with each failure in a row.
	FirstPause time.Duration
	// LongestPause bounds it; 0 means 5 s.
	LongestPause time.Duration
	// Log gets what goes wrong; nil means nobody does.
	Log *slog.Logger
}

// Client keeps the configuration of one proxy.
type Client struct {
	server discoveryv3.AggregatedDiscoveryServiceClient
	state  *state
	opts   Settings

	mu      sync.Mutex
	config  *Config       // nil before the first complete one
	missing []string      // why there is none
	held    int           // how many answers have been held up
	lost    error         // why the last stream ended
	ready   chan struct{} // closed with the first complete configuration
}

// Dial prepares a connection to an xDS server that speaks in the clear. Nothing
// is sent before it is used.
func Dial(address string) (*grpc.ClientConn, error) {
	connection, err := grpc.NewClient(address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithNoProxy(),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 2 * time.Second},
			MinConnectTimeout: 5 * time.Second,
		}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64<<20)))
	if err != nil {
		return nil, fmt.Errorf("connect to the xDS server %s: %w", address, err)
	}
	return connection, nil
}

// NewClient returns the client of a proxy. Several may share a connection.
func NewClient(connection grpc.ClientConnInterface, node *corev3.Node, s Settings) *Client {
	s.FirstPause = cmp.Or(s.FirstPause, 100*time.Millisecond)
	s.LongestPause = cmp.Or(s.LongestPause, 5*time.Second)
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	s.Log = s.Log.With("proxy", node.GetId())
	return &Client{
		server: discoveryv3.NewAggregatedDiscoveryServiceClient(connection), state: newState(node), opts: s,
		ready: make(chan struct{}),
	}
}

// Run follows the server until ctx ends. What a broken stream has told remains
// in force, and the next one goes on from there.
func (c *Client) Run(ctx context.Context) {
	pause := c.opts.FirstPause
	for {
		answers, err := c.follow(ctx)
		if ctx.Err() != nil {
			return
		}
		if answers > 0 {
			pause = c.opts.FirstPause
		}
		c.opts.Log.Warn("the xDS stream ended; it is opened again", "after", pause, "error", err)
		c.note(err)
		if clock.Wait(ctx, pause) != nil {
			return
		}
		pause = min(2*pause, c.opts.LongestPause)
	}
}

// follow opens a stream and obeys it until it ends. It returns how many answers
// came.
func (c *Client) follow(ctx context.Context) (answers int, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.server.StreamAggregatedResources(ctx)
	if err != nil {
		return 0, fmt.Errorf("open an xDS stream: %w", err)
	}
	requests := c.state.open()
	for {
		for _, r := range requests {
			if err := stream.Send(r); err != nil {
				return answers, fmt.Errorf("ask for %s: %w", r.GetTypeUrl(), err)
			}
		}
		response, err := stream.Recv()
		if err != nil {
			return answers, fmt.Errorf("read an xDS answer: %w", err)
		}
		answers++
		requests, err = c.state.receive(response)
		if err != nil {
			c.opts.Log.Error("the configuration cannot be read; that of before stays", "error", err)
			c.note(err)
			continue
		}
		c.publish()
	}
}

// patience is for how many answers new routes wait for what they name.
const patience = 8

// publish makes what was accepted known. Listeners, routes and clusters come into
// force together, once what they name has been answered: so a route does not lead
// to a cluster whose endpoints are still on their way. Changes of endpoints count
// at once. A server that leaves something unanswered holds the rest up for a few
// answers only.
func (c *Client) publish() {
	complete := c.state.complete()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lost = nil
	if complete {
		c.held, c.missing = 0, nil
	} else {
		c.held, c.missing = c.held+1, c.state.missing()
	}
	switch {
	case complete, c.config != nil && c.held > patience:
		if c.config == nil {
			close(c.ready)
		}
		c.config = c.state.config()
	case c.config != nil:
		c.config = c.config.withPools(c.state.config().pools)
	}
}

func (c *Client) note(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lost = err
}

// Config returns the configuration in force. It waits for the first one; the
// error says what is missing when ctx ends.
func (c *Client) Config(ctx context.Context) (*Config, error) {
	select {
	case <-c.ready:
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for the configuration of the proxy: %w: %s", ctx.Err(), c.why())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.config, nil
}

func (c *Client) why() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.lost != nil:
		return c.lost.Error()
	case len(c.missing) > 0:
		return fmt.Sprintf("the server has not answered %s", strings.Join(c.missing[:min(len(c.missing), 3)], ", "))
	}
	return "the server has not answered; check that the address is that of istiod's plaintext xDS (--istiod)"
}

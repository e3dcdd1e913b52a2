package xds

import (
	"context"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/proto"

	"github.com/aviary-rollouts/aviary/e2e/dataplane/route"
	"github.com/aviary-rollouts/aviary/e2e/dataplane/xds/xdstest"
	"github.com/aviary-rollouts/aviary/internal/clock"
)

// eventually waits until something holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for range 2000 {
		if holds() {
			return
		}
		if err := clock.Wait(t.Context(), 5*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatalf("it never came true that %s", what)
}

// start serves one cluster, listener and route, and follows it.
func start(t *testing.T) (*xdstest.Server, *Client) {
	t.Helper()
	server, err := xdstest.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	fill(t, server, "a")
	return server, follow(t, server.Address())
}

func fill(t *testing.T, server *xdstest.Server, cluster string) {
	server.Set(typeURLs[clusters], map[string]proto.Message{cluster: edsCluster(t, cluster)})
	server.Set(typeURLs[endpoints], map[string]proto.Message{cluster: assignment(t, cluster, "1.1.1.1")})
	server.Set(typeURLs[listeners], map[string]proto.Message{"80": routesListener(t, "0.0.0.0", 80, "80")})
	server.Set(typeURLs[routes], map[string]proto.Message{"80": routesTo(t, "80", cluster)})
}

func follow(t *testing.T, address string) *Client {
	t.Helper()
	connection, err := Dial(address)
	if err != nil {
		t.Fatal(err)
	}
	c := NewClient(connection, Sidecar("default", "shell", "10.244.1.1", nil), Settings{FirstPause: time.Millisecond, LongestPause: 50 * time.Millisecond})
	ctx, stop := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { c.Run(ctx) })
	t.Cleanup(func() {
		stop()
		done.Wait()
		if err := connection.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// leads returns the cluster that a request goes to, and its endpoints.
func leads(t *testing.T, c *Client) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	config, err := c.Config(ctx)
	if err != nil {
		t.Fatal(err)
	}
	table := config.Table(config.Handler(netip.Addr{}, 80))
	to := table.Find(&route.Request{Authority: "x", Path: "/"}, nil).Forward.Pick(nil).Cluster
	cluster := config.Cluster(to)
	if cluster == nil {
		return to + " does not exist"
	}
	return to + " " + config.Pool(cluster).String()
}

func TestClientFollows(t *testing.T) {
	server, c := start(t)
	if got := leads(t, c); got != "a 1.1.1.1:80" {
		t.Fatal(got)
	}
	server.Set(typeURLs[endpoints], map[string]proto.Message{"a": assignment(t, "a", "1.1.1.1", "1.1.1.2"), "b": assignment(t, "b", "2.2.2.2")})
	eventually(t, "there are two endpoints", func() bool { return leads(t, c) == "a 1.1.1.1:80 1.1.1.2:80" })
	server.Set(typeURLs[clusters], map[string]proto.Message{"a": edsCluster(t, "a"), "b": edsCluster(t, "b")})
	server.Set(typeURLs[routes], map[string]proto.Message{"80": routesTo(t, "80", "b")})
	eventually(t, "requests go to b", func() bool {
		got := leads(t, c)
		if got != "b 2.2.2.2:80" && got != "a 1.1.1.1:80 1.1.1.2:80" {
			t.Fatalf("on the way from a to b a request leads to %s", got)
		}
		return got == "b 2.2.2.2:80"
	})
}

// A route waits for the endpoints of a cluster that it leads to.
func TestRoutesWaitForEndpoints(t *testing.T) {
	server, c := start(t)
	leads(t, c)
	server.Set(typeURLs[clusters], map[string]proto.Message{"a": edsCluster(t, "a"), "b": edsCluster(t, "b")})
	server.Set(typeURLs[routes], map[string]proto.Message{"80": routesTo(t, "80", "b")})
	accepted := func() bool {
		said := server.Requests(typeURLs[routes])
		return said[len(said)-1].GetVersionInfo() == "6"
	}
	eventually(t, "the client has accepted the route", accepted)
	if got := leads(t, c); got != "a 1.1.1.1:80" {
		t.Errorf("before the endpoints of b are known: %s", got)
	}
	server.Set(typeURLs[endpoints], map[string]proto.Message{"a": assignment(t, "a", "1.1.1.1"), "b": assignment(t, "b", "2.2.2.2")})
	eventually(t, "requests go to b", func() bool { return leads(t, c) == "b 2.2.2.2:80" })
}

func TestClientRefuses(t *testing.T) {
	server, c := start(t)
	leads(t, c)
	bad := parse(t, &routev3.RouteConfiguration{}, `{"name": "80", "virtual_hosts": [{"name": "x", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster_header": "y"}}]}]}`)
	server.Set(typeURLs[routes], map[string]proto.Message{"80": bad})
	eventually(t, "the client has refused", func() bool {
		said := server.Requests(typeURLs[routes])
		last := said[len(said)-1]
		return strings.Contains(last.GetErrorDetail().GetMessage(), "ClusterHeader is not supported") && last.GetVersionInfo() == "4" && last.GetResponseNonce() != ""
	})
	if got := leads(t, c); got != "a 1.1.1.1:80" {
		t.Errorf("after a refusal: %s", got)
	}
	server.Set(typeURLs[routes], map[string]proto.Message{"80": routesTo(t, "80", "missing")})
	eventually(t, "the next answer counts", func() bool { return leads(t, c) == "missing does not exist" })
}

// While the server is away the last configuration stays, and the next server
// goes on from it.
func TestServerGoesAndComesBack(t *testing.T) {
	server, c := start(t)
	leads(t, c)
	address := server.Address()
	server.Stop()
	eventually(t, "the stream has ended", func() bool { return strings.Contains(c.why(), "xDS") })
	if got := leads(t, c); got != "a 1.1.1.1:80" {
		t.Errorf("without a server: %s", got)
	}
	again, err := xdstest.Start(address)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Stop()
	fill(t, again, "b")
	eventually(t, "the new server is obeyed", func() bool { return leads(t, c) == "b 1.1.1.1:80" })
	first := again.Requests(typeURLs[clusters])[0]
	if first.GetVersionInfo() != "1" || first.GetResponseNonce() != "" {
		t.Errorf("the first request of the new stream has version %q and nonce %q, want the last version and none", first.GetVersionInfo(), first.GetResponseNonce())
	}
}

func TestNoServer(t *testing.T) {
	c := follow(t, "127.0.0.1:1")
	eventually(t, "the client has failed once", func() bool { return strings.Contains(c.why(), "xDS") })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Config(ctx); err == nil || !strings.Contains(err.Error(), "xDS") {
		t.Errorf("%v", err)
	}
}

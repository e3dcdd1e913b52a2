package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aviary-rollouts/aviary/internal/cli"
	"github.com/aviary-rollouts/aviary/internal/clock"
)

// silentServer answers as apiServer does, but accepts and never answers from the
// n-th request for the Rollout on; with n == 0 it never answers anything. silent is
// closed once it keeps somebody waiting.
func silentServer(t *testing.T, n int32) (address string, silent chan struct{}) {
	behind, _ := apiServer(t)
	target, err := url.Parse(behind)
	if err != nil {
		t.Fatal(err)
	}
	proxy, over, silent := httputil.NewSingleHostReverseProxy(target), make(chan struct{}), make(chan struct{})
	var asked atomic.Int32
	var once sync.Once
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n == 0 || strings.HasSuffix(r.URL.Path, "/rollouts/web") && asked.Add(1) >= n {
			once.Do(func() { close(silent) })
			<-over
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		close(over)
		server.Close()
	})
	return server.URL, silent
}

// patient are options with which time is over when the server keeps silent, and
// with which nothing else takes time.
func patient(silent chan struct{}) cli.Options {
	k := newKubeconfig(context.Background())
	return cli.Options{
		Connect: k, Clock: clock.Func(func() time.Time { return time.Time{} }),
		Wait: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
		Limit: k.within(func(ctx context.Context, _ time.Duration) (context.Context, context.CancelFunc) {
			limited, cancel := context.WithCancel(ctx)
			go func() {
				<-silent
				cancel()
			}()
			return limited, cancel
		}),
	}
}

// A server that accepts and never answers holds nobody for longer than was said.
func TestSilentServer(t *testing.T) {
	const timeout = "Rollout status watch exceeded timeout: the API server does not answer"
	for _, c := range []struct {
		args string
		// from is the request for the Rollout from which on the server is silent.
		from      int32
		out, want string
	}{
		{"status web -t 5m", 0, "", timeout},
		{"status web -t 5m --watch=false", 0, "", timeout},
		{"status web -t 5m", 1, "", timeout},
		{"status web -t 5m", 2, "Paused\n", timeout},
		{"get rollout web --timeout-seconds 300", 0, "", "the API server does not answer"},
		{"get rollout web -w --timeout-seconds 300", 1, "", "the API server does not answer"},
	} {
		url, silent := silentServer(t, c.from)
		out, err := runWith(t, patient(silent), url, strings.Fields(c.args)...)
		if err == nil || err.Error() != c.want {
			t.Errorf("%s: error %v, want %s", c.args, err, c.want)
		}
		if out != c.out {
			t.Errorf("%s: output %q, want %q", c.args, out, c.out)
		}
	}
}

// ctrl-c ends a command that looks up what kinds a silent server has.
func TestInterrupt(t *testing.T) {
	url, silent := silentServer(t, 0)
	ctx, interrupt := context.WithCancel(context.Background())
	go func() {
		<-silent
		interrupt()
	}()
	_, err := runWith(t, cli.Options{Connect: newKubeconfig(ctx), Clock: clock.Real{}}, url, "abort", "web")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// A request that is given up says what decides for how long it waited.
func TestRequestsAreGivenUp(t *testing.T) {
	for _, args := range []string{"status web", "abort web", "get rollout web -w", "list rollouts -w"} {
		url, _ := silentServer(t, 0)
		_, err := run(t, url, append(strings.Fields(args), "--request-timeout", "50ms")...)
		if err == nil || !strings.HasSuffix(advise(err).Error(), "the API server does not answer: --request-timeout says for how long to wait") {
			t.Errorf("%s: error %v", args, err)
		}
	}
}

// Without --request-timeout a request is given up, too; with it, as it says.
func TestRequestTimeout(t *testing.T) {
	for given, want := range map[string]string{"": requestTimeout, "--request-timeout=0": "0", "--request-timeout=5m": "5m"} {
		url, _ := apiServer(t)
		k := newKubeconfig(context.Background())
		args := []string{"abort", "web", "--server", url}
		if given != "" {
			args = append(args, given)
		}
		if _, err := runWith(t, cli.Options{Connect: k, Clock: clock.Real{}}, url, args...); err != nil {
			t.Fatal(err)
		}
		if got := *k.flags.Timeout; got != want {
			t.Errorf("%q: %s, want %s", given, got, want)
		}
	}
}

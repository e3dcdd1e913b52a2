package manager

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
)

// silent is a server that accepts requests and answers none before its clients leave. It
// tells asked of each.
func silent(t *testing.T, asked func()) *rest.Config {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked()
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	return &rest.Config{Host: server.URL}
}

// TestAServerThatDoesNotAnswer is asked again: it may only have too much to do.
func TestAServerThatDoesNotAnswer(t *testing.T) {
	client, err := discovery.NewDiscoveryClientForConfig(silent(t, func() {}))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := ask(ctx, client); err == nil || !passing(err) {
		t.Errorf("it is not asked again after %v", err)
	}
}

// TestStopWhileAwaiting: to be asked to stop ends the question to a server that does not
// answer, and the wait for one that is not there.
func TestStopWhileAwaiting(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	if err := awaitServer(ctx, silent(t, stop), logr.Discard()); !errors.Is(err, context.Canceled) {
		t.Errorf("a server that does not answer: %v", err)
	}
	if err := awaitServer(ctx, &rest.Config{Host: "http://127.0.0.1:1"}, logr.Discard()); !errors.Is(err, context.Canceled) {
		t.Errorf("no server: %v", err)
	}
	if err := Run(ctx, &rest.Config{Host: "http://127.0.0.1:1"}, Options{Log: logr.Discard()}); err != nil {
		t.Errorf("a controller that was asked to stop failed: %v", err)
	}
}

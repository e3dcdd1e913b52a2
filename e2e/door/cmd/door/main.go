// Command door is an HTTP forward proxy for a pod with a sidecar. See package e2e/door.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/aviary-rollouts/aviary/e2e/door"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	address := flag.String("address", ":15099", "listen here")
	flag.Parse()
	if err := serve(ctx, *address); err != nil {
		fmt.Fprintln(os.Stderr, "door:", err)
		os.Exit(1)
	}
}

// serve serves until ctx ends, and then finishes the requests that it has.
func serve(ctx context.Context, address string) error {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	server := &http.Server{Addr: address, Handler: door.Handler(door.Transport(), log), ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.ListenAndServe() }()
	select {
	case err := <-ended:
		return fmt.Errorf("listen (-address): %w", err)
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return server.Shutdown(last)
}

// Command door is an HTTP forward proxy for a pod with a sidecar. See package e2e/door.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/aviary-rollouts/aviary/e2e/dataplane"
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

func serve(ctx context.Context, address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("listen (-address): %w", err)
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	return dataplane.Serve(ctx, listener, door.Handler(door.Transport(), log))
}

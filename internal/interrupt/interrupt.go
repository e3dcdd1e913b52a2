// Package interrupt says which signals ask a program of ours to end in order.
package interrupt

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// Signals lists what ends a program: ctrl-c, a request of the system, and the end of
// the terminal, unless that is ignored, as under nohup.
func Signals() []os.Signal {
	signals := []os.Signal{syscall.SIGINT, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	return signals
}

// Context returns a context that ends with the first of [Signals]. After stop, and after
// that first one, a signal ends the program at once.
func Context() (ctx context.Context, stop context.CancelFunc) {
	ctx, stop = signal.NotifyContext(context.Background(), Signals()...)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

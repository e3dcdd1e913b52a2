// Command kubectl-argo-rollouts is the kubectl plugin `kubectl argo rollouts`.
//
// It is wiring only: the commands are in internal/cli, the connection to a
// cluster in connect.go, what is printed as the version in version.go.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"

	"github.com/aviary-rollouts/aviary/internal/cli"
	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/internal/manifest"
	"github.com/aviary-rollouts/aviary/internal/manifest/files"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	connection := newKubeconfig(ctx)
	root := cli.New(cli.Options{
		Connect:  connection,
		Clock:    clock.Real{},
		Wait:     clock.Wait,
		Limit:    connection.within(context.WithTimeout),
		Files:    func(names []string) ([]manifest.File, error) { return files.Read(names, os.Stdin) },
		In:       os.Stdin,
		Out:      os.Stdout,
		ErrOut:   os.Stderr,
		Terminal: term.IsTerminal(int(os.Stdout.Fd())),
		Version:  buildVersion(),
	})
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", advise(err))
		os.Exit(1)
	}
}

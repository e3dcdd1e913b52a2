// Command programs builds one of e2e/programs, unless that has been done, and
// prints the folder that holds it.
//
//	go run ./e2e/programs/cmd/programs istiod
//	go run ./e2e/programs/cmd/programs -missing # print those that have to be built first
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/aviary-rollouts/aviary/e2e/programs"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "programs:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	b := programs.Builder{Progress: os.Stderr}
	if len(args) == 1 && args[0] == "-missing" {
		missing, err := b.Missing(programs.All)
		for _, p := range missing {
			fmt.Println(p.Name)
		}
		return err
	}
	var names []string
	for _, p := range programs.All {
		if len(args) == 1 && args[0] == p.Name {
			folder, err := b.Build(ctx, p)
			if err != nil {
				return err
			}
			fmt.Println(folder)
			return nil
		}
		names = append(names, p.Name)
	}
	return fmt.Errorf("name one program, of %s, or give -missing", strings.Join(names, ", "))
}

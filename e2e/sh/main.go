// Command sh runs a script, as sh -c SCRIPT does, and knows no command but those of
// the shell itself and sleep. Its image goes by the names of shells that Jobs of
// scenarios run, in clusters that cannot pull one.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run runs a script and returns its exit code.
func run(ctx context.Context, args []string, out, problems io.Writer) int {
	if len(args) != 2 || args[0] != "-c" {
		fmt.Fprintf(problems, "sh: %q: give -c and a script\n", args)
		return 2
	}
	script, err := syntax.NewParser(syntax.Variant(syntax.LangPOSIX)).Parse(strings.NewReader(args[1]), "script")
	if err != nil {
		fmt.Fprintln(problems, "sh:", err)
		return 2
	}
	runner, err := interp.New(interp.StdIO(nil, out, problems), interp.ExecHandlers(sleeps))
	if err != nil {
		fmt.Fprintln(problems, "sh:", err)
		return 2
	}
	err = runner.Run(ctx, script)
	var status interp.ExitStatus
	switch {
	case err == nil:
		return 0
	case errors.As(err, &status):
		return int(status)
	}
	fmt.Fprintln(problems, "sh:", err)
	return 128 + int(syscall.SIGTERM) // it was told to stop
}

// sleeps runs the command sleep SECONDS, and leaves others to the next.
func sleeps(next interp.ExecHandlerFunc) interp.ExecHandlerFunc {
	return func(ctx context.Context, args []string) error {
		if args[0] != "sleep" {
			return next(ctx, args)
		}
		seconds, err := strconv.ParseFloat(strings.Join(args[1:], " "), 64)
		if err != nil || seconds < 0 || seconds > 1e9 {
			fmt.Fprintf(interp.HandlerCtx(ctx).Stderr, "sleep: %q: give a number of seconds\n", args[1:])
			return interp.ExitStatus(1)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(seconds * float64(time.Second))):
			return nil
		}
	}
}

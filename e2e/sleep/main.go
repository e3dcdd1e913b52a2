// Command sleep waits: for the seconds that its argument says, or until it is
// told to stop. Its image goes by the name of a shell that scenarios start, in
// clusters that cannot pull one: requests "from the shell" are sent by the harness,
// through the proxy of that pod.
package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	d, err := duration(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "sleep:", err)
		os.Exit(2)
	}
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// duration reads the command line: nothing and "infinity" mean for ever.
func duration(args []string) (time.Duration, error) {
	if len(args) == 0 || len(args) == 1 && args[0] == "infinity" {
		return math.MaxInt64, nil
	}
	seconds, err := strconv.ParseFloat(args[0], 64)
	if err != nil || len(args) > 1 || seconds < 0 || seconds > time.Duration(math.MaxInt64).Seconds()/2 {
		return 0, fmt.Errorf("%q: give a number of seconds, or infinity", args)
	}
	return time.Duration(seconds * float64(time.Second)), nil
}

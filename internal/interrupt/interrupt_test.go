//go:build unix

package interrupt

import (
	"context"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/aviary-rollouts/aviary/internal/clock"
)

// asChild makes this test binary a program with such a context, which "ends" with it or
// "hangs" then.
const asChild = "AVIARY_TEST_CHILD"

// A program ends in order by each signal, and if it does not, outright by a later one.
func TestContext(t *testing.T) {
	if how := os.Getenv(asChild); how != "" {
		child(how)
	}
	for _, s := range Signals() {
		if status := signalled(t, "ends", s); !status.Exited() || status.ExitStatus() != 0 {
			t.Errorf("%v: the program ended with %v, not in order", s, status)
		}
		if status := signalled(t, "hangs", s); !status.Signaled() || status.Signal() != s {
			t.Errorf("%v: the program that hangs ended with %v, not of the signal", s, status)
		}
	}
}

// child prints when it is ready for a signal, and when it has heard of one.
func child(how string) {
	ctx, stop := Context()
	defer stop()
	_, _ = os.Stdout.WriteString(".")
	<-ctx.Done()
	_, _ = os.Stdout.WriteString(".")
	if how == "hangs" {
		select {}
	}
	os.Exit(0)
}

// signalled starts the child, signals it when it is ready, and if it hangs again and again
// until it ends, and says how it ended.
func signalled(t *testing.T, how string, s os.Signal) syscall.WaitStatus {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestContext$")
	cmd.Env = append(os.Environ(), asChild+"="+how)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	heard := make([]byte, 1)
	if _, err := out.Read(heard); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(heard); err != nil {
		t.Fatalf("%v: the program has not heard of it: %v", s, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	go func() {
		_ = cmd.Wait() // the state says how it ended
		cancel()
	}()
	for how == "hangs" && clock.Wait(ended, 10*time.Millisecond) == nil {
		_ = cmd.Process.Signal(s) // it may have ended
	}
	<-ended.Done()
	return cmd.ProcessState.Sys().(syscall.WaitStatus)
}

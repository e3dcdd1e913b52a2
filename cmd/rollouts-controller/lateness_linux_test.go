package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestWakeLate asks a thread of a process that has started itself anew how late it is
// woken, and whether the process is still the same.
func TestWakeLate(t *testing.T) {
	const inside = "WAKE_LATE"
	if os.Getenv(inside) != "" {
		wakeLate()
		fmt.Printf("pid %d\nmarked %q\nlate %d\n", os.Getpid(), os.Getenv(startedLate), latenessOfNewThread(t))
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestWakeLate$", "-test.count=1")
	cmd.Env = append(os.Environ(), inside+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want := fmt.Sprintf("pid %d\nmarked \"\"\nlate %d\n", cmd.Process.Pid, lateness.Nanoseconds())
	if !strings.HasPrefix(string(out), want) {
		t.Errorf("got\n%swant\n%s", out, want)
	}
}

// TestVersionAtOnce asks for the version in a process that would not understand the
// question if it were started anew.
func TestVersionAtOnce(t *testing.T) {
	const inside = "VERSION_AT_ONCE"
	if os.Getenv(inside) != "" {
		os.Args = []string{os.Args[0], "--version"}
		main()
		os.Exit(0)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestVersionAtOnce$", "-test.count=1")
	cmd.Env = append(os.Environ(), inside+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "rollouts-controller ") {
		t.Errorf("error %v\n%s", err, out)
	}
}

// latenessOfNewThread is that of a thread that Go starts now: the calling one is locked.
func latenessOfNewThread(t *testing.T) int {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	late := make(chan int)
	go func() {
		runtime.LockOSThread()
		got, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
		if err != nil {
			t.Error(err)
		}
		late <- got
	}()
	return <-late
}

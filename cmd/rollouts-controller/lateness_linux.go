package main

import (
	"os"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// lateness is by how much a thread may be woken late that sleeps for a time. While
	// anything runs, Go's own monitor sleeps for 20 µs and looks around, again and again;
	// 50 µs late, as is usual, it costs an eighth of a controller that wakes hundreds
	// of times a second for a moment each. Nothing that a controller waits for is due to
	// two milliseconds.
	lateness = 2 * time.Millisecond
	// startedLate is in the environment of a process that was started with it.
	startedLate = "ROLLOUTS_CONTROLLER_TIMER_SLACK"
)

// wakeLate starts the program once more in the same process, so that all threads are
// late: threads inherit it from the one that starts them, and Go's monitor is started
// before any code of ours. Where it cannot be had the program goes on as it is, and
// only costs a little more.
func wakeLate() {
	if os.Getenv(startedLate) != "" {
		_ = os.Unsetenv(startedLate) // it says nothing about programs that we start
		return
	}
	runtime.LockOSThread() // which is the one that is left of the process below
	defer runtime.UnlockOSThread()
	was, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	if err != nil || was >= int(lateness) {
		return
	}
	path, err := os.Executable()
	if err != nil || unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(lateness), 0, 0, 0) != nil {
		return
	}
	_ = syscall.Exec(path, os.Args, append(os.Environ(), startedLate+"=1")) // it returns only if it fails
}

package rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/aviary-rollouts/aviary/scenarios/backend"
)

// controller is the process under test.
type controller struct {
	program string
	args    []string
	env     []string
	log     string

	mu      sync.Mutex
	running *exec.Cmd
	ended   chan struct{} // closed when running has ended
	starts  int
}

var _ backend.Controller = (*controller)(nil)

// Revive starts the process. It does nothing if it runs.
func (c *controller) Revive(context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running != nil {
		select {
		case <-c.ended:
		default:
			return nil
		}
	}
	out, err := os.OpenFile(c.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("log of the controller: %w", err)
	}
	defer func() { _ = out.Close() }() // the process has its own
	cmd := exec.Command(c.program, c.args...)
	cmd.Env = append(os.Environ(), c.env...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = attached()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the controller: %w", err)
	}
	c.running, c.ended, c.starts = cmd, make(chan struct{}), c.starts+1
	go func(ended chan struct{}) {
		_ = cmd.Wait() // how it ended is seen from its log
		close(ended)
	}(c.ended)
	return nil
}

// Kill ends the process without a warning.
func (c *controller) Kill(context.Context) error { return c.signal(syscall.SIGKILL, time.Minute) }

// stop asks the process to end, and kills it if it does not.
func (c *controller) stop() error {
	if err := c.signal(syscall.SIGTERM, 10*time.Second); err != nil {
		return c.signal(syscall.SIGKILL, 10*time.Second)
	}
	return nil
}

// signal sends a signal and waits until the process has ended.
func (c *controller) signal(s syscall.Signal, limit time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running == nil {
		return nil
	}
	if err := c.running.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("end the controller: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	select {
	case <-c.ended:
		c.running = nil
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the controller did not end within %s of %s; its log is %s", limit, s, c.log)
	}
}

// Err says that the process has ended by itself, with the last lines of its log;
// nil while it runs or was ended.
func (c *controller) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running == nil {
		return nil
	}
	select {
	case <-c.ended:
	default:
		return nil
	}
	data, _ := os.ReadFile(c.log)
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return fmt.Errorf("the controller has ended by itself:\n  %s", strings.Join(lines[max(0, len(lines)-10):], "\n  "))
}

// CPU returns the processor time that the running process has used.
func (c *controller) CPU() (time.Duration, error) {
	fields, err := c.stat()
	if err != nil {
		return 0, err
	}
	const user, system, ticks = 11, 12, 100 // see proc(5); 100 ticks a second on Linux
	var sum time.Duration
	for _, i := range []int{user, system} {
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("processor time of the controller: %w", err)
		}
		sum += time.Duration(n) * time.Second / ticks
	}
	return sum, nil
}

// stat returns the fields of /proc/PID/stat behind the name.
func (c *controller) stat() ([]string, error) {
	data, err := c.proc("stat")
	if err != nil {
		return nil, err
	}
	_, rest, ok := strings.Cut(data, ") ")
	fields := strings.Fields(rest)
	if !ok || len(fields) < 20 {
		return nil, fmt.Errorf("the kernel's line about the controller is not understood: %q", data)
	}
	return fields, nil
}

// PeakMemory returns the most memory that the running process has held, in bytes.
func (c *controller) PeakMemory() (int64, error) {
	data, err := c.proc("status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(data) {
		if text, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseInt(strings.Fields(text)[0], 10, 64)
			return kib << 10, err
		}
	}
	return 0, errors.New("the kernel does not tell the peak memory of the controller (VmHWM)")
}

func (c *controller) proc(file string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running == nil {
		return "", errors.New("the controller does not run")
	}
	data, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(c.running.Process.Pid), file))
	return string(data), err
}

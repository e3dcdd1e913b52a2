package rig

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/scenarios/backend"
)

// controller is the process under test.
type controller struct {
	program string
	args    []string
	env     []string
	log     string
	older   int64 // bytes of the log that are of an earlier start of the rig

	turn    sync.Mutex // of those who kill
	mu      sync.Mutex
	running *exec.Cmd
	ended   chan struct{} // closed when running has ended
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
	c.running, c.ended = cmd, make(chan struct{})
	go func(ended chan struct{}) {
		_ = cmd.Wait() // how it ended is seen from its log
		close(ended)
	}(c.ended)
	return nil
}

// Kill ends the process without a warning.
func (c *controller) Kill(context.Context) error {
	c.turn.Lock()
	defer c.turn.Unlock()
	return c.signal(syscall.SIGKILL, time.Minute)
}

// KillAtRandom kills the process without a warning and starts it again, at moments that
// are at most twice as far apart as every, until ctx ends. A process that was ended on
// purpose is left alone. It returns how often it did, and why it could not.
func (c *controller) KillAtRandom(ctx context.Context, every time.Duration, random *rand.Rand) (kills int, err error) {
	for {
		if clock.Wait(ctx, time.Duration(random.Int64N(int64(2*every)))) != nil {
			return kills, nil
		}
		c.turn.Lock()
		if c.Process() != 0 {
			kills++
			err = errors.Join(c.signal(syscall.SIGKILL, time.Minute), c.Revive(ctx))
		}
		c.turn.Unlock()
		if err != nil {
			return kills, err
		}
	}
}

// Process is the id of the process, or 0 if none was started.
func (c *controller) Process() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running == nil {
		return 0
	}
	return c.running.Process.Pid
}

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

// panicked says that the process, or one before it, has met what no program of ours may:
// a library may have recovered from it, so that nothing but the log tells.
func (c *controller) panicked() error {
	file, err := os.Open(c.log)
	if errors.Is(err, os.ErrNotExist) {
		return nil // it was not started
	} else if err != nil {
		return fmt.Errorf("log of the controller: %w", err)
	}
	defer func() { _ = file.Close() }() // it was only read
	if _, err := file.Seek(c.older, io.SeekStart); err != nil {
		return fmt.Errorf("log of the controller: %w", err)
	}
	return panics(file)
}

// panics says how often a log tells of a panic, and the first of them.
func panics(log io.Reader) error {
	lines, first, n := bufio.NewReader(log), "", 0
	for {
		line, err := lines.ReadString('\n')
		if strings.Contains(line, "Observed a panic") || strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") {
			if n++; n == 1 {
				first = line[:min(len(line), longestPanic)]
			}
		}
		switch {
		case err == nil:
		case !errors.Is(err, io.EOF):
			return fmt.Errorf("log of the controller: %w", err)
		case n > 0:
			return fmt.Errorf("the log of the controller tells of %d panics, the first is:\n  %s", n, strings.TrimSpace(first))
		default:
			return nil
		}
	}
}

// longestPanic is how much of a panic is told; stacks are long.
const longestPanic = 2000

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

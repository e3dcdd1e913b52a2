package localplane

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/aviary-rollouts/aviary/internal/clock"
)

// program is what is started: a name for people, how, and whether it is up.
type program struct {
	name string
	path string
	args []string
	env  []string // beside the environment of the parent
	// ready says whether it serves; nil: at once.
	ready func(context.Context) error
}

// process is a running program, in a process group of its own.
type process struct {
	program
	log    string
	cmd    *exec.Cmd
	exited chan struct{}

	mu      sync.Mutex
	stopped bool // by us
}

// launcher starts processes from one thread that lives as long as the plane does:
// a process that is to end with its parent ends with the parent's thread.
type launcher struct {
	requests chan func()
}

func newLauncher() *launcher {
	l := &launcher{requests: make(chan func())}
	go func() {
		runtime.LockOSThread()
		for request := range l.requests {
			request()
		}
	}()
	return l
}

// close ends the thread, and so everything that is still running.
func (l *launcher) close() { close(l.requests) }

// start runs a program with its output in a log file, which a later start of the
// same program continues.
func (l *launcher) start(p program, log string) (*process, error) {
	if err := os.MkdirAll(filepath.Dir(log), 0o755); err != nil {
		return nil, fmt.Errorf("starting %s: %w", p.name, err)
	}
	file, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", p.name, err)
	}
	defer file.Close() // the child has its own
	cmd := exec.Command(p.path, p.args...)
	cmd.Args[0] = filepath.Join(filepath.Dir(p.path), p.name) // one binary is several programs
	cmd.Env = append(os.Environ(), p.env...)
	cmd.Dir = filepath.Dir(log)
	cmd.Stdout, cmd.Stderr = file, file
	cmd.SysProcAttr = ownGroup()
	started := make(chan error)
	l.requests <- func() { started <- cmd.Start() }
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting %s: %w", p.name, err)
	}
	process := &process{program: p, log: log, cmd: cmd, exited: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // the state says how it ended
		close(process.exited)
	}()
	return process, nil
}

// kill ends a process at once, and what it has started.
func (p *process) kill() {
	p.mu.Lock()
	p.stopped = true
	p.mu.Unlock()
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // it may be gone already
	<-p.exited
}

// signal sends a signal to the process.
func (p *process) signal(s syscall.Signal) error {
	if err := syscall.Kill(p.cmd.Process.Pid, s); err != nil {
		return fmt.Errorf("sending %s to %s: %w", s, p.name, err)
	}
	return nil
}

// death is nil while a process runs or after we ended it; else it says how it
// ended, with the last lines that it wrote.
func (p *process) death() error {
	select {
	case <-p.exited:
	default:
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return nil
	}
	text := tail(p.log, 15)
	remedy := ""
	if strings.Contains(text, "address already in use") {
		remedy = "; somebody took its port in between: start again"
	}
	return fmt.Errorf("%s ended by itself (%s)%s; the end of %s:\n%s", p.name, p.cmd.ProcessState, remedy, p.log, text)
}

// await polls until a process is ready, ends, or ctx does.
func (p *process) await(ctx context.Context) error {
	if p.ready == nil {
		return nil
	}
	for {
		attempt, cancel := context.WithTimeout(ctx, 2*time.Second)
		last := p.ready(attempt)
		cancel()
		if last == nil {
			return nil
		}
		if err := p.death(); err != nil {
			return err
		}
		if err := clock.Wait(ctx, 50*time.Millisecond); err != nil {
			return fmt.Errorf("waiting until %s is ready: %w (last: %w); the end of %s:\n%s", p.name, err, last, p.log, tail(p.log, 15))
		}
	}
}

// tail returns the last lines of a file, for people.
func tail(file string, lines int) string {
	content, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) || err == nil && len(content) == 0 {
		return "(empty)"
	}
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimRight(string(content), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

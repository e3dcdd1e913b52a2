package nodeagent

import (
	"os/exec"
	"runtime"
)

// launcher starts processes from a thread of its own: the kernel kills them when
// the thread ends that started them, and other threads of Go may end before us.
type launcher struct{ requests chan launch }

type launch struct {
	command *exec.Cmd
	started chan error
}

func newLauncher() *launcher {
	l := &launcher{requests: make(chan launch)}
	go func() {
		runtime.LockOSThread()
		for r := range l.requests {
			r.started <- r.command.Start()
		}
	}()
	return l
}

func (l *launcher) start(command *exec.Cmd) error {
	r := launch{command, make(chan error, 1)}
	l.requests <- r
	return <-r.started
}

// close ends the thread, and with it every process that still runs.
func (l *launcher) close() { close(l.requests) }

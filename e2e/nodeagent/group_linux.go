package nodeagent

import (
	"os"
	"syscall"
)

// ownGroup makes a child leader of its own process group, so that ctrl-c does
// not reach it, and has the kernel end it when we are gone, however that
// happened.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// signalGroup sends a signal to a child and its children; one that is gone does
// not mind.
func signalGroup(process *os.Process, signal syscall.Signal) {
	_ = syscall.Kill(-process.Pid, signal)
}

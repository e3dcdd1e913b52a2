package rig

import "syscall"

// attached makes a process end with us, and keeps the terminal's signals from it.
func attached() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

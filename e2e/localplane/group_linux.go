package localplane

import "syscall"

// ownGroup makes a child leader of its own process group, so that it can be ended
// with its children and does not get ctrl-c, and has the kernel end it when our
// process is gone, however that happened.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

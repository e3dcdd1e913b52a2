//go:build unix && !linux

package localplane

import "syscall"

// ownGroup makes a child leader of its own process group, so that it can be ended
// with its children and does not get ctrl-c. Only Linux can end it when our
// process is killed.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}

// standsStill has no way to tell here: a signal to stop takes effect soon.
func standsStill(int) bool { return true }

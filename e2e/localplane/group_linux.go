package localplane

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// ownGroup makes a child leader of its own process group, so that it can be ended
// with its children and does not get ctrl-c, and has the kernel end it when our
// process is gone, however that happened.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// standsStill says whether every thread of a process is stopped or gone. A signal
// to stop takes effect when the kernel gets round to each of them.
func standsStill(id int) bool {
	threads, err := filepath.Glob(filepath.Join("/proc", strconv.Itoa(id), "task", "*", "stat"))
	if err != nil {
		return false
	}
	for _, thread := range threads {
		stat, err := os.ReadFile(thread)
		if err != nil {
			continue // this thread has ended
		}
		// The state follows the name, which may have parentheses of its own.
		_, state, _ := bytes.Cut(stat[bytes.LastIndexByte(stat, ')')+1:], []byte(" "))
		if len(state) == 0 || !bytes.Contains([]byte("TtZX"), state[:1]) {
			return false
		}
	}
	return true
}

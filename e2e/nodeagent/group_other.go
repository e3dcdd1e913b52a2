//go:build !linux

package nodeagent

import (
	"os"
	"syscall"
)

func ownGroup() *syscall.SysProcAttr { return nil }

func signalGroup(process *os.Process, signal syscall.Signal) { _ = process.Signal(signal) }

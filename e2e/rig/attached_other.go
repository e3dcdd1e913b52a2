//go:build !linux

package rig

import "syscall"

// attached keeps the terminal's signals from a process.
func attached() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }

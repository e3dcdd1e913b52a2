//go:build !linux

package main

// wakeLate does nothing: only Linux lets a process say how late its threads may be woken.
func wakeLate() {}

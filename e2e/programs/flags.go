package programs

import "strings"

// Flags are what every build of `make e2e-local` tells the compiler, for the programs
// and for our own commands alike, with further build tags of a program. They are the
// same so that a package which several of these import is compiled once for all: a flag
// is part of what Go's cache finds a package by, even one of the standard library.
func Flags(tags ...string) []string {
	return append(strings.Fields(common), "-tags="+strings.Join(append([]string{noValidators}, tags...), ","))
}

// common leaves out what debuggers read, since it would not be linked: that is a
// twentieth of the time. noValidators leaves out the validators of Envoy's
// configuration, half of the code of its types, which nobody here calls. The Makefile
// and tools/images, which is a module of its own, repeat them.
const (
	common       = "-trimpath -gcflags=all=-dwarf=false"
	noValidators = "disable_pgv"
)

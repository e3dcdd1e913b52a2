// Package build says which version of the project a program is.
package build

import (
	"cmp"
	"runtime/debug"
)

// Version is what was linked into a program, as its main says; if nothing was, what the
// toolchain knows: a released version, or one made of the revision; "unknown" without
// either.
func Version(linked string) string {
	known := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		known = info.Main.Version
	}
	return cmp.Or(linked, known, "unknown")
}

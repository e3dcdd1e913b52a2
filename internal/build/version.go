// Package build says which version of the project a program is.
package build

import (
	"cmp"
	"runtime/debug"
)

// commit is set when a program is linked that the toolchain tells nothing of its
// checkout: -ldflags "-X github.com/aviary-rollouts/aviary/internal/build.commit=...".
var commit string

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

// Commit is the revision that a program was built from, as far as it was linked in or
// the toolchain has noted it; empty if neither is so.
func Commit() string {
	if commit != "" {
		return commit
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return ""
}

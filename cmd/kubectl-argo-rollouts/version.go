package main

import (
	"cmp"
	"runtime"
	"runtime/debug"

	"github.com/aviary-rollouts/aviary/internal/build"
	"github.com/aviary-rollouts/aviary/internal/cli"
)

// version and buildDate are set when a release is linked:
// -ldflags "-X main.version=v1.2.3 -X main.buildDate=2026-01-31T12:00:00Z".
var version, buildDate string

// buildVersion puts together what the linker and the Go toolchain know.
func buildVersion() cli.Version {
	v := cli.Version{
		Version: build.Version(version), BuildDate: cmp.Or(buildDate, "unknown"), GitCommit: "unknown", GitTreeState: "unknown",
		GoVersion: runtime.Version(), Compiler: runtime.Compiler, Platform: runtime.GOOS + "/" + runtime.GOARCH,
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			v.GitCommit = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			v.GitTreeState = "dirty"
		case s.Key == "vcs.modified":
			v.GitTreeState = "clean"
		}
	}
	return v
}

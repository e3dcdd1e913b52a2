package kindcluster

import (
	"fmt"
	"io"
	"strings"

	"sigs.k8s.io/kind/pkg/log"
)

// lines writes what kind says to people, a line each.
type lines struct{ out io.Writer }

var _ log.Logger = lines{}

// Warn implements log.Logger.
func (l lines) Warn(message string) { l.write(message) }

// Warnf implements log.Logger.
func (l lines) Warnf(format string, args ...any) { l.write(fmt.Sprintf(format, args...)) }

// Error implements log.Logger.
func (l lines) Error(message string) { l.write(message) }

// Errorf implements log.Logger.
func (l lines) Errorf(format string, args ...any) { l.write(fmt.Sprintf(format, args...)) }

// V implements log.Logger: level 0 is for people, what is above for debugging.
func (l lines) V(level log.Level) log.InfoLogger {
	if level > 0 {
		return quiet{}
	}
	return info{l}
}

func (l lines) write(message string) {
	if text := strings.TrimSpace(message); l.out != nil && text != "" {
		fmt.Fprintln(l.out, "kind:", text)
	}
}

// info is what kind says at level 0.
type info struct{ lines }

// Info implements log.InfoLogger.
func (i info) Info(message string) { i.write(message) }

// Infof implements log.InfoLogger.
func (i info) Infof(format string, args ...any) { i.write(fmt.Sprintf(format, args...)) }

// Enabled implements log.InfoLogger.
func (i info) Enabled() bool { return i.out != nil }

// quiet says nothing.
type quiet struct{}

// Info implements log.InfoLogger.
func (quiet) Info(string) {}

// Infof implements log.InfoLogger.
func (quiet) Infof(string, ...any) {}

// Enabled implements log.InfoLogger.
func (quiet) Enabled() bool { return false }

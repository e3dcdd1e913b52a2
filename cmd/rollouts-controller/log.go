package main

import (
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/go-logr/logr"
)

// levels are the words of --loglevel. Those that slog does not have mean the
// nearest that it has.
var levels = map[string]slog.Level{
	"trace": slog.LevelDebug - 4, "debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn,
	"warning": slog.LevelWarn, "error": slog.LevelError, "fatal": slog.LevelError, "panic": slog.LevelError,
}

// newLog makes a structured log: "text" is key=value, "json" an object a line.
func newLog(w io.Writer, level, format string) (logr.Logger, error) {
	l, ok := levels[strings.ToLower(level)]
	if !ok {
		return logr.Logger{}, fmt.Errorf("--loglevel %q: choose one of trace, debug, info, warn, error", level)
	}
	options := &slog.HandlerOptions{Level: l}
	switch strings.ToLower(format) {
	case "", "text":
		return logr.FromSlogHandler(slog.NewTextHandler(w, options)), nil
	case "json":
		return logr.FromSlogHandler(slog.NewJSONHandler(w, options)), nil
	}
	return logr.Logger{}, fmt.Errorf("--logformat %q: choose text or json", format)
}

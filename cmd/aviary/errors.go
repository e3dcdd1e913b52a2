package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

// usageError is a mistake in how a command was called: a flag, an argument, a
// file that does not say what it must. The program exits with code 2 for it,
// and with 1 for everything else.
type usageError struct{ err error }

// Error is one line that names what is wrong and what to do.
func (e usageError) Error() string { return e.err.Error() }

// Unwrap returns the error that the caller made.
func (e usageError) Unwrap() error { return e.err }

// usagef makes a usageError; %w works as in fmt.Errorf.
func usagef(format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...)}
}

// exitCode is the exit code for an error: 0 for none, 2 for a mistake in the
// call, 1 for the rest.
func exitCode(err error) int {
	switch {
	case err == nil:
		return 0
	case errors.As(err, new(usageError)):
		return 2
	default:
		return 1
	}
}

// noArguments refuses arguments that are not flags.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("%s takes no argument %q; see %s --help for its flags", cmd.CommandPath(), args[0], cmd.CommandPath())
	}
	return nil
}

// flagsAreUsage makes the parser's complaints about flags usage errors.
func flagsAreUsage(cmd *cobra.Command) {
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
}

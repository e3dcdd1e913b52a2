// Package clock is the only door to the time of day.
//
// Everything that decides takes the time as an argument; everything that
// observes asks a [Clock]. Production uses [Real], the simulator its kernel.
package clock

import (
	"context"
	"time"
)

// Clock tells the time.
type Clock interface {
	// Now returns the current time. A simulated clock stands still between events.
	Now() time.Time
}

// Real is the clock of the machine.
type Real struct{}

// Now returns the machine's time in UTC.
func (Real) Now() time.Time { return time.Now().UTC() }

// Func adapts a function to a Clock.
type Func func() time.Time

// Now calls f.
func (f Func) Now() time.Time { return f() }

// Wait waits for d, or until ctx ends: then it returns the error of ctx at once.
// Only programs that stand beside a real cluster wait; what decides asks to be
// woken.
func Wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

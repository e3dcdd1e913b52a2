// Package interrupttest interrupts programs in tests, at the same point each time.
package interrupttest

import "context"

// Context is a context that is cancelled after having been asked so many times for its
// error.
type Context struct {
	context.Context
	left int
}

// Impatient returns one that is asked so many times in vain.
func Impatient(times int) *Context { return &Context{context.Background(), times} }

// Err implements context.Context.
func (c *Context) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}

// AskedSince is how often it was asked after it was cancelled.
func (c *Context) AskedSince() int { return max(0, -c.left) }

package cli

import (
	"context"
	"errors"
	"time"
)

// betweenLooks is the time between two looks at a cluster that is watched.
const betweenLooks = time.Second

var errTimeout = errors.New("timeout")

// watch calls look once a second until it says that it is done, until it fails,
// or until a time is over (0: never); that is errTimeout. It looks a last time
// when the time is over.
func (p *plugin) watch(ctx context.Context, timeout time.Duration, look func() (done bool, err error)) error {
	if p.Wait == nil {
		return errors.New("nothing can be watched here: time does not pass by itself")
	}
	end := p.Clock.Now().Add(timeout)
	for {
		done, err := look()
		if done || err != nil {
			return err
		}
		pause := betweenLooks
		if timeout > 0 {
			left := end.Sub(p.Clock.Now())
			if left <= 0 {
				return errTimeout
			}
			pause = min(pause, left)
		}
		if err := p.Wait(ctx, pause); err != nil {
			return err
		}
	}
}

// endless turns the ways in which a watch without a goal ends into success.
func endless(err error) error {
	if errors.Is(err, errTimeout) || errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

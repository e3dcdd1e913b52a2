package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	utilnet "k8s.io/apimachinery/pkg/util/net"
)

// betweenLooks is the time between two looks at a cluster that is watched.
const betweenLooks = time.Second

var errTimeout = errors.New("timeout")

// watch calls look once a second until it says that it is done, until it fails,
// or until a time is over (0: never); that is errTimeout. It looks a last time
// when the time is over. Once a look has succeeded, an API server that cannot
// answer for now, such as one that is restarted, is asked again: a pipeline that
// waits for the end of an update must not fail for that.
func (p *plugin) watch(ctx context.Context, timeout time.Duration, look func() (done bool, err error)) error {
	if p.Wait == nil {
		return errors.New("nothing can be watched here: time does not pass by itself")
	}
	end := p.Clock.Now().Add(timeout)
	for seen, silent := false, false; ; {
		done, err := look()
		passing := seen && err != nil && passes(err)
		if done || err != nil && !passing {
			return err
		}
		if passing && !silent {
			fmt.Fprintf(p.ErrOut, "Warning: %v; trying again\n", err)
		}
		seen, silent = true, passing
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

// passes is true for errors of an API server that is not there for now, or has too
// much to do.
func passes(err error) bool {
	if utilnet.IsConnectionRefused(err) || utilnet.IsConnectionReset(err) || utilnet.IsTimeout(err) || utilnet.IsProbableEOF(err) {
		return true
	}
	var status apierrors.APIStatus
	return errors.As(err, &status) && (status.Status().Code >= http.StatusInternalServerError || status.Status().Code == http.StatusTooManyRequests)
}

// endless turns the ways in which a watch without a goal ends into success.
func endless(err error) error {
	if errors.Is(err, errTimeout) || errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

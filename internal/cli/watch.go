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

// timeUp is the error of a watch whose time is over.
type timeUp struct {
	// silent is true when the API server was still being asked, seen when a look had
	// succeeded before.
	silent, seen bool
}

// Error says what may be wrong.
func (e timeUp) Error() string {
	if e.silent {
		return "the API server does not answer"
	}
	return "the time is over"
}

// look looks at the cluster once.
type look func(ctx context.Context) (done bool, err error)

// watch looks once a second until look says that it is done, until it fails, or
// until a time is over (0: never); that is timeUp. It looks a last time when
// the time is over. Once a look has succeeded, an API server that cannot answer for
// now, such as one that is restarted, is asked again: a pipeline that waits for the
// end of an update must not fail for that.
func (p *plugin) watch(ctx context.Context, timeout time.Duration, look look) error {
	if p.Wait == nil {
		return errors.New("nothing can be watched here: time does not pass by itself")
	}
	end := p.Clock.Now().Add(timeout)
	for seen, silent := false, false; ; {
		left := end.Sub(p.Clock.Now())
		done, err := p.within(ctx, timeout, max(left, betweenLooks), look)
		if errors.Is(err, timeUp{silent: true}) {
			return timeUp{silent: true, seen: seen}
		}
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
				return timeUp{seen: true}
			}
			pause = min(pause, left)
		}
		if err := p.Wait(ctx, pause); err != nil {
			return err
		}
	}
}

// within looks once and gives up, as timeUp, when no answer has come for as long
// as is left of a timeout (0: none).
func (p *plugin) within(ctx context.Context, timeout, left time.Duration, look look) (done bool, err error) {
	if timeout <= 0 || p.Limit == nil {
		return look(ctx)
	}
	limited, cancel := p.Limit(ctx, left)
	defer cancel()
	done, err = look(limited)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return false, timeUp{silent: true}
	}
	return done, err
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

// endless turns the ways in which a watch without a goal ends into success, unless
// nothing was ever seen.
func endless(err error) error {
	if up := (timeUp{}); errors.As(err, &up) && up.seen || errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

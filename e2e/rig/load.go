package rig

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aviary-rollouts/aviary/internal/clock"
	"github.com/aviary-rollouts/aviary/scenarios/backend"
	"github.com/aviary-rollouts/aviary/sim/mesh"
)

// load is requests that are being sent.
type load struct {
	stop context.CancelFunc
	work sync.WaitGroup
	left atomic.Int64 // requests, if there is a limit
}

// Stop ends the load, and waits for the requests that are under way.
func (l *load) Stop() {
	l.stop()
	l.work.Wait()
}

// most bounds the requests of one load that are under way at a time.
const most = 64

// Start sends requests: at a rate, or with workers of which each waits for the
// answer before it sends the next.
func (t *traffic) Start(ctx context.Context, s mesh.Source) (backend.Load, error) {
	if s.Rate < 0 || s.Rate == 0 && s.Workers < 1 {
		return nil, fmt.Errorf("send to %s: a rate or a number of workers above 0 is needed", s.Request.URL)
	}
	source, err := t.source(ctx, s.Request.Client)
	if err != nil {
		return nil, err
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	if s.Duration > 0 {
		running, stop = context.WithTimeout(context.WithoutCancel(ctx), s.Duration)
	}
	l := &load{stop: stop}
	l.left.Store(s.Requests)
	t.mu.Lock()
	t.loads = append(t.loads, l)
	t.mu.Unlock()
	send := func() bool {
		if s.Requests > 0 && l.left.Add(-1) < 0 {
			return false
		}
		_, _ = t.send(context.WithoutCancel(running), source, s.Request) // it has been counted
		return true
	}
	if s.Rate > 0 {
		l.work.Go(func() { l.steadily(running, s.Rate, send) })
		return l, nil
	}
	every := breath(s)
	for range s.Workers {
		l.work.Go(func() {
			for running.Err() == nil && send() {
				_ = clock.Wait(running, every) // the loop sees that it has ended
			}
		})
	}
	return l, nil
}

// breath is how long a worker waits after an answer. Without a rate it would send as
// fast as it can: for a number of requests it does, for a duration, which may be an
// hour, it sends one a second, or else nothing would be left of the machine for the
// other scenarios.
func breath(s mesh.Source) time.Duration {
	switch {
	case s.WorkerRate > 0:
		return time.Duration(float64(time.Second) / s.WorkerRate)
	case s.Duration > 0:
		return time.Second
	}
	return 0
}

// steadily sends at a rate, whatever the answers take.
func (l *load) steadily(ctx context.Context, rate float64, send func() bool) {
	places := make(chan struct{}, most)
	every := time.Duration(float64(time.Second) / rate)
	next := clock.Real{}.Now()
	for ctx.Err() == nil {
		next = next.Add(every)
		if clock.Wait(ctx, next.Sub(clock.Real{}.Now())) != nil {
			return
		}
		places <- struct{}{}
		l.work.Go(func() {
			send()
			<-places
		})
	}
}

package backend

import (
	"context"
	"time"

	"github.com/aviary-rollouts/aviary/internal/clock"
)

// Settle waits until nothing has been written for a moment: a person would not
// type faster. What is read later comes after what is done now.
func (b *Live) Settle(ctx context.Context) error {
	for end := b.cluster.Clock.Now().Add(longestMoment); b.cluster.Clock.Now().Before(end); {
		quiet, cancel := context.WithTimeout(ctx, moment)
		select {
		case <-b.record.changed():
			cancel()
			continue
		case <-quiet.Done():
			cancel()
		}
		break
	}
	b.before, b.did, b.settled = b.did, b.cluster.Clock.Now(), false
	return ctx.Err()
}

const (
	moment        = 300 * time.Millisecond
	longestMoment = time.Second
	// quiet is for how long an answer has to stay as expected.
	quiet = 2 * time.Second
	// brief is what does not last: to have been seen is enough for it.
	brief = 4 * time.Second
	// delivery is how long watches may take to tell of a write.
	delivery = 2 * time.Second
	// hasty is the patience of a scenario that has failed: what comes after the first
	// thing that is not as expected often follows from it, and never comes.
	hasty = 5 * time.Second
	// lookAgain is how often it is looked while nothing is written: answers can
	// depend on the time, and on what is not recorded.
	lookAgain = time.Second
)

// stay returns for how long the next answer has to be as expected: shorter where
// the next change is near, which is as early as the pods were, and but once at each
// point of time.
func (b *Live) stay() time.Duration {
	calm := b.next.Calm - b.early
	if b.settled || calm < brief {
		return 0
	}
	return min(quiet, calm/2)
}

// floor is the time that the next answer is not older than: that of the last
// command that did something, of the last change before this point of the
// scenario, which is as early as the pods were, or of what was read before.
func (b *Live) floor() time.Time {
	return clock.Later(b.matched, clock.Later(b.did, b.due.Add(-b.next.Since-b.early)))
}

// Await reads in the record, from what the last command met onwards, until the
// answer is as expected and stays so. When that does not happen in time, the last
// answer shows how everything is now.
func (b *Live) Await(ctx context.Context, read func(ctx context.Context) bool) error {
	defer func() { b.view = nil }()
	end, now := b.cluster.Clock.Now().Add(b.patience()), time.Time{}
	if err := b.begin(ctx); err != nil {
		return err
	}
	var since time.Time // when the answer began to be as expected
	for {
		if b.view.torn() {
			next, _ := b.record.since(b.floor(), b.names.wrote())
			b.view, since = b.record.viewAt(next), time.Time{}
		}
		ok := read(ctx)
		if now = b.cluster.Clock.Now(); !ok {
			since = time.Time{}
		} else if since.IsZero() {
			since = clock.Later(b.view.from, b.floor())
		}
		if ok && b.view.until(now).Sub(since) >= b.stay() {
			b.settled, b.matched = true, since
			return nil
		}
		news, ok := b.view.advance()
		if ok {
			continue
		}
		if now.After(end) {
			b.failed = true
			return nil // the last answer is compared, and shows what is wrong
		}
		if err := waitFor(ctx, news, lookAgain); err != nil {
			return err
		}
	}
}

// begin opens the view at the time that the next answer is not older than, once
// the record has what the scenario wrote itself.
func (b *Live) begin(ctx context.Context) error {
	for end := b.cluster.Clock.Now().Add(delivery); ; {
		if next, ok := b.record.since(b.floor(), b.names.wrote()); ok || b.cluster.Clock.Now().After(end) {
			b.view = b.record.viewAt(next)
			return nil
		}
		if err := waitFor(ctx, b.record.changed(), pollEvery); err != nil {
			return err
		}
	}
}

// waitFor waits for the next change, for so long at most.
func waitFor(ctx context.Context, news <-chan struct{}, limit time.Duration) error {
	waiting, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	select {
	case <-news:
	case <-waiting.Done():
	}
	return ctx.Err()
}

package syncloop

import (
	"context"
	"time"
)

// Loop repeats a sync: every Every while all is well, and after a failure when
// Backoff says. It never gives up.
type Loop struct {
	// Sync makes one sync.
	Sync func(ctx context.Context) error
	// Every is the pause after a sync that ended well. 0: 15 minutes.
	Every time.Duration
	// Backoff says how long to wait after failures.
	Backoff Backoff
	// Wake, if set, makes the next sync start at once: the network came back,
	// or something was submitted.
	Wake <-chan struct{}
	// Report, if set, is told how each sync ended and when the next one is due.
	Report func(err error, next time.Duration)
	// After, if set, stands for time.After: tests move the clock with it.
	After func(time.Duration) <-chan time.Time
}

// Run syncs until ctx ends and returns its error.
func (l *Loop) Run(ctx context.Context) error {
	after := l.After
	if after == nil {
		after = time.After
	}
	every := l.Every
	if every <= 0 {
		every = 15 * time.Minute
	}
	failures := 0
	for ctx.Err() == nil {
		err := l.Sync(ctx)
		if ctx.Err() != nil {
			break
		}
		wait := every
		if failures++; err == nil {
			failures = 0
		} else {
			wait = l.Backoff.Wait(failures)
		}
		if l.Report != nil {
			l.Report(err, wait)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-l.Wake:
		case <-after(wait):
		}
	}
	return ctx.Err()
}

// Backoff spreads retries: the pause doubles from Base up to Max, and a random
// part of it, a half to the whole, is waited, so that five hundred devices
// whose server was away do not come back in one second.
type Backoff struct {
	Base time.Duration // 0: 2 seconds
	Max  time.Duration // 0: 5 minutes
	// Random gives numbers in [0, 1). nil waits the whole pause.
	Random func() float64
}

// Wait is the pause after so many failures in a row, from 1.
func (b Backoff) Wait(failures int) time.Duration {
	base, limit := b.Base, b.Max
	if base <= 0 {
		base = 2 * time.Second
	}
	if limit <= 0 {
		limit = 5 * time.Minute
	}
	pause := limit
	if failures < 32 && base<<max(0, failures-1) < limit && base<<max(0, failures-1) > 0 {
		pause = base << max(0, failures-1)
	}
	if b.Random == nil {
		return pause
	}
	return pause/2 + time.Duration(b.Random()*float64(pause)/2)
}
